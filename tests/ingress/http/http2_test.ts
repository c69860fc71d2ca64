import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { answerOf, visitByHttp2 } from "./_http2.ts";
import { OK, response, stage, type Talker } from "./_stage.ts";

test("A request by HTTP/2 is HTTP/1.1 to the service, and its answer is HTTP/2 to the visitor", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const stream = visit.request({
    ":path": "/a?b=c",
    ":authority": "APP.test:80",
    cookie: ["a=1", "b=2"],
    "x-own": "value",
    "x-forwarded-for": "1.2.3.4",
  });
  const answer = answerOf(stream);
  const service = await world.next();
  const head = await service.head();
  assert.match(head, /^GET \/a\?b=c HTTP\/1\.1\r\nHost: APP\.test:80\r\n/);
  assert.match(head, /^cookie: a=1; b=2\r$/m);
  assert.match(head, /^x-own: value\r$/m);
  assert.match(head, /^X-Forwarded-For: 127\.0\.0\.1\r$/m);
  assert.doesNotMatch(head, /1\.2\.3\.4|^transfer-encoding|^content-length|^:/im);
  await service.write(response("200 OK", [
    ...["Content-Length: 2", "Set-Cookie: a=1", "Set-Cookie: b=2", "Connection: X-Hop", "X-Hop: 1"],
    ...["X-Kept: yes", "Keep-Alive: timeout=5"],
  ], "ok"));
  const { status, headers, body } = await answer;
  assert.deepEqual([status, body], [200, "ok"]);
  assert.deepEqual(headers["set-cookie"], ["a=1", "b=2"]);
  assert.equal(headers["x-kept"], "yes");
  assert.equal(headers["content-length"], "2");
  for (const hop of ["connection", "keep-alive", "x-hop", "transfer-encoding"]) {
    assert.equal(headers[hop], undefined, hop);
  }
});

test("Requests of one connection are answered as their answers come", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const answers = [answerOf(visit.request({ ":path": "/0" }))];
  const services: Talker[] = [await world.next()];
  answers.push(answerOf(visit.request({ ":path": "/1" })));
  services.push(await world.next());
  const [slow, fast] = services as [Talker, Talker];
  assert.match(await fast.head(), /^GET \/1 /);
  await fast.write(response("200 OK", ["Content-Length: 1"], "1"));
  assert.equal((await answers[1])?.body, "1");
  assert.match(await slow.head(), /^GET \/0 /);
  await slow.write(response("200 OK", ["Content-Length: 1"], "0"));
  assert.equal((await answers[0])?.body, "0");
});

test("A body without a length goes on in chunks, with its trailers, and comes back with trailers", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const stream = visit.session.request(
    { ":method": "POST", ":path": "/", ":authority": "app.test" },
    { waitForTrailers: true },
  );
  stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "abc", authorization: "secret" }));
  const answer = answerOf(stream);
  stream.write("hello");
  const service = await world.next();
  assert.match(await service.head(), /^Transfer-Encoding: chunked\r$/m);
  assert.equal(await service.until("hello\r\n"), "5\r\nhello\r\n");
  stream.end();
  assert.equal(await service.until("\r\n\r\n"), "0\r\nx-sum: abc\r\n\r\n");
  await service.write(
    response(
      "200 OK",
      ["Transfer-Encoding: chunked"],
      "3\r\nabc\r\n0\r\nX-Sum: def\r\nContent-Length: 1\r\n\r\n",
    ),
  );
  const { body, trailers } = await answer;
  assert.equal(body, "abc");
  assert.equal(trailers["x-sum"], "def");
  assert.equal(trailers["content-length"], undefined);
});

test("A body with a length goes on with it", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const stream = visit.request({ ":method": "PUT", "content-length": "5" }, { endStream: false });
  const answer = answerOf(stream);
  stream.end("hello");
  const service = await world.next();
  assert.match(await service.head(), /^Content-Length: 5\r$/m);
  assert.equal(await service.read(5), "hello");
  await service.write(OK);
  assert.equal((await answer).body, "ok");
});

for (const [what, sent] of [["more", "hello!"], ["less", "hell"]] as const) {
  test(`A body with ${what} bytes than its length never reaches the service as a whole one`, async () => {
    await using world = await stage();
    await using visit = visitByHttp2(world.port);
    const stream = visit.request({ ":method": "PUT", "content-length": "5" }, { endStream: false });
    const answer = answerOf(stream).then(({ status }) => status, () => "reset");
    stream.end(sent);
    const service = world.next().then((talker) => talker.rest().catch(() => ""));
    assert.ok([400, "reset"].includes(await answer), String(await answer));
    assert.doesNotMatch(await Promise.race([service, Promise.resolve("")]), /hello$/);
  });
}

test("HEAD, 204 and 304 have no body, and keep the length that they tell", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  for (
    const [method, line, length] of [["HEAD", "200 OK", "7"], ["GET", "204 No Content", undefined], [
      "GET",
      "304 Not Modified",
      "7",
    ]] as const
  ) {
    const answer = answerOf(visit.request({ ":method": method }));
    const service = await world.next();
    await service.head();
    await service.write(
      response(line, length === undefined ? [] : [`Content-Length: ${length}`, "Connection: close"]),
    );
    const { status, body, headers } = await answer;
    assert.deepEqual([status, body], [Number(line.slice(0, 3)), ""]);
    assert.equal(headers["content-length"], length);
    await service.socket.close();
  }
});

test("Interim responses go on to the visitor", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const stream = visit.request();
  const interim: unknown[] = [];
  stream.on("headers", (fields) => interim.push([fields[":status"], fields["link"]]));
  const answer = answerOf(stream);
  const service = await world.next();
  await service.head();
  await service.write(response("103 Early Hints", ["Link: </a>"]) + OK);
  assert.equal((await answer).status, 200);
  assert.deepEqual(interim, [[103, "</a>"]]);
});

test("A response that is cut off reaches the visitor as an error, never as a whole one", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  for (const framing of ["Content-Length: 11", "Transfer-Encoding: chunked"]) {
    const stream = visit.request();
    const begun = new Promise((resolve) => stream.once("data", resolve));
    const answer = answerOf(stream).then(() => "whole", () => "error");
    const service = await world.next();
    await service.head();
    await service.write(response("200 OK", [framing], "5\r\nhello\r\n"));
    await begun;
    await service.socket.close();
    assert.equal(await answer, "error", framing);
  }
});

test("A visitor that resets its request resets the service's, whatever of it had come", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  for (const bytes of [0, 5]) {
    const stream = visit.request({ ":method": "POST" }, { endStream: false });
    stream.on("error", () => {});
    if (bytes > 0) stream.write("hello");
    const service = await world.next();
    await service.head();
    if (bytes > 0) await service.until("hello\r\n");
    stream.close(8);
    assert.doesNotMatch(await service.rest().catch(() => ""), /0\r\n\r\n$/, "no clean end of the body");
  }
});

test("An answer that comes before the request's end is delivered, and the rest is not waited for", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const stream = visit.request({ ":method": "POST" }, { endStream: false });
  stream.write("hello");
  const answer = answerOf(stream);
  const service = await world.next();
  await service.head();
  await service.write(response("413 Too Large", ["Content-Length: 2"], "no"));
  const { status, body } = await answer;
  assert.deepEqual([status, body], [413, "no"]);
  const next = answerOf(visit.request());
  await (await world.next()).write(OK);
  assert.equal((await next).status, 200, "the connection goes on");
});

test("Unknown hosts and clients that are away are answered by the server", async () => {
  await using world = await stage();
  await using visit = visitByHttp2(world.port);
  const unknown = await answerOf(visit.request({ ":authority": "none.test" }));
  assert.equal(unknown.status, 404);
  await world.loseClient();
  const away = await answerOf(visit.request());
  assert.deepEqual([away.status, away.headers["retry-after"]], [503, "5"]);
});

test("A server that stops lets requests end, and says goodbye to visitors without any", async () => {
  await using world = await stage({ limits: { drainTimeoutMs: 10_000 } });
  await using busy = visitByHttp2(world.port);
  await using idle = visitByHttp2(world.port);
  assert.equal((await answerOf(idle.request({ ":authority": "none.test" }))).status, 404);
  const answer = answerOf(busy.request());
  const service = await world.next();
  await service.head();
  const left = new Promise((resolve) => idle.session.once("close", resolve));
  const stopped = world.server.stop();
  await left;
  await service.write(OK);
  assert.equal((await answer).status, 200);
  await stopped;
});

test("A request that reaches its bound is the last of its connection", async () => {
  await using world = await stage({ limits: { httpMaxRequests: 2 } });
  await using visit = visitByHttp2(world.port);
  const closed = new Promise((resolve) => visit.session.once("close", resolve));
  for (const path of ["/1", "/2"]) {
    const answer = await answerOf(visit.request({ ":path": path, ":authority": "none.test" }));
    assert.equal(answer.status, 404);
  }
  await closed;
});
