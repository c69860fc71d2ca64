import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { OK, request, response, type Stage, stage, type Talker } from "./_stage.ts";

/** No deadline is early; it may be so much late. */
const LATE_MS = 1_000;

/** A request that is answered at once, by the server itself. */
const UNKNOWN = "GET / HTTP/1.1\r\nHost: none.test\r\n\r\n";

async function staged(limits = {}): Promise<{ clock: FakeClock; at: Stage }> {
  const clock = new FakeClock();
  return { clock, at: await stage({ clock, limits }) };
}

/** A visitor and its request at the service. */
async function asked(at: Stage, text = request("GET /")): Promise<{ visitor: Talker; origin: Talker }> {
  const visitor = await at.visit();
  await visitor.write(text);
  const origin = await at.next();
  await origin.head();
  return { visitor, origin };
}

test("W11: a head that does not come in time gets 408, however its bytes dribble", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const visitor = await at.visit();
  await visitor.write(`${UNKNOWN}GET / HT`); // Once the first is answered, the second is known to have begun.
  await visitor.response();
  clock.advance(6_000);
  await visitor.write("TP/1.1\r\n");
  clock.advance(3_999);
  assert.equal(at.server.counters.get("http_protocol_errors", "timeout"), 0);
  clock.advance(1 + LATE_MS);
  assert.match(await visitor.rest(), /^HTTP\/1\.1 408 [^]*\r\nconnection: close\r\n/i);
  assert.equal(at.server.counters.get("http_protocol_errors", "timeout"), 1);
});

test("W11: a visitor that says nothing is let go without a word", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const visitor = await at.visit();
  while (at.ingress.connections === 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  clock.advance(10_000 + LATE_MS);
  assert.equal(await visitor.rest(), "");
});

test("A connection may wait httpKeepAliveMs for its next request", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const visitor = await at.visit();
  for (let count = 0; count < 3; count++) {
    await visitor.write(UNKNOWN);
    assert.equal((await visitor.response()).status, 404);
    clock.advance(59_999);
  }
  assert.equal(at.ingress.connections, 1);
  clock.advance(1 + LATE_MS);
  assert.equal(await visitor.rest(), "");
});

test("W11: a body that does not go on gets 408 after httpBodyIdleTimeoutMs", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at, request("POST /", ["Content-Length: 10"], "01234"));
  assert.equal(await origin.read(5), "01234");
  clock.advance(59_999);
  await visitor.write("5678");
  assert.equal(await origin.read(4), "5678"); // It moves: the time begins anew.
  clock.advance(59_999);
  assert.equal(at.server.counters.get("http_failed"), 0);
  clock.advance(1 + LATE_MS);
  assert.match(await visitor.rest(), /^HTTP\/1\.1 408 /);
  await origin.socket.ended;
});

test("A service that does not answer gives 504 after httpResponseTimeoutMs, and its stream is not used again", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at);
  clock.advance(59_999);
  await origin.write("HTTP/1.1 103 Early Hints\r\n\r\n"); // Shows that it is alive.
  await visitor.head();
  clock.advance(59_999);
  assert.equal(at.server.counters.get("http_failed"), 0);
  clock.advance(1 + LATE_MS);
  assert.equal((await visitor.response()).status, 504);
  await origin.socket.ended;
  await visitor.write(request("GET /next"));
  assert.match(await (await at.next()).head(), /^GET \/next /);
});

test("A service may be silent within a response for as long as it likes", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at);
  await origin.write(response("200 OK", ["Content-Length: 4"], "ab"));
  await visitor.head();
  assert.equal(await visitor.read(2), "ab");
  clock.advance(3_600_000);
  await origin.write("cd");
  assert.equal(await visitor.read(2), "cd");
});

test("But not to a visitor that has ended its side: it may be gone", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at);
  await origin.write(response("200 OK", ["Content-Length: 4"], "ab"));
  await visitor.head();
  await visitor.socket.end();
  assert.equal(await visitor.read(2), "ab");
  while (!origin.socket.isEnded) {
    clock.advance(1_000);
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(at.server.counters.get("http_cut_off", "visitor_timeout"), 1);
});

test("W11: a visitor that takes nothing of its response is cut off after httpBodyIdleTimeoutMs", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at);
  visitor.socket.pause();
  const body = new Uint8Array(64 * 1024 * 1024);
  await origin.write(response("200 OK", [`Content-Length: ${body.length}`]));
  const written = origin.socket.write(body);
  let waitedMs = 0;
  while (at.server.counters.get("http_cut_off") === 0) {
    // Until bytes wait in the server, time is nobody's.
    if ((at.server.status().clients[0]?.bufferedBytes ?? 0) > 0) waitedMs += 1_000;
    if (waitedMs > 0) clock.advance(1_000);
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(waitedMs > 60_000, `${waitedMs} ms`);
  assert.equal(await written, false);
  assert.equal(at.server.counters.get("http_cut_off", "visitor_timeout"), 1);
});

test("A stream to a service waits httpIdleOriginMs for its next request", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  const { visitor, origin } = await asked(at);
  await origin.write(OK);
  await visitor.response();
  clock.advance(29_000);
  assert.equal(at.ingress.idleOrigins, 1);
  clock.advance(1_000 + LATE_MS);
  assert.equal(at.ingress.idleOrigins, 0);
  await origin.socket.ended;
});

test("At most httpMaxIdleOrigins streams to a service wait", async () => {
  const { at } = await staged({ httpMaxIdleOrigins: 2 });
  await using _ = at;
  const pairs = [await asked(at), await asked(at), await asked(at)];
  for (const { visitor, origin } of pairs) {
    await origin.write(OK);
    await visitor.response();
  }
  while (at.ingress.idleOrigins !== 2 || !pairs[2]?.origin.socket.isEnded) {
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
});

test("The timer rests when there is nobody whose time it measures", async () => {
  const { clock, at } = await staged();
  await using _ = at;
  assert.equal(clock.pending, 0);
  const { visitor, origin } = await asked(at);
  assert.equal(clock.pending, 1);
  await origin.write(OK);
  await visitor.response();
  await visitor.socket.close();
  while (at.ingress.connections > 0) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  assert.equal(clock.pending, 1); // A stream waits still.
  clock.advance(32_000);
  assert.equal(clock.pending, 0);
});
