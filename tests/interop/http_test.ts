import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { listenSockets, type RawSocket } from "../support/raw_socket.ts";
import { Bed, connected, streamsOf } from "./bed.ts";
import { TOKEN, withoutRust } from "./rust_program.ts";
import { say } from "./service.ts";

const decoder = new TextDecoder();
const BODY = "x".repeat(100_000);

/** Answers a request that ends with `BODY` or with its head, and closes. */
function answerOnce(socket: RawSocket): void {
  let request = "";
  socket.onData = (chunk) => {
    request += decoder.decode(chunk);
    const isWhole = request.startsWith("POST") ? request.endsWith(BODY) : request.endsWith("\r\n\r\n");
    if (!isWhole) return;
    const answer = `${request.split(" ")[0]} ${BODY}`;
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\nconnection: close\r\n\r\n`;
    void socket.write(new TextEncoder().encode(head + answer)).then(() => socket.end());
  };
}

test("HTTP visitors of a Rust server reach the service of a client of ours by its tunnel id", async () => {
  await using bed = new Bed();
  const service = await listenSockets({ onSocket: answerOnce });
  bed.later(() => service.close());
  const { port, httpPort } = await bed.rustServer();
  const ours = bed.ourClient(port, service.address, { tunnelId: "shop" });
  await connected(ours);
  for (const [method, body] of [["GET", ""], ["POST", BODY]] as const) {
    const head = [
      `${method} / HTTP/1.1`,
      "host: shop",
      `x-tunnel-token: ${TOKEN}`,
      `content-length: ${body.length}`,
      "connection: close",
    ];
    const visitor = await bed.visitor({ port: httpPort });
    await say(visitor, `${head.join("\r\n")}\r\n\r\n${body}`);
    const response = decoder.decode(await visitor.readToEnd());
    assert.match(response, /^HTTP\/1\.1 200 /);
    assert.equal(response.slice(response.indexOf("\r\n\r\n") + 4), `${method} ${BODY}`);
    await visitor.end();
  }
  await until(() => streamsOf(ours.client) === 0, "no stream is left", 15_000);
}, { skip: withoutRust });
