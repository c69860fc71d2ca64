import assert from "node:assert/strict";
import process from "node:process";
import { PREFACE } from "../../src/http/http2_frames.ts";
import { CANCELLED, CONTROL_FRAMES, WINDOW_UPDATES } from "../../src/ingress/http/http2_visitor.ts";
import { test } from "../harness.ts";
import { until, within } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { answerOf, frame, FrameTalker, headerBlock, visitByHttp2 } from "../ingress/http/_http2.ts";
import { request, response, type Stage, stage } from "../ingress/http/_stage.ts";

const [DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION] = [0, 1, 3, 4, 6, 8, 9];
const END_STREAM = 1;
const END_HEADERS = 4;
const GET = [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "none.test"]] as const;
const POST = [[":method", "POST"], [":scheme", "http"], [":path", "/"], [":authority", "app.test"]] as const;
const LONG_MS = 50_000;

function limitsHit({ server }: Stage): string[] {
  return [...server.counters.entries()].filter(({ name }) => name === "limits_hit").map(({ label }) => label);
}

async function talk(world: Stage): Promise<FrameTalker> {
  const talker = new FrameTalker((await world.visit()).socket);
  await talker.begin();
  return talker;
}

/** Whether a request on the connection is answered. */
async function lives(talker: FrameTalker, stream: number): Promise<boolean> {
  const before = talker.socket.bytesReceived;
  await talker.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, headerBlock(GET)));
  return await Promise.race([
    until(() => talker.socket.bytesReceived > before + 100, "an answer").then(() => true),
    talker.socket.closed.then(() => false),
  ]);
}

/** One more of what a connection may do only so often. */
async function boundOf(
  world: Stage,
  options: { bound: number; label: string; one: (index: number) => Uint8Array[] },
): Promise<void> {
  const { bound, label, one } = options;
  const talker = await talk(world);
  for (let index = 0; index < bound; index++) await talker.send(...one(index));
  assert.equal(await lives(talker, 2 * bound + 1), true, `after ${bound}`);
  assert.deepEqual(limitsHit(world), []);
  await talker.send(...one(bound + 1));
  await within(talker.socket.ended, "the connection to end");
  assert.deepEqual(limitsHit(world), [label]);
  await using canary = visitByHttp2(world.port);
  assert.equal((await answerOf(canary.request({ ":authority": "none.test" }))).status, 404);
}

test("HTTP/2: the preface is found in pieces of any size", async () => {
  await using world = await stage();
  const rest = [frame(SETTINGS, 0, 0), frame(HEADERS, END_STREAM | END_HEADERS, 1, headerBlock(GET))];
  for (let cut = 1; cut <= PREFACE.length; cut++) {
    const talker = new FrameTalker((await world.visit()).socket);
    await talker.send(PREFACE.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 2)); // So that it comes by itself.
    await talker.send(PREFACE.subarray(cut), ...rest);
    await until(() => talker.socket.bytesReceived > 200, `an answer after a cut at ${cut}`);
    await talker.socket.close();
  }
}, { timeoutMs: LONG_MS });

test("HTTP/2: what only looks like the preface is HTTP/1.1, which serves or refuses it", async () => {
  await using world = await stage();
  for (let cut = 1; cut <= 3; cut++) {
    const visitor = await world.visit();
    const text = request("PROPFIND /", ["Connection: close"]);
    await visitor.write(text.slice(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 2)); // So that it comes by itself.
    await visitor.write(text.slice(cut));
    const service = await world.next();
    assert.match(await service.head(), /^PROPFIND \/ HTTP\/1\.1\r\n/);
    await service.write(response("200 OK", ["Connection: close", "Content-Length: 2"], "ok"));
    assert.equal((await visitor.response()).status, 200);
  }
  for (let cut = 1; cut < PREFACE.length; cut++) {
    const visitor = await world.visit();
    const wrong = PREFACE.slice();
    wrong[cut] = "x".charCodeAt(0);
    await visitor.socket.write(wrong);
    await visitor.write("\r\n\r\n");
    assert.equal((await visitor.response()).status >= 400, true);
  }
}, { timeoutMs: LONG_MS });

test("HTTP/2: so many frames that ask for an answer pass, one more ends the connection", async () => {
  await using world = await stage({ clock: new FakeClock() });
  const ping = frame(PING, 0, 0, new Uint8Array(8));
  // The settings at the beginning count too.
  await boundOf(world, { bound: CONTROL_FRAMES.burst - 1, label: "http2_control_frames", one: () => [ping] });
}, { timeoutMs: LONG_MS });

test("HTTP/2: so many WINDOW_UPDATEs pass, one more ends the connection", async () => {
  await using world = await stage({ clock: new FakeClock() });
  const update = frame(WINDOW_UPDATE, 0, 0, Uint8Array.of(0, 0, 0, 1));
  await boundOf(world, { bound: WINDOW_UPDATES.burst, label: "http2_window_updates", one: () => [update] });
}, { timeoutMs: LONG_MS });

test("HTTP/2: so many requests may be cancelled, one more ends the connection", async () => {
  await using world = await stage({ clock: new FakeClock() });
  const one = (index: number): Uint8Array[] => [
    frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * index, headerBlock(POST)),
    frame(RST_STREAM, 0, 1 + 2 * index, Uint8Array.of(0, 0, 0, 8)),
  ];
  await boundOf(world, { bound: CANCELLED.burst, label: "http2_cancelled", one });
}, { timeoutMs: LONG_MS });

test("HTTP/2: a header block of so many bytes passes, one more ends the connection", async () => {
  await using world = await stage({ limits: { httpMaxHeadBytes: 2048 }, clock: new FakeClock() });
  const block = headerBlock([...GET, ["x-fill", "a".repeat(1500)]]);
  const talker = await talk(world);
  // A frame of nothing is a part of it too.
  await talker.send(
    frame(HEADERS, END_STREAM, 1, block.subarray(0, 100)),
    frame(CONTINUATION, 0, 1),
    frame(CONTINUATION, END_HEADERS, 1, block.subarray(100)),
  );
  assert.equal(await lives(talker, 3), true);
  await talker.send(frame(HEADERS, END_STREAM, 5, new Uint8Array(1024)));
  await talker.send(frame(CONTINUATION, 0, 5, new Uint8Array(1024)));
  assert.deepEqual(limitsHit(world), []);
  await talker.send(frame(CONTINUATION, 0, 5, new Uint8Array(1)));
  await within(talker.socket.ended, "the connection to end");
  assert.deepEqual(limitsHit(world), ["http2_head_bytes"]);
});

test("HTTP/2: a head that swells when it is read is refused, and the memory is not spent", async () => {
  await using world = await stage();
  const talker = await talk(world);
  const before = process.memoryUsage().rss;
  // One field of 4 000 bytes goes into the table; then one byte each stands for it.
  const name = headerBlock([["x", "a".repeat(3_900)]]);
  const indexed = Uint8Array.of(0x40, ...name.subarray(1));
  const block = new Uint8Array(indexed.length + 20_000).fill(0x80 | 62);
  block.set(indexed);
  const head = headerBlock(GET);
  const all = new Uint8Array(head.length + block.length);
  all.set(head);
  all.set(block, head.length);
  let seen = "";
  talker.socket.onData = (chunk) => seen += `${Uint8Array.from(chunk)},`;
  await talker.send(frame(HEADERS, END_STREAM, 1, all.subarray(0, 16_000)));
  await talker.send(frame(CONTINUATION, END_HEADERS, 1, all.subarray(16_000)));
  const refused = `${frame(RST_STREAM, 0, 1, Uint8Array.of(0, 0, 0, 11))}`;
  await until(() => seen.includes(refused), "the request to be refused");
  assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  await using canary = visitByHttp2(world.port);
  assert.equal((await answerOf(canary.request({ ":authority": "none.test" }))).status, 404);
});

test("HTTP/2: so many requests at once are served, one more is refused by itself", async () => {
  await using world = await stage({ limits: { httpMaxStreams: 2 } });
  const talker = await talk(world);
  for (const stream of [1, 3]) {
    await talker.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, headerBlock(POST)));
    await (await world.next()).head();
  }
  let seen = "";
  talker.socket.onData = (chunk) => seen += `${Uint8Array.from(chunk)},`;
  await talker.send(frame(HEADERS, END_STREAM | END_HEADERS, 5, headerBlock(POST)));
  const refused = `${frame(RST_STREAM, 0, 5, Uint8Array.of(0, 0, 0, 7))}`;
  await until(() => seen.includes(refused), "the third to be refused");
});

test("HTTP/2: a connection without a request is closed in time, before the first one and after it", async () => {
  await using world = await stage({ limits: { httpHeadTimeoutMs: 100, httpKeepAliveMs: 100 } });
  const silent = await talk(world);
  await within(silent.socket.ended, "the silent one to end");
  const served = await talk(world);
  assert.equal(await lives(served, 1), true);
  await within(served.socket.ended, "the one that was served to end");
});

test("HTTP/2: a request whose body, and a response whose reader, stand still are ended in time", async () => {
  await using world = await stage({ limits: { httpBodyIdleTimeoutMs: 200 } });
  const slow = await talk(world);
  await slow.send(frame(HEADERS, END_HEADERS, 1, headerBlock(POST)), frame(DATA, 0, 1, Uint8Array.of(1)));
  const service = await world.next();
  await service.head();
  await within(service.rest().catch(() => ""), "the service to be told");
  const reader = await talk(world);
  await reader.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, headerBlock(POST)));
  const other = await world.next();
  await other.head();
  await other.write(`HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n${"a".repeat(1_000_000)}`);
  // Nobody gives the window back that the first 65 535 bytes have used.
  await within(other.socket.ended, "the service to be told");
});
