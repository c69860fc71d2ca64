import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { runtimeName, test } from "../harness.ts";
import { Program, ROOT, run } from "./support.ts";

const SERVER = ["server", "--bind", "127.0.0.1:0", "--service-host", "127.0.0.1"];
const TOKEN = { FERROTUNNEL_TOKEN: "canary-token" };

async function addressOf(server: Program): Promise<string> {
  const [, address = ""] = await server.until("out", /^clients +(\S+) \(plain TCP\)$/m);
  return address;
}

test("server and tcp carry a visitor to a local service, print where, and end with 0 when asked", async () => {
  const service = createServer((socket) => socket.end("hello from behind")).listen(0, "127.0.0.1");
  await once(service, "listening");
  const local = service.address();
  assert.ok(typeof local === "object" && local !== null);
  try {
    await using server = new Program(SERVER, { environment: TOKEN });
    const address = await addressOf(server);
    await using client = new Program(["tcp", String(local.port), "--server", address, "--name", "greeter"], {
      environment: TOKEN,
    });
    const [, port] = await client.until("out", /^greeter {2}127\.0\.0\.1:\d+ → tcp:\/\/127\.0\.0\.1:(\d+)$/m);
    const visitor = connect(Number(port), "127.0.0.1").setEncoding("utf8");
    let heard = "";
    visitor.on("data", (text: string) => heard += text);
    await once(visitor, "close");
    assert.equal(heard, "hello from behind");
    client.signal("SIGINT");
    assert.equal((await client.finish()).code, 0);
    server.signal("SIGTERM");
    assert.equal((await server.finish()).code, 0);
    assert.ok(!(server.out + server.err + client.out + client.err).includes("canary"));
  } finally {
    service.close();
    await once(service, "close");
  }
});

test("A wrong token ends a client with 3 and one line, and no log shows either token", async () => {
  await using server = new Program([...SERVER, "--log-level", "trace"], { environment: TOKEN });
  const address = await addressOf(server);
  const client = await run(["tcp", "22", "--server", address, "--log-level", "trace"], {
    environment: { FERROTUNNEL_TOKEN: "canary-wrong" },
  });
  assert.equal(client.code, 3);
  assert.equal(client.out, "");
  assert.match(client.err, /^error: .*token.*$/im);
  assert.ok(!/ at .*:\d+:\d+/.test(client.err), client.err);
  await server.until("err", /Refused handshake/);
  assert.ok(!(server.out + server.err + client.err).includes("canary"));
});

test("A client says that its server cannot be reached, and goes on trying until it is stopped", async () => {
  const vacant = createServer().listen(0, "127.0.0.1");
  await once(vacant, "listening");
  const address = vacant.address();
  assert.ok(typeof address === "object" && address !== null);
  vacant.close();
  await once(vacant, "close");
  await using client = new Program(["tcp", "22", "--server", `127.0.0.1:${address.port}`], {
    environment: TOKEN,
  });
  await client.until("err", new RegExp(`127\\.0\\.0\\.1:${address.port}.*trying again in`));
  client.signal("SIGTERM");
  const { code, err } = await client.finish();
  assert.equal(code, 0);
  assert.ok(!/ at .*:\d+:\d+/.test(err), err);
});

test("A second signal ends a draining server with 130", async () => {
  const service = createServer().listen(0, "127.0.0.1");
  await once(service, "listening");
  const local = service.address();
  assert.ok(typeof local === "object" && local !== null);
  const accepted = once(service, "connection");
  try {
    await using server = new Program(SERVER, { environment: TOKEN });
    const address = await addressOf(server);
    await using client = new Program(["tcp", String(local.port), "--server", address], {
      environment: TOKEN,
    });
    const [, port] = await client.until("out", /tcp:\/\/127\.0\.0\.1:(\d+)$/m);
    // The visitor's stream keeps the server from ending.
    const visitor = connect(Number(port), "127.0.0.1");
    visitor.on("error", () => {});
    const [behind] = await accepted;
    behind.on("error", () => {});
    server.signal("SIGTERM");
    await server.until("err", /Stopping after SIGTERM/);
    server.signal("SIGTERM");
    assert.equal((await server.finish()).code, 130);
    visitor.destroy();
    behind.destroy();
  } finally {
    service.close();
    await once(service, "close");
  }
});

test("--log-format json writes one JSON object a line", async () => {
  await using server = new Program([...SERVER, "--log-format", "json"], { environment: TOKEN });
  await addressOf(server);
  server.signal("SIGTERM");
  const { err } = await server.finish();
  const lines = err.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.length >= 2, err);
  for (const line of lines) assert.equal(typeof line.message, "string");
});

test("The admin endpoint is served where the server says", async () => {
  await using server = new Program([...SERVER, "--admin-bind", "127.0.0.1:0"], { environment: TOKEN });
  const [, url = ""] = await server.until("out", /^admin +(http:\S+)$/m);
  const response = await fetch(new URL("/healthz", url));
  await response.body?.cancel();
  assert.equal(response.status, 200);
  server.signal("SIGTERM");
  assert.equal((await server.finish()).code, 0);
});

test("The program needs no more permissions than its documentation names", async () => {
  const documentation = readFileSync(join(ROOT, "docs/cli.md"), "utf8");
  const [, call = ""] =
    /^deno run (--allow.*) src\/main\.ts server --config examples\/server\.yaml$/m.exec(documentation) ?? [];
  const permissions = call.split(" ");
  assert.ok(permissions.includes("--ignore-env"));
  assert.ok(!permissions.includes("--allow-env"));
  const args = [...SERVER, "--config", "examples/server.yaml", "--admin-bind", "127.0.0.1:0"];
  await using server = new Program(args, { environment: TOKEN, permissions });
  await server.until("out", /^admin /m);
  await using client = new Program(["tcp", "22", "--server", await addressOf(server)], {
    environment: TOKEN,
    permissions: [...permissions, "--allow-sys=hostname"],
  });
  // The example permits no port that the system would pick; an answer is an answer.
  await client.until("err", /refused service|is at/);
  client.signal("SIGTERM");
  server.signal("SIGTERM");
  assert.equal((await client.finish()).code, 0);
  assert.equal((await server.finish()).code, 0);
}, { skip: runtimeName === "bun" ? "Bun has no permissions" : undefined });
