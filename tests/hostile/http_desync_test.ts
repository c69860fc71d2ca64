/**
 * One request, one response: nothing that goes wrong may put a second response, or a body that nobody has announced, on a
 * connection that somebody else may use next.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Plugin } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { OK, request, response, stage } from "../ingress/http/_stage.ts";

const UNKNOWN = "POST / HTTP/1.1\r\nHost: none.test\r\nTransfer-Encoding: chunked\r\n\r\n";

/** How many responses a text holds. */
function responses(text: string): number {
  return text.match(/HTTP\/1\.1 \d\d\d /g)?.length ?? 0;
}

test("W24: a body that breaks the rules after its answer ends the connection, without a second answer", async () => {
  for (const broken of ["+3\r\nabc\r\n", "3 ;a\r\nabc\r\n", "3\r\nabcX\r\n"]) {
    await using at = await stage();
    const visitor = await at.visit();
    await visitor.write(UNKNOWN);
    assert.equal((await visitor.response()).status, 404);
    await visitor.write(broken + request("GET /hidden"));
    assert.equal(await visitor.rest(), "", broken);
    assert.equal(
      at.server.counters.get("http_protocol_errors", "chunk_extension") +
        at.server.counters.get("http_protocol_errors", "chunk"),
      1,
    );
  }
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(`${UNKNOWN}+3\r\nabc\r\n0\r\n\r\n${request("GET /hidden")}`);
  assert.equal(responses(await visitor.rest()), 1);
});

test("W33: a body that is over its limit after its answer ends the connection, without a second answer", async () => {
  await using at = await stage({ limits: { httpMaxBodyBytes: 10 } });
  const visitor = await at.visit();
  await visitor.write(request("POST /", ["Transfer-Encoding: chunked"], "3\r\nabc\r\n"));
  const origin = await at.next();
  await origin.head();
  await origin.read(8);
  await origin.write(OK);
  assert.equal((await visitor.response()).body, "ok");
  await visitor.write("8\r\n");
  assert.equal(await visitor.rest(), "");
});

test("W25: what a plugin holds of a request that was answered does not hold the next one", async () => {
  const stuck: Plugin = {
    name: "stuck",
    onRequest: (seen) =>
      seen.target === "/stuck"
        ? { body: new TransformStream({ transform: () => new Promise<void>(() => {}) }) }
        : undefined,
  };
  await using at = await stage({ plugins: [stuck] });
  const visitor = await at.visit();
  await visitor.write(request("POST /stuck", ["Content-Length: 10"], "01234"));
  const origin = await at.next();
  await origin.head();
  await visitor.write("5");
  await origin.write(response("413 Content Too Large", ["Content-Length: 3"], "big"));
  const { head, body } = await visitor.response();
  assert.equal(body, "big");
  assert.doesNotMatch(head, /\r\nconnection: close\r\n/i);
  await visitor.write(`6789${request("GET /next")}`);
  assert.match(await (await at.next()).head(), /^GET \/next /);
});

for (const status of [204, 304]) {
  test(`W20: a plugin that makes ${status} of a response with a body puts no body on the connection`, async () => {
    const plugin: Plugin = {
      name: "changes",
      onResponse: (seen) => void (seen.status = seen.from === "service" ? status : seen.status),
    };
    await using at = await stage({ plugins: [plugin] });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(response("200 OK", ["Content-Length: 30"], "HTTP/1.1 200 OK\r\nA: 1\r\n\r\nabcde"));
    const first = await visitor.head();
    await visitor.write("GET / HTTP/1.1\r\nHost: none.test\r\n\r\n");
    const next = await visitor.until("\r\n");
    assert.match(first, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(next, /^HTTP\/1\.1 404 /);
  });

  test(`W20: a plugin that makes 200 of a ${status} says that there is no body`, async () => {
    const plugin: Plugin = {
      name: "changes",
      onResponse: (seen) => void (seen.status = seen.from === "service" ? 200 : seen.status),
    };
    await using at = await stage({ plugins: [plugin] });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    await origin.write(response(`${status} X`));
    assert.match(await visitor.head(), /^HTTP\/1\.1 200 [^]*\r\ncontent-length: 0\r\n/i);
  });
}

test("W20: a service that answers by HTTP/2 without a body gives a visitor of HTTP/1.1 an answer that ends", async () => {
  const service = createServer();
  service.on(
    "stream",
    (stream: ServerHttp2Stream) => stream.respond({ ":status": 201, "x-own": "1" }, { endStream: true }),
  );
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  try {
    const local = { hostname: "127.0.0.1", port: (service.address() as AddressInfo).port };
    await using at = await stage({ service: { local, protocol: "h2c" } });
    const visitor = await at.visit();
    await visitor.write(request("GET /"));
    assert.match(await visitor.head(), /^HTTP\/1\.1 201 [^]*\r\ncontent-length: 0\r\n/i);
    await visitor.write(request("HEAD /"));
    assert.match(await visitor.head(), /^HTTP\/1\.1 201 /);
  } finally {
    await new Promise<void>((resolve) => service.close(() => resolve()));
  }
});
