import assert from "node:assert/strict";
import {
  BATCH_BYTES,
  MAX_COPIED_PAYLOAD_BYTES,
  MAX_QUEUED_CONTROL_BYTES,
  MAX_TURNS_PASSED_OVER,
  Outbox,
} from "../../src/mux/outbox.ts";
import { encodeGoAway, WINDOW_UPDATE_BYTES } from "../../src/wire/frame.ts";
import { DATA_HEADER_BYTES } from "../../src/wire/limits.ts";
import type { Priority } from "../../src/wire/messages.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { test } from "../harness.ts";
import { FakeSender, type FakeSenderOptions } from "./fake_sender.ts";

const FRAME_BYTES = 64 * 1024;
const LARGE_BYTES = MAX_COPIED_PAYLOAD_BYTES + 1;
const CONTROL = encodeGoAway("replaced");

function makeOutbox(
  frameBytes = FRAME_BYTES,
): { outbox: Outbox; sender(options: FakeSenderOptions): FakeSender } {
  const outbox = new Outbox(() => frameBytes);
  return { outbox, sender: (options) => new FakeSender(outbox, options) };
}

/** The frames in `bytes`, as short words: "go_away", "credit 2", "2:100", and "2:100." for an end. */
function words(...writes: (Uint8Array | undefined)[]): string[] {
  const found: string[] = [];
  const parser = new FrameParser({
    control: (message) => void found.push(message.type),
    dataHeader: ({ streamId, payloadBytes, end }) =>
      void found.push(`${streamId}:${payloadBytes}${end ? "." : ""}`),
    data: (piece) => assert(piece.every((byte) => byte === Number(found.at(-1)?.split(":")[0]))),
    windowUpdate: (streamId) => void found.push(`credit ${streamId}`),
    goAway: () => void found.push("go_away"),
  });
  parser.authenticated = parser.extensions = true;
  for (const bytes of writes) parser.push(bytes ?? new Uint8Array(0));
  return found;
}

/** Everything that waits, one word list for each write. */
function writesOf(outbox: Outbox): string[][] {
  const writes: string[][] = [];
  for (let bytes = outbox.next(); bytes !== undefined; bytes = outbox.next()) {
    writes.push(words(bytes));
    outbox.written();
  }
  return writes;
}

test("Outbox has nothing to write at first", () => {
  assert.equal(makeOutbox().outbox.next(), undefined);
});

test("Outbox sends control frames before data that waited longer, all in one write", () => {
  const { outbox, sender } = makeOutbox();
  sender({ id: 2 }).send(100);
  outbox.control(CONTROL);
  outbox.windowUpdate(8, 1000);
  assert.deepEqual(writesOf(outbox), [["go_away", "credit 8", "2:100"]]);
});

test("Outbox sends by priority: critical, high, normal, low", () => {
  const { outbox, sender } = makeOutbox();
  const priorities: Priority[] = ["low", "normal", "critical", "high"];
  priorities.forEach((priority, index) => sender({ id: index + 1, priority }).send(10));
  assert.deepEqual(writesOf(outbox), [["3:10", "4:10", "2:10", "1:10"]]);
});

test("Outbox serves senders of one priority in turn", () => {
  const { outbox, sender } = makeOutbox(16 * 1024);
  for (const id of [1, 2, 3]) sender({ id }).send(40_000);
  const turns = writesOf(outbox).flat();
  assert.deepEqual(turns, [
    ...["1:16384", "2:16384", "3:16384", "1:16384", "2:16384", "3:16384"],
    ...["1:7232", "2:7232", "3:7232"],
  ]);
});

for (const bytes of [100, LARGE_BYTES]) {
  for (const gathered of [false, true]) {
    test(
      `Outbox lets a low priority wait ${MAX_TURNS_PASSED_OVER} turns, not for ever: ${bytes} bytes, ${
        gathered ? "between control frames" : "alone"
      }`,
      () => {
        const { outbox, sender } = makeOutbox();
        const high = sender({ id: 1, priority: "high" });
        high.whenDone = () => high.send(100);
        high.send(100);
        sender({ id: 2, priority: "low" }).send(bytes);
        const frames: string[] = [];
        for (let i = 0; i < 100 && !frames.includes(`2:${bytes}`); i++) {
          if (gathered) outbox.control(CONTROL);
          frames.push(...words(outbox.next()));
          outbox.written();
          const follow = frames.includes(`2:${bytes}`) ? outbox.next() : undefined;
          if (follow !== undefined) outbox.written();
        }
        const before = frames.filter((frame) => frame !== "go_away").indexOf(`2:${bytes}`);
        assert.equal(before, MAX_TURNS_PASSED_OVER);
      },
    );
  }
}

test("A large chunk goes out although control frames gather during every write", () => {
  const { outbox, sender } = makeOutbox();
  const bulk = sender({ id: 2 });
  bulk.send(10 * FRAME_BYTES);
  let writes = 0;
  while (bulk.chunk !== undefined && writes < 100) {
    outbox.windowUpdate(4, 1000);
    assert(outbox.next() !== undefined);
    outbox.windowUpdate(4, 1000);
    outbox.written();
    writes++;
  }
  assert.equal(bulk.chunk, undefined, `still waiting after ${writes} writes`);
});

test("Outbox puts small frames into one write up to the batch's size", () => {
  const { outbox, sender } = makeOutbox();
  for (let id = 1; id <= 10; id++) sender({ id }).send(MAX_COPIED_PAYLOAD_BYTES);
  const writes = writesOf(outbox);
  assert.equal(writes[0]?.length, BATCH_BYTES / MAX_COPIED_PAYLOAD_BYTES);
  assert.equal(writes.flat().length, 10);
  assert.equal(writes.length, 2);
});

test("Outbox frees the memory of a small chunk at once, and that of a large one when it is written", () => {
  const { outbox, sender } = makeOutbox();
  const small = sender({ id: 2 });
  small.send(MAX_COPIED_PAYLOAD_BYTES);
  outbox.next();
  assert.equal(small.releases, 1);
  outbox.written();
  const large = sender({ id: 4 });
  large.send(LARGE_BYTES);
  const bytes = outbox.next();
  assert.equal(large.releases, 0);
  assert.equal(bytes?.buffer, large.chunk?.buffer, "the chunk's own memory, header and payload");
  assert.equal(bytes?.length, DATA_HEADER_BYTES + LARGE_BYTES);
  outbox.written();
  assert.equal(large.releases, 1);
});

test("Without headroom the header goes first, then the payload, and nothing in between", () => {
  const { outbox, sender } = makeOutbox();
  const large = sender({ id: 2, headroom: false });
  const critical = sender({ id: 4, priority: "critical" });
  large.send(LARGE_BYTES);
  const header = outbox.next();
  assert.equal(header?.length, DATA_HEADER_BYTES);
  outbox.control(CONTROL);
  critical.send(5);
  const copy = header.slice();
  outbox.written();
  assert.equal(large.releases, 0, "only the header has gone");
  const payload = outbox.next();
  assert.equal(payload?.buffer, large.chunk?.buffer);
  assert.deepEqual(words(copy, payload), [`2:${LARGE_BYTES}`]);
  outbox.written();
  assert.equal(large.releases, 1);
  assert.deepEqual(writesOf(outbox), [["go_away", "4:5"]]);
});

test("A sender that closes between its header and its payload still sends the payload", () => {
  const { outbox, sender } = makeOutbox();
  const large = sender({ id: 2, headroom: false });
  large.send(LARGE_BYTES);
  const header = outbox.next()?.slice();
  large.close();
  outbox.written();
  assert.deepEqual(words(header, outbox.next()), [`2:${LARGE_BYTES}`]);
});

test("Outbox splits a chunk by credit, and goes on when there is more", () => {
  const { outbox, sender } = makeOutbox();
  const stream = sender({ id: 2, creditBytes: 100 });
  stream.send(250);
  assert.deepEqual(writesOf(outbox), [["2:100"]]);
  assert.equal(stream.queued, false);
  stream.grant(149);
  assert.deepEqual(writesOf(outbox), [["2:149"]]);
  stream.grant(50);
  assert.deepEqual(writesOf(outbox), [["2:1"]]);
  assert.equal(stream.creditBytes, 49);
});

test("Outbox splits a chunk by the frame's size", () => {
  const { outbox, sender } = makeOutbox(20_000);
  sender({ id: 2 }).send(50_000);
  assert.deepEqual(writesOf(outbox), [["2:20000"], ["2:20000"], ["2:10000"]]);
});

test("The end flag is on the last frame of the last chunk only", () => {
  const { outbox, sender } = makeOutbox(20_000);
  const stream = sender({ id: 2 });
  stream.send(30_000);
  stream.end();
  assert.deepEqual(writesOf(outbox), [["2:20000"], ["2:10000."]]);
  const empty = sender({ id: 4, creditBytes: 0 });
  empty.end();
  assert.deepEqual(writesOf(outbox), [["4:0."]], "an end alone needs no credit");
});

test("No end flag goes to a peer that does not know it", () => {
  const { outbox, sender } = makeOutbox();
  const stream = sender({ id: 2, knowsHalfClose: false });
  stream.send(10);
  stream.end();
  assert.deepEqual(writesOf(outbox), [["2:10"]]);
});

test("A sender that closed while it was queued sends nothing", () => {
  const { outbox, sender } = makeOutbox();
  const streams = [sender({ id: 2 }), sender({ id: 4 })];
  for (const stream of streams) stream.send(10);
  streams[0]?.close();
  assert.deepEqual(writesOf(outbox), [["4:10"]]);
});

test("Outbox.control() takes as many bytes as the limit and refuses one more, but never this side's own frames", () => {
  const { outbox } = makeOutbox();
  const half = new Uint8Array(MAX_QUEUED_CONTROL_BYTES / 2);
  assert.equal(outbox.control(half), true);
  assert.equal(outbox.control(half), true);
  assert.equal(outbox.controlBytes, MAX_QUEUED_CONTROL_BYTES);
  assert.equal(outbox.control(Uint8Array.of(1)), false);
  outbox.own(Uint8Array.of(1));
  outbox.windowUpdate(2, 1);
  assert.equal(outbox.next()?.length, MAX_QUEUED_CONTROL_BYTES + 1 + WINDOW_UPDATE_BYTES);
  assert.equal(outbox.controlBytes, 0);
  outbox.written();
  assert.equal(outbox.control(half), true);
});

test("A control frame over the limit is taken when it is the only one", () => {
  const { outbox } = makeOutbox();
  const frame = new Uint8Array(MAX_QUEUED_CONTROL_BYTES + 1);
  assert.equal(outbox.control(frame), true);
  assert.equal(outbox.control(frame), false);
  assert.equal(outbox.next()?.length, frame.length);
});

test("Outbox without bulk lets small frames pass large ones, which keep their turns", () => {
  const { outbox, sender } = makeOutbox();
  const large = [2, 4].map((id) => sender({ id }));
  for (const each of large) each.send(LARGE_BYTES);
  sender({ id: 6, priority: "low" }).send(100);
  outbox.control(CONTROL);
  assert.deepEqual(words(outbox.next(false)), ["go_away", "6:100"]);
  outbox.written();
  assert.equal(outbox.holds, true);
  assert.equal(outbox.next(false), undefined);
  sender({ id: 8 }).send(LARGE_BYTES);
  assert.deepEqual(
    writesOf(outbox),
    [`2:${LARGE_BYTES}`, `4:${LARGE_BYTES}`, `8:${LARGE_BYTES}`].map((word) => [word]),
  );
  assert.equal(outbox.holds, false);
});

test("Outbox forgets a held sender that was closed meanwhile", () => {
  const { outbox, sender } = makeOutbox();
  const closed = sender({ id: 2 });
  closed.send(LARGE_BYTES);
  assert.equal(outbox.next(false), undefined);
  closed.close();
  assert.deepEqual(writesOf(outbox), []);
  assert.equal(closed.queued, false);
});

test("Outbox counts the small frames of streams that send small ones, and no others", () => {
  const { outbox, sender } = makeOutbox();
  const sendAll = (one: FakeSender, bytes: number): void => {
    one.send(bytes);
    while (outbox.next() !== undefined) outbox.written();
  };
  const chat = sender({ id: 2 });
  const bulk = sender({ id: 4 });
  outbox.control(CONTROL);
  sendAll(chat, MAX_COPIED_PAYLOAD_BYTES);
  assert.equal(outbox.smallFrames, 1);
  for (let frame = 0; frame < 10; frame++) sendAll(bulk, FRAME_BYTES);
  assert.equal(outbox.smallFrames, 1);
  for (let round = 0; round < 50; round++) {
    sendAll(bulk, 100);
    for (let frame = 0; frame < 2; frame++) sendAll(bulk, FRAME_BYTES);
  }
  assert.equal(outbox.smallFrames, 1, "The end of a window, or of a read, is none");
  sendAll(chat, LARGE_BYTES);
  assert.equal(outbox.smallFrames, 1);
  sendAll(chat, 64);
  assert.equal(outbox.smallFrames, 2, "A large frame now and then makes no bulk");
});

test("Outbox notices when a stream that carried bulk goes on with small frames", () => {
  const { outbox, sender } = makeOutbox();
  const one = sender({ id: 2 });
  const frames = [...new Array(100).fill(FRAME_BYTES), ...new Array(30).fill(64)];
  for (const bytes of frames) {
    one.send(bytes);
    while (outbox.next() !== undefined) outbox.written();
  }
  assert.ok(outbox.smallFrames > 5 && outbox.smallFrames < 30, `${outbox.smallFrames}`);
});
