import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { OK, request, response, stage } from "./_stage.ts";

test("A request reaches its service with who sent it, and the answer comes back", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /a/b?c=d", ["Accept: */*", "X-Forwarded-For: 6.6.6.6"]));
  const origin = await at.next();
  const head = await origin.head();
  assert.match(head, /^GET \/a\/b\?c=d HTTP\/1\.1\r\n/);
  assert.match(head, /\r\nHost: app\.test\r\n/i);
  assert.match(head, /\r\nX-Forwarded-For: 127\.0\.0\.1\r\n/i);
  assert.match(head, /\r\nX-Forwarded-Proto: http\r\n/i);
  assert.match(head, /\r\nX-Request-Id: [0-9a-f]{32}\r\n/i);
  assert.doesNotMatch(head, /6\.6\.6\.6/);
  await origin.write(response("200 Fine", ["X-Own: yes", "Content-Length: 5"], "hello"));
  const answer = await visitor.response();
  assert.match(answer.head, /^HTTP\/1\.1 200 Fine\r\n/);
  assert.match(answer.head, /\r\nX-Own: yes\r\n/);
  assert.equal(answer.body, "hello");
});

test("Both connections are used again, one request after the other", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /0"));
  const origin = await at.next();
  for (let count = 0; count < 5; count++) {
    assert.match(await origin.head(), new RegExp(`^GET /${count} `));
    await origin.write(OK);
    assert.equal((await visitor.response()).body, "ok");
    assert.equal(at.ingress.idleOrigins, 1);
    await visitor.write(request(`GET /${count + 1}`));
  }
  assert.match(await origin.head(), /^GET \/5 /);
});

test("Another visitor's request goes over the same stream when it is idle", async () => {
  await using at = await stage();
  const first = await at.visit();
  await first.write(request("GET /1"));
  const origin = await at.next();
  await origin.head();
  await origin.write(OK);
  await first.response();
  const second = await at.visit();
  await second.write(request("GET /2"));
  assert.match(await origin.head(), /^GET \/2 /);
  await origin.write(OK);
  assert.equal((await second.response()).body, "ok");
});

test("A host that nobody has gets 404, in the form that the visitor accepts, with the request's id", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write("GET / HTTP/1.1\r\nHost: other.test\r\nAccept: application/json\r\n\r\n");
  const { head, status, body } = await visitor.response();
  assert.equal(status, 404);
  const id = /\r\nx-request-id: ([0-9a-f]{32})\r\n/i.exec(head)?.[1] ?? "";
  assert.match(head, /\r\ncontent-type: application\/json/i);
  assert.ok(body.includes(id));
  await visitor.write(request("GET /again")); // The connection is not worse for it.
  assert.match(await (await at.next()).head(), /^GET \/again /);
  assert.equal(at.server.counters.get("http_failed", "unknown_host"), 1);
});

test("A service whose client is away gets 503 with Retry-After", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await at.loseClient();
  await visitor.write(request("GET /"));
  const { status, head } = await visitor.response();
  assert.equal(status, 503);
  assert.match(head, /\r\nretry-after: \d+\r\n/i);
  assert.equal(at.server.counters.get("http_failed", "client_away"), 1);
});

test("A local service that is down gets 502", async () => {
  await using at = await stage();
  await at.origin.close();
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  assert.equal((await visitor.response()).status, 502);
  await visitor.write(request("HEAD /"));
  assert.equal((await visitor.response("HEAD")).status, 502); // Its body may not follow.
  await visitor.write(request("GET /"));
  assert.equal((await visitor.response()).status, 502);
  assert.equal(at.server.counters.get("http_failed", "service_unreachable"), 3);
});

test("A session without room for one more stream gets 503, and serves again when there is room", async () => {
  await using at = await stage({ limits: { maxStreams: 2 } });
  const visitors = [await at.visit(), await at.visit(), await at.visit()];
  const origins = [];
  for (const visitor of visitors.slice(0, 2)) {
    await visitor.write(request("GET /"));
    const origin = await at.next();
    await origin.head();
    origins.push(origin);
  }
  await visitors[2]?.write(request("GET /"));
  assert.equal((await visitors[2]?.response())?.status, 503);
  await origins[0]?.write(OK);
  assert.equal((await visitors[0]?.response())?.status, 200);
  await visitors[2]?.write(request("GET /now"));
  assert.match(await origins[0]?.head() ?? "", /^GET \/now /);
});

test("Header rules and the rewritten host of a service are applied", async () => {
  await using at = await stage({
    service: {
      rewriteHost: "inner.test:81",
      requestHeaders: { set: { "x-set": "1" }, remove: ["x-gone"] },
      responseHeaders: { set: { "x-back": "2" }, remove: ["server"] },
    },
  });
  const visitor = await at.visit();
  await visitor.write(request("GET /", ["X-Gone: 1", "X_Gone: 1", "X-Set: 0", "x_set: 0", "X-Kept: 1"]));
  const origin = await at.next();
  const head = await origin.head();
  assert.match(head, /\r\nHost: inner\.test:81\r\n/i);
  assert.match(head, /\r\nx-set: 1\r\n/i);
  assert.match(head, /\r\nX-Kept: 1\r\n/);
  assert.doesNotMatch(head, /x[-_]gone|x[-_]set: 0/i);
  await origin.write(response("200 OK", ["Server: secret", "Content-Length: 0"]));
  const answer = await visitor.response();
  assert.match(answer.head, /\r\nx-back: 2\r\n/i);
  assert.doesNotMatch(answer.head, /secret/);
});

test("At most maxConnections visitors are taken; the next one is closed", async () => {
  await using at = await stage({ limits: { maxConnections: 2 } });
  const inside = [await at.visit(), await at.visit()];
  for (const visitor of inside) {
    await visitor.write("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert.equal((await visitor.response()).status, 404);
  }
  const refused = await at.visit();
  await refused.socket.ended;
  assert.equal(at.server.counters.get("visitors_refused", "max_connections"), 1);
  await inside[0]?.socket.close();
  while (at.ingress.connections === 2) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  const next = await at.visit();
  await next.write("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  assert.equal((await next.response()).status, 404);
});

test("A visitor that asks for the connection's end gets it after the answer", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /", ["Connection: close"]));
  const origin = await at.next();
  assert.doesNotMatch(await origin.head(), /connection/i); // What it says is about its own connection.
  await origin.write(OK);
  assert.match(await visitor.rest(), /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n[^]*ok$/i);
  assert.equal(at.ingress.idleOrigins, 1);
});
