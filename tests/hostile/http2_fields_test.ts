/**
 * Header fields and trailers whose names mean something to JavaScript, or that may not come twice, on their way into HTTP/2.
 *
 * @module
 */
import assert from "node:assert/strict";
import { answerOf, visitByHttp2 } from "../ingress/http/_http2.ts";
import { request, response, stage } from "../ingress/http/_stage.ts";
import { test } from "../harness.ts";

/** Names that every object of JavaScript answers to, and fields of which `node:http2` wants but one. */
const FIELDS = [
  "constructor: a",
  "__proto__: a",
  "toString: a",
  "etag: a",
  "etag: b",
  "x-note: a",
  "x-note: b",
];

test("HTTP/2: trailers of any name, doubled ones too, end no process", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const answer = answerOf(visit.request());
  const service = await world.next();
  await service.head();
  await service.write(
    response("200 OK", ["Transfer-Encoding: chunked"], ["2", "ok", "0", ...FIELDS, "", ""].join("\r\n")),
  );
  const { body, trailers } = await answer;
  assert.equal(body, "ok");
  assert.match(String(trailers["x-note"]), /^a,\s*b$/);
});

test("HTTP/2: header fields of any name, doubled ones too, reach the visitor", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const answer = answerOf(visit.request());
  const service = await world.next();
  await service.head();
  await service.write(response("200 OK", [...FIELDS, "Content-Length: 2"], "ok"));
  const { status, body, headers } = await answer;
  assert.deepEqual([status, body, headers["constructor"]], [200, "ok", "a"]);
});

test("HTTP/2: a service that does not speak it gets nothing of a request, whatever its visitor calls a gRPC call", async () => {
  await using world = await stage();
  for (const body of ["\r\n\r\nGET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n", ""]) {
    const visitor = await world.visit();
    await visitor.write(
      request("POST /secret", ["Content-Type: application/grpc", `Content-Length: ${body.length}`], body),
    );
    const service = await world.next();
    const preface = await service.until("SM\r\n\r\n");
    await service.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    assert.equal((await visitor.response()).status, 502);
    assert.equal(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // SETTINGS, WINDOW_UPDATE and GOAWAY are all that may follow.
    assert.doesNotMatch(await service.rest().catch(() => ""), /hidden|HTTP|x-forwarded|secret/);
    assert.ok(service.socket.bytesReceived < 150, `${service.socket.bytesReceived} bytes`);
  }
});
