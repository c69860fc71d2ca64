import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { OK, request, response, stage, Talker } from "../ingress/http/_stage.ts";
import { until } from "../tunnel/world.ts";

test("W12: pipelined requests for several tunnels are each led to their own, and answered in order", async () => {
  await using at = await stage({ more: [{ name: "b" }, { name: "c" }] });
  const visitor = await at.visit();
  const ask = (host: string, path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}.test\r\n\r\n`;
  await visitor.write(
    ask("app", "/1") + ask("b", "/2") + ask("app", "/3") + ask("c", "/4") + ask("none", "/5"),
  );
  const play = async (index: number, path: string): Promise<void> => {
    const origin = new Talker(await at.origins[index]!.next());
    assert.match(await origin.head(), new RegExp(`^GET ${path} `));
    await origin.write(response("200 OK", [`Content-Length: ${path.length}`], path));
    if (path === "/1") {
      assert.match(await origin.head(), /^GET \/3 /);
      await origin.write(response("200 OK", ["Content-Length: 2"], "/3"));
    }
  };
  await Promise.all([play(0, "/1"), play(1, "/2"), play(2, "/4")]);
  for (const path of ["/1", "/2", "/3", "/4"]) assert.equal((await visitor.response()).body, path);
  assert.equal((await visitor.response()).status, 404);
});

test("W12: a request is not sent on before the answer to the one before it is complete", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /1") + request("GET /2"));
  const origin = await at.next();
  await origin.head();
  const before = origin.socket.bytesReceived;
  await origin.write(response("200 OK", ["Content-Length: 4"], "ab"));
  await visitor.head();
  assert.equal(await visitor.read(2), "ab");
  assert.equal(origin.socket.bytesReceived, before);
  await origin.write("cd");
  assert.equal(await visitor.read(2), "cd");
  assert.match(await origin.head(), /^GET \/2 /);
});

test("W24: nothing that follows a request with an error is looked at", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(`GET / HTTP/1.1\r\nHost : app.test\r\n\r\n${request("GET /hidden")}`);
  const text = await visitor.rest();
  assert.match(text, /^HTTP\/1\.1 400 [^]*\r\nconnection: close\r\n/i);
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  assert.equal(at.server.counters.get("streams_opened"), 0);
});

test("W24: a body that breaks the rules ends the exchange and the connection", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("POST /", ["Transfer-Encoding: chunked"], "3\r\nabc\r\n"));
  const origin = await at.next();
  await origin.head();
  assert.equal(await origin.read(8), "3\r\nabc\r\n");
  await visitor.write(`+3\r\nabc\r\n0\r\n\r\n${request("GET /hidden")}`);
  const text = await visitor.rest();
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  await origin.socket.ended;
});

test("W29: a TLS hello, a wrong preface of HTTP/2 and garbage get an answer that ends the connection", async () => {
  await using at = await stage();
  for (
    const bytes of [
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "PRI * HTTP/2.0\r\n\r\nMS\r\n\r\n", // Whole, it would be served.
      "\x00\x00\x00\x00",
    ]
  ) {
    const visitor = await at.visit();
    await visitor.socket.write(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
    assert.match(await visitor.rest(), /^HTTP\/1\.1 (400|505) /);
  }
});

test("W10: the limits of a head are those of the configuration", async () => {
  await using at = await stage({
    limits: { httpMaxHeadBytes: 1024, httpMaxHeaders: 5, httpMaxTargetBytes: 64 },
  });
  const status = async (text: string): Promise<number> => {
    const visitor = await at.visit();
    await visitor.write(text);
    const { status } = await visitor.response();
    await visitor.socket.close();
    return status;
  };
  const ask = (target: string, fields: readonly string[]): string =>
    [`GET ${target} HTTP/1.1`, "Host: none.test", ...fields, "", ""].join("\r\n");
  const pad = (bytes: number): string => {
    const rest = ask("/", ["X-Pad: "]).length;
    return ask("/", [`X-Pad: ${"x".repeat(bytes - rest)}`]);
  };
  assert.equal(await status(ask(`/${"a".repeat(63)}`, [])), 404);
  assert.equal(await status(ask(`/${"a".repeat(64)}`, [])), 414);
  assert.equal(await status(ask("/", ["A: 1", "B: 1", "C: 1", "D: 1"])), 404);
  assert.equal(await status(ask("/", ["A: 1", "B: 1", "C: 1", "D: 1", "E: 1"])), 431);
  assert.equal(pad(1024).length, 1024);
  assert.equal(await status(pad(1024)), 404);
  assert.equal(await status(pad(1025)), 431);
});

test("A connection serves as many requests as allowed, and says which is the last", async () => {
  await using at = await stage({ limits: { httpMaxRequests: 3 } });
  const visitor = await at.visit();
  for (let count = 1; count <= 3; count++) {
    await visitor.write("GET / HTTP/1.1\r\nHost: none.test\r\n\r\n");
    const { head } = await visitor.response();
    assert.equal(/\r\nconnection: close\r\n/i.test(head), count === 3);
  }
  await visitor.write("GET / HTTP/1.1\r\nHost: none.test\r\n\r\n");
  assert.equal(await visitor.rest(), "");
});

test("A visitor that leaves takes its request with it", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("POST /", ["Content-Length: 10"], "01234"));
  const origin = await at.next();
  await origin.head();
  assert.equal(await origin.read(5), "01234");
  await visitor.socket.close();
  await origin.socket.ended;
  while (at.ingress.connections > 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  assert.equal(at.server.counters.get("http_cut_off", "visitor_gone"), 1);
});

test("A visitor that has ended its side still gets its answer", async () => {
  await using at = await stage();
  const visitor = await at.visit();
  await visitor.write(request("GET /"));
  await visitor.socket.end();
  const origin = await at.next();
  await origin.head();
  await origin.write(OK);
  assert.match(await visitor.rest(), /^HTTP\/1\.1 200 [^]*ok$/);
  await visitor.socket.closed;
});

test("The server lets a request under way end when it stops, and lets go whoever says nothing", async () => {
  await using at = await stage({ limits: { drainTimeoutMs: 60_000 } });
  const idle = await at.visit();
  await idle.write(request("GET /"));
  const first = await at.next();
  await first.head();
  await first.write(OK);
  await idle.response();
  const busy = await at.visit();
  await busy.write(request("GET /"));
  await first.head();
  const stopped = at.server.stop();
  assert.equal(await idle.rest(), "");
  await first.write(OK);
  assert.match(await busy.rest(), /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n[^]*ok$/i);
  await stopped;
});

test("W30: what a visitor says about where it comes from is believed of trusted proxies alone", async () => {
  const told = ["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Request-Id: mine"];
  for (const trustedProxies of [["10.0.0.0/8"], ["10.0.0.0/8", "127.0.0.1"]]) {
    await using at = await stage({ http: { trustedProxies } });
    const visitor = await at.visit();
    await visitor.write(request("GET /", told));
    const head = await (await at.next()).head();
    const believed = trustedProxies.length === 2;
    assert.equal(/\r\nx-forwarded-for: 203\.0\.113\.7, 127\.0\.0\.1\r\n/i.test(head), believed, head);
    assert.equal(/\r\nx-forwarded-for: 127\.0\.0\.1\r\n/i.test(head), !believed, head);
    assert.equal(/\r\nx-forwarded-proto: https\r\n/i.test(head), believed, head);
    assert.equal(/\r\nx-request-id: mine\r\n/i.test(head), believed, head);
  }
});

test("P14: a server whose memory for slow readers is nearly used up answers 503 until there is room", async () => {
  await using at = await stage({
    limits: { sessionBufferBytes: 20_000_000, processBufferBytes: 20_000_000, windowBytes: 1_048_576 },
  });
  const slow = await at.visit();
  await slow.write(request("GET /"));
  const origin = await at.next();
  await origin.head();
  slow.socket.pause();
  void origin.write(response("200 OK", [`Content-Length: ${64 * 1024 * 1024}`]));
  void origin.socket.write(new Uint8Array(64 * 1024 * 1024));
  const { memory } = at.server.environment;
  await until(() => memory.usedBytes > 300_000); // So much that this session counts as one that holds memory.
  memory.add(17_000_000); // What others hold.
  const other = await at.visit();
  await other.write(request("GET /"));
  const { status, head } = await other.response();
  assert.equal(status, 503);
  assert.match(head, /\r\nretry-after: 1\r\n/i);
  memory.release(17_000_000);
  await slow.socket.close();
  await other.write(request("GET /now"));
  assert.match(await (await at.next()).head(), /^GET \/now /);
});
