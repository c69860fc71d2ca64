/**
 * A plugin that keeps visitors out is asked about every request, however it is written.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Plugin, RequestVerdict } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { answerOf, visitByHttp2 } from "../ingress/http/_http2.ts";
import { OK, stage } from "../ingress/http/_stage.ts";

const WEBSOCKET = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** Requests in every form that leads to `app.test`. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  "as usual": ["GET / HTTP/1.1", "Host: app.test"],
  "in HTTP/1.0": ["GET / HTTP/1.0", "Host: app.test", "Connection: keep-alive"],
  "with the host in capitals, a dot and a port": ["GET / HTTP/1.1", "Host: APP.Test.:8080"],
  "in absolute form": ["GET http://app.test/ HTTP/1.1", "Host: app.test"],
  "in absolute form with another scheme": ["GET https://app.test/ HTTP/1.1", "Host: app.test"],
  "for the server as a whole": ["OPTIONS * HTTP/1.1", "Host: app.test"],
  "with a method of its own": ["get / HTTP/1.1", "Host: app.test"],
  "for WebSocket": ["GET / HTTP/1.1", "Host: app.test", ...WEBSOCKET],
  "for another protocol": ["GET / HTTP/1.1", "Host: app.test", "Connection: Upgrade", "Upgrade: h2c"],
  "as a gRPC call": [
    "POST / HTTP/1.1",
    "Host: app.test",
    "Content-Type: application/grpc",
    "Content-Length: 0",
  ],
  "with the key among what belongs to the connection": [
    "GET / HTTP/1.1",
    "Host: app.test",
    "Connection: X-Key",
  ],
  "without waiting to be asked for the body": [
    "POST / HTTP/1.1",
    "Host: app.test",
    "Expect: 100-continue",
    "Content-Length: 0",
  ],
};

function guard(): Plugin & { asked: number } {
  return {
    name: "guard",
    guards: true,
    asked: 0,
    onRequest({ headers }): RequestVerdict {
      this.asked++;
      return headers.get("x-key") === "right" ? undefined : { answer: { status: 401 } };
    },
  };
}

for (const [name, lines] of Object.entries(FORMS)) {
  test(`W17: a guard is asked about a request ${name}, also behind one that it has let in`, async () => {
    const plugin = guard();
    await using at = await stage({ plugins: [plugin] });
    const visitor = await at.visit();
    const text = [...lines, "", ""].join("\r\n");
    await visitor.write(`GET /in HTTP/1.1\r\nHost: app.test\r\nX-Key: right\r\n\r\n${text}${text}`);
    const origin = await at.next();
    assert.match(await origin.head(), /^GET \/in /);
    const before = origin.socket.bytesReceived;
    await origin.write(OK);
    assert.equal((await visitor.response()).status, 200);
    for (let count = 0; count < 2; count++) assert.equal((await visitor.response()).status, 401);
    assert.equal(plugin.asked, 3);
    assert.equal(origin.socket.bytesReceived, before);
    assert.equal(at.server.counters.get("streams_opened"), 1);
  });
}

test("W17: a guard is asked about every request of an HTTP/2 connection", async () => {
  const plugin = guard();
  await using at = await stage({ plugins: [plugin] });
  await using visit = visitByHttp2(at.port);
  const fields = [{}, { ":authority": "APP.test.:1" }, {
    "content-type": "application/grpc",
    ":method": "POST",
  }];
  const answers = await Promise.all(fields.map((field) => answerOf(visit.request(field))));
  assert.deepEqual(answers.map(({ status }) => status), [401, 401, 401]);
  assert.equal(plugin.asked, 3);
  assert.equal(at.server.counters.get("streams_opened"), 0);
});

test("W30: what trusted proxies tell of a visitor's address is read with its port, up to the first that is not theirs", async () => {
  const told: Readonly<Record<string, string>> = {
    "203.0.113.7": "203.0.113.7",
    "203.0.113.7:4711": "203.0.113.7",
    "[2001:db8::1]:4711": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "10.0.0.1, 203.0.113.7:4711, 10.0.0.2": "203.0.113.7",
    "10.0.0.1, nobody, 10.0.0.2": "10.0.0.2",
    "203.0.113.7:": "127.0.0.1",
    "unknown": "127.0.0.1",
  };
  const seen: string[] = [];
  const watch: Plugin = {
    name: "watch",
    onRequest: ({ visitor }) => {
      seen.push(visitor);
      return { answer: { status: 204 } };
    },
  };
  await using at = await stage({
    plugins: [watch],
    http: { trustedProxies: ["127.0.0.1", "10.0.0.0/8"] },
  });
  const visitor = await at.visit();
  for (const value of Object.keys(told)) {
    await visitor.write(`GET / HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-For: ${value}\r\n\r\n`);
    assert.match(await visitor.head(), /^HTTP\/1\.1 204 /);
  }
  assert.deepEqual(seen, Object.values(told));
});
