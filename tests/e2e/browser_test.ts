import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runtimeName, test } from "../harness.ts";
import { selfSigned } from "../support/identities.ts";
import { missing, programPath } from "../support/programs.ts";
import { MIXES, nameOf, startProgram, startServerProcess } from "../support/tunnel_process.ts";
import { Stage } from "./_stage.ts";

const ASSETS = 50;
const HOST = "app.test";

/** Runs in the page. Loads what it has to, and says how. */
const SCRIPT = `
async function check() {
  const bodies = await Promise.all(Array.from({ length: ${ASSETS} }, async (_, index) => {
    const response = await fetch("/asset/" + index);
    return (await response.text()).length;
  }));
  const socket = new WebSocket("wss://" + location.host + "/echo");
  const echo = await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error("WebSocket"));
  });
  socket.close();
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return { bodies, echo, protocols: entries.map(({ nextHopProtocol }) => nextHopProtocol) };
}`;

/** A page with its assets, and a WebSocket that echoes texts of up to 125 bytes. */
async function startSite(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((request, response) => {
    const asset = /^\/asset\/(\d+)$/.exec(request.url ?? "");
    if (asset !== null) return void response.end("x".repeat(1_000 * (1 + Number(asset[1]))));
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><title>ready</title><script>${SCRIPT}</script>`);
  });
  server.on("upgrade", (request, socket) => {
    const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.on("error", () => {});
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on("data", (frame: Uint8Array) => {
      const length = (frame[1] ?? 0) & 0x7f;
      const mask = frame.subarray(2, 6);
      const text = frame.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      if ((frame[0] ?? 0) !== 0x81) return void socket.end();
      socket.write(Uint8Array.of(0x81, length, ...text));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

for (const mix of MIXES) {
  test(
    `A browser loads a page with ${ASSETS} assets by HTTP/2, and speaks WebSocket (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const site = stage.keep(await startSite());
      const files = { cert: join(stage.folder, "cert.pem"), key: join(stage.folder, "key.pem") };
      const { cert, key } = selfSigned(HOST);
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
      const file = join(stage.folder, "server.yaml");
      writeFileSync(
        file,
        JSON.stringify({ http: { https: { bind: "127.0.0.1:0", certificates: [files] } } }),
      );
      const server = await stage.run(startServerProcess({ runtime: mix.server, args: ["--config", file] }));
      const [, port] = await server.program.line(/^https +127\.0\.0\.1:(\d+)$/);
      const client = stage.keep(startProgram([
        ...[
          "http",
          String(site.port),
          "--server",
          `127.0.0.1:${server.port}`,
          "--host",
          HOST,
          "--name",
          "site",
        ],
      ], { runtime: mix.client }));
      await client.line(/^site .* → https:/);
      // Loaded here, since it reads `/proc` at once, which Deno shows only to who may do everything.
      const { chromium } = await import("playwright-core");
      const browser = await chromium.launch({
        executablePath: programPath("chromium"),
        args: ["--no-sandbox", "--ignore-certificate-errors", `--host-resolver-rules=MAP ${HOST} 127.0.0.1`],
      });
      try {
        const page = await browser.newPage();
        await page.goto(`https://${HOST}:${port}/`);
        assert.equal(await page.title(), "ready");
        const seen = await page.evaluate("check()") as {
          bodies: number[];
          echo: string;
          protocols: string[];
        };
        assert.deepEqual(seen.bodies, Array.from({ length: ASSETS }, (_, index) => 1_000 * (1 + index)));
        assert.equal(seen.echo, "hello");
        assert.deepEqual([...new Set(seen.protocols)], ["h2"]);
        assert.ok(seen.protocols.length > ASSETS);
      } finally {
        await browser.close();
      }
    },
    {
      skip: runtimeName === "deno" ? "the driver needs every permission; tried on Bun" : missing("chromium"),
      timeoutMs: 120_000,
    },
  );
}
