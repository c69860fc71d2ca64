/**
 * Raw requests are given to `node:http` and to ours: whatever ours accepts, `node:http` must read alike, so that no request
 * means one thing to us and another to a service behind us.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { encodeRequestHead } from "../../src/http/head_encoder.ts";
import { forwardRequest } from "../../src/http/forward.ts";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import type { RequestHead } from "../../src/http/types.ts";
import { runtimeName, test } from "../harness.ts";
import { CORPUS, Dice, mutated, runs } from "./corpus.ts";
import { bytesOf, scanBody, textOf } from "./support.ts";

interface Reading {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** What ours makes of a request and its body; undefined when it is refused or not whole. */
function readOurs(
  text: string,
): { head: RequestHead; body: ReturnType<typeof scanBody>; raw: string } | undefined {
  try {
    const parsed = new RequestHeadParser().push(bytesOf(text));
    if (parsed === undefined) return undefined;
    const body = scanBody(text.slice(parsed.end), parsed.head.framing, { pieces: "payload" });
    if (!body.done) return undefined;
    return { head: parsed.head, body, raw: text.slice(0, text.length - body.rest.length) };
  } catch (error) {
    if (error instanceof HttpError) return undefined;
    throw error;
  }
}

/** A server of `node:http` that tells what it has read as JSON. */
async function startServer(): Promise<{ server: Server; ask(text: string): Promise<Reading | string> }> {
  const server = createServer({ insecureHTTPParser: false }, (message, reply) => {
    const pieces: Uint8Array[] = [];
    message.on("data", (piece: Uint8Array) => pieces.push(piece));
    message.on("end", () => {
      const raw = message.rawHeaders;
      const headers = raw.flatMap((name, index) => index % 2 === 0 ? [[name, raw[index + 1] ?? ""]] : []);
      const body = pieces.map(textOf).join("");
      reply.setHeader("Connection", "close");
      reply.end(JSON.stringify({ method: message.method, target: message.url, headers, body }));
    });
  });
  server.on("checkContinue", (message, reply) => server.emit("request", message, reply));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (text: string): Promise<Reading | string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      const pieces: Uint8Array[] = [];
      socket.on("data", (piece: Uint8Array) => pieces.push(piece));
      socket.on("error", reject);
      socket.on("close", () => {
        const answer = pieces.map(textOf).join("");
        const [head = "", body = ""] = answer.split("\r\n\r\n");
        resolve(
          head.startsWith("HTTP/1.1 200")
            ? JSON.parse(new TextDecoder().decode(bytesOf(unchunked(head, body)))) as Reading
            : head,
        );
      });
      socket.write(bytesOf(text));
    });
  return { server, ask };
}

function unchunked(head: string, body: string): string {
  return /transfer-encoding: chunked/i.test(head)
    ? scanBody(`${body}\r\n\r\n`, { kind: "chunked" }).out
    : body;
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Only methods that node:http knows can be compared. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

test("whatever we accept and send on, node:http reads alike", async () => {
  const { server, ask } = await startServer();
  try {
    const dice = new Dice(20_261_125);
    const texts = [...CORPUS, ...Array.from({ length: runs(1_500) }, () => mutated(dice))];
    let compared = 0;
    for (const text of texts) {
      const ours = readOurs(text);
      if (ours === undefined || !METHODS.has(ours.head.method) || ours.head.method === "HEAD") continue;
      // Bun's node:http does not know the target `*`.
      if (runtimeName === "bun" && ours.head.target === "*") continue;
      const { head, body } = ours;
      const direct = await ask(ours.raw);
      compared++;
      assert.ok(typeof direct === "object", `${JSON.stringify(text)} is refused: ${String(direct)}`);
      const target = head.target === direct.target ||
        direct.target.replace(/^https?:\/\/[^/?]*/i, "") === head.target ||
        direct.target.toLowerCase().startsWith("http");
      assert.ok(target, `${JSON.stringify(text)}: ${direct.target}`);
      assert.equal(direct.method, head.method);
      assert.deepEqual(direct.headers, [...head.headers], JSON.stringify(text));
      assert.equal(direct.body, body.out, JSON.stringify(text));
      // And as we send it on, with what we have passed on verbatim.
      const passed = scanBody(
        ours.raw.slice(new RequestHeadParser().push(bytesOf(ours.raw))!.end),
        head.framing,
        {
          pieces: "verbatim",
        },
      );
      const forwarded = forwardRequest(head, { address: "192.0.2.1", scheme: "http" });
      const onward = await ask(textOf(encodeRequestHead(forwarded)) + passed.out);
      assert.ok(
        typeof onward === "object",
        `${JSON.stringify(text)} is refused when sent on: ${String(onward)}`,
      );
      assert.deepEqual([onward.method, onward.target, onward.body], [head.method, head.target, body.out]);
    }
    assert.ok(compared > texts.length / 20, `Only ${compared} of ${texts.length} were compared`);
  } finally {
    await stop(server);
  }
}, { timeoutMs: 600_000 });
