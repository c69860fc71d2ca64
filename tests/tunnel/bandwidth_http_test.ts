import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import { test } from "../harness.ts";
import { TOKEN, World } from "./world.ts";

const RATE = 400_000;
const BODY = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff);

test("F33: bandwidth delays requests and responses over HTTP, and changes no byte of them", async () => {
  await using world = new World();
  const web = createServer((incoming, response) => {
    const chunks: Uint8Array[] = [];
    incoming.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    incoming.on("end", () => response.end(Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))));
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  world.defer(() => {
    web.closeAllConnections();
    return new Promise<void>((resolve) => web.close(() => resolve()));
  });
  const { server, port } = await world.server({
    http: { bind: { hostname: "127.0.0.1", port: 0 } },
    tokens: [{ name: "first", hash: hashToken(TOKEN), bandwidth: RATE }],
  });
  const local = { hostname: "127.0.0.1", port: (web.address() as AddressInfo).port };
  const { client } = world.client(port, {
    services: [{ name: "web", kind: "http", local, hosts: ["a.test"] }],
  });
  await client.ready;
  const begun = performance.now();
  const received: number[] = [];
  await new Promise<void>((resolve, reject) => {
    const headers = { host: "a.test", connection: "close" };
    const outgoing = request(
      { port: server.httpAddress?.port, host: "127.0.0.1", method: "POST", headers },
      (response) => {
        response.on("data", (chunk: Uint8Array) => received.push(...chunk));
        response.on("end", resolve);
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(BODY);
  });
  const seconds = (performance.now() - begun) / 1000;
  assert.deepEqual(received, [...BODY]);
  // The service answers when it has the whole request: one direction after the other. A tenth of a second is saved up for each,
  // and one read of the request may go ahead of its payment.
  const least = (2 * (BODY.length - RATE / 10) - 65_536) / RATE;
  assert.ok(seconds > least, `${seconds} s, at least ${least} s`);
});
