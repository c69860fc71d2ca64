import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import {
  BUSY_REFUSAL_BUDGET,
  CHATTER_BUDGET,
  HEARTBEAT_BYTES,
  LATE_FRAMES_PER_STREAM,
  MAX_OVERTAKEN_IDS,
  ORPHAN_BUDGET,
  REFUSED_OPEN_BUDGET,
  TINY_CREDIT_BYTES,
} from "../../src/mux/inbox.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { encodeGoAway } from "../../src/wire/frame.ts";
import { MAX_CREDIT } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { accept, close, credit, data, makeRawPeer, open, type RawPeer } from "./raw_peer.ts";

const HEARTBEAT = encodeControl({ type: "heartbeat", timestamp: 1n });

function many(count: number, frame: (index: number) => Uint8Array): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => frame(index));
}

/** Asserts that `frames` are taken, and that one more ends the session by `rule`. */
async function takesAndRefuses(
  peer: RawPeer,
  frames: readonly Uint8Array[],
  next: { readonly frame: Uint8Array; readonly rule: string },
): Promise<void> {
  await peer.say(...frames);
  assert.equal(peer.broken(), undefined);
  assert.deepEqual(peer.owner.ends, []);
  await peer.say(next.frame);
  assert.equal(peer.broken(), next.rule);
  const told = peer.heard.find((message) => message.type === "error");
  assert(told?.type === "error" && told.code === "protocol_error");
  assert.equal(peer.session.streamCount, 0);
  assert.equal(peer.clock.pending, 0);
  assert.equal(peer.memory.usedBytes, 0);
}

test("Data may fill the window, and a byte more ends the session", async () => {
  const peer = makeRawPeer({ limits: { windowBytes: 2000 } });
  peer.owner.eager = false;
  await takesAndRefuses(peer, [open(1), data(1, 1500), data(1, 500)], {
    frame: data(1, 1),
    rule: "window_exceeded",
  });
});

test("Data on a closed stream may use the credit that was left, and a byte more ends the session", async () => {
  const peer = makeRawPeer({ limits: { windowBytes: 2000 } });
  peer.owner.eager = false;
  await peer.say(open(1), data(1, 500));
  peer.owner.drivers[0]?.reset();
  assert.equal(peer.memory.usedBytes, 0);
  await takesAndRefuses(peer, [data(1, 1500)], { frame: data(1, 1), rule: "window_exceeded" });
  assert.equal(peer.counters.get("orphan_frames"), 0);
});

test("Credit may reach 2³¹ − 1, and a byte more ends the session", async () => {
  const peer = makeRawPeer({ role: "client", peerWindowBytes: 1024 });
  await peer.say(open(2), credit(2, MAX_CREDIT - 1024));
  assert.equal(peer.owner.drivers[0]?.stream.creditBytes, MAX_CREDIT);
  await takesAndRefuses(peer, [], { frame: credit(2, 1), rule: "credit_overflow" });
});

test("Data after the end resets the stream, and once more ends the session", async () => {
  const peer = makeRawPeer();
  await peer.say(open(1), data(1, 10, true), data(1, 10));
  const [driver] = peer.owner.drivers;
  assert.deepEqual(driver?.closes, [{ kind: "protocol_violation" }]);
  assert.equal(driver?.consumedBytes, 10);
  await takesAndRefuses(peer, [], { frame: data(1, 1), rule: "data_after_end" });
});

const ID_RULES: [what: string, frames: Uint8Array[], next: Uint8Array, rule: string][] = [
  ["an id of the wrong parity", [open(1)], open(2), "stream_id_parity"],
  ["the id 0", [], open(0), "stream_id_parity"],
  ["the id of an open stream", [open(1)], open(1), "stream_id_reused"],
  ["the id of a stream that has ended", [open(1), close(1)], open(1), "stream_id_reused"],
  ["an id below one that was used", [open(5)], open(3), "stream_id_reused"],
  ["data on an id of the peer's that it never opened", [open(1)], data(3, 1), "unknown_stream"],
  ["data on an id of ours that was never opened", [], data(2, 1), "unknown_stream"],
  ["credit on an id that was never opened", [], credit(2, 1000), "unknown_stream"],
  ["a close of an id that was never opened", [], close(4), "unknown_stream"],
  ["an acceptance of an id that was never opened", [], accept(4), "unknown_stream"],
];
for (const [what, frames, next, rule] of ID_RULES) {
  test(`The peer must not send ${what}`, async () => {
    await takesAndRefuses(makeRawPeer(), frames, { frame: next, rule });
  });
}

for (
  const frame of [
    data(1, 1),
    open(1),
    close(1),
    accept(2),
    credit(2, 1000),
    HEARTBEAT,
    encodeGoAway("replaced"),
  ]
) {
  test(`Before the handshake is over no frame of type ${frame[4]}, ${frame[5]} is taken`, async () => {
    const peer = makeRawPeer({ established: false });
    await peer.say(frame);
    assert.equal(peer.broken(), "not_authenticated");
  });
}

test("Every 32 KiB of data earn a heartbeat, and not one more", async () => {
  const peer = makeRawPeer();
  await peer.say(open(1), ...many(CHATTER_BUDGET.burst, () => HEARTBEAT));
  for (let i = 0; i < 3; i++) {
    await peer.say(data(1, HEARTBEAT_BYTES / 2), data(1, HEARTBEAT_BYTES / 2), HEARTBEAT);
  }
  await peer.say(data(1, HEARTBEAT_BYTES - 1));
  await takesAndRefuses(peer, [], { frame: HEARTBEAT, rule: "heartbeat_flood" });
});

const FLOODS: [
  what: string,
  before: Uint8Array[],
  frame: Uint8Array,
  budget: { burst: number },
  rule: string,
][] = [
  ["heartbeats", [], HEARTBEAT, CHATTER_BUDGET, "heartbeat_flood"],
  ["tiny credits", [open(1)], credit(1, TINY_CREDIT_BYTES - 1), CHATTER_BUDGET, "credit_flood"],
  ["empty frames", [open(1)], data(1, 0), CHATTER_BUDGET, "empty_frame_flood"],
  ["frames for streams that are gone", [open(1), close(1)], data(1, 1), ORPHAN_BUDGET, "orphan_flood"],
];
for (const [what, before, frame, { burst }, rule] of FLOODS) {
  test(`${burst} ${what} are taken, one more is not`, async () => {
    const peer = makeRawPeer();
    await peer.say(...before);
    await takesAndRefuses(peer, many(burst, () => frame), { frame, rule });
  });
}

test("Credits of some size are no chatter", async () => {
  const peer = makeRawPeer();
  await peer.say(open(1), ...many(CHATTER_BUDGET.burst + 1, () => credit(1, TINY_CREDIT_BYTES)));
  assert.equal(peer.broken(), undefined);
});

test("As many openings are refused for what they ask as the budget allows, one more ends the session", async () => {
  const peer = makeRawPeer();
  peer.owner.refusal = "no";
  const { burst } = REFUSED_OPEN_BUDGET;
  await takesAndRefuses(peer, many(burst, (index) => open(2 * index + 1)), {
    frame: open(2 * burst + 1),
    rule: "open_flood",
  });
});

test("Far more openings are refused for want of room, for an honest server does not know; one more ends the session", async () => {
  const peer = makeRawPeer({ limits: { maxStreams: 0 } });
  const { burst } = BUSY_REFUSAL_BUDGET;
  for (let from = 0; from < burst; from += 1000) {
    await peer.say(...many(1000, (index) => open(2 * (from + index) + 1)));
  }
  assert.equal(peer.broken(), undefined);
  await peer.say(open(2 * burst + 1));
  assert.equal(peer.broken(), "open_flood");
});

test("Data on a stream that was refused may use the window, and a byte more ends the session", async () => {
  const peer = makeRawPeer({ limits: { windowBytes: 2000 } });
  peer.owner.refusal = "no";
  await takesAndRefuses(peer, [open(1), data(1, 2000)], { frame: data(1, 1), rule: "window_exceeded" });
});

test("A peer of version 1 may open streams out of order, each id once", async () => {
  const { say, owner, broken } = makeRawPeer({ extended: false });
  await say(open(5), open(1), open(9), open(3));
  assert.deepEqual(owner.drivers.map(({ stream }) => stream.id), [5, 1, 9, 3]);
  await say(data(7, 1));
  assert.equal(broken(), "unknown_stream");
  const again = makeRawPeer({ extended: false });
  await takesAndRefuses(again, [open(5), open(1)], { frame: open(1), rule: "stream_id_reused" });
});

for (const skipped of [MAX_OVERTAKEN_IDS, MAX_OVERTAKEN_IDS + 1]) {
  test(`A peer of version 1 may open the first of ${MAX_OVERTAKEN_IDS} overtaken ids, with ${skipped} overtaken`, async () => {
    const peer = makeRawPeer({ extended: false });
    await peer.say(open(2 * skipped + 1), open(1));
    assert.equal(peer.broken(), skipped > MAX_OVERTAKEN_IDS ? "stream_id_reused" : undefined);
  });
}

test("The budget for orphans is filled by time", async () => {
  const peer = makeRawPeer();
  await peer.say(open(1), close(1), ...many(ORPHAN_BUDGET.burst, () => data(1, 1)));
  peer.clock.advance(1000);
  await takesAndRefuses(peer, many(ORPHAN_BUDGET.perSecond, () => data(1, 1)), {
    frame: data(1, 1),
    rule: "orphan_flood",
  });
});

test("However many streams end, what an honest peer had on its way for them never uses up the budget", async () => {
  const peer = makeRawPeer();
  const streams = 2 * ORPHAN_BUDGET.burst / LATE_FRAMES_PER_STREAM;
  for (let index = 0; index < streams; index++) {
    const id = 2 * index + 1;
    const frames = [open(id), close(id), ...many(LATE_FRAMES_PER_STREAM, () => credit(id, 100_000))];
    peer.link.ends[1].write(frames.reduce((all, frame) => Uint8Array.from([...all, ...frame])));
    if (index % 100 === 99) await peer.settle();
  }
  await peer.settle();
  assert.equal(peer.owner.drivers.length, streams);
  assert.equal(peer.broken(), undefined);
  assert.equal(peer.counters.get("orphan_frames"), streams * LATE_FRAMES_PER_STREAM);
});

test("A session that is over takes nothing more from the chunk in which it ended", async () => {
  const peer = makeRawPeer();
  peer.owner.message = () => peer.session.close("The owner has seen enough");
  await peer.say(
    encodeControl({ type: "error", streamId: undefined, code: "timeout", message: "" }),
    open(1),
    data(1, 10),
    credit(3, 1),
    encodeGoAway("replaced"),
  );
  assert.equal(peer.owner.ends.length, 1);
  assert.equal(peer.owner.drivers.length, 0);
  assert.equal(peer.session.streamCount, 0);
  assert.deepEqual(peer.owner.goAways, []);
  assert.equal(peer.counters.get("protocol_errors"), 0);
});

test("A stream closed by the peer is closed once, even if the reader fails on what is left", async () => {
  const peer = makeRawPeer();
  peer.owner.eager = false;
  await peer.say(open(1), data(1, 100), close(1));
  const [driver] = peer.owner.drivers;
  assert(driver !== undefined && !driver.closed && driver.ended);
  driver.reset();
  await peer.settle();
  assert.equal(peer.heard.filter((message) => message.type === "close_stream").length, 1);
  assert.equal(peer.session.closingCount, 0);
});

test("After a close by the peer, nothing more is sent on the stream, not even its end", async () => {
  const peer = makeRawPeer();
  peer.owner.eager = false;
  await peer.say(open(1), data(1, 100), open(3));
  const [driver, other] = peer.owner.drivers;
  peer.link.ends[0].stalled = true;
  other?.send(100);
  await peer.settle();
  driver?.finish(); // Waits behind a write that does not go on.
  await peer.say(close(1));
  peer.link.ends[0].stalled = false;
  await peer.settle();
  driver?.relax();
  await peer.settle();
  const frames = peer.heard.filter((frame) => frame.type === "data");
  assert.deepEqual(frames, [{ type: "data", streamId: 3, bytes: 100, end: false }]);
  assert.deepEqual(driver?.closes, [{ kind: "normal" }]);
});

test("A reset after both ends leaves nothing behind", async () => {
  const peer = makeRawPeer();
  peer.owner.eager = false;
  await peer.say(open(1), data(1, 100, true));
  const [driver] = peer.owner.drivers;
  driver?.finish();
  await peer.settle();
  assert(driver !== undefined && !driver.closed);
  driver.reset();
  await peer.settle();
  assert.equal(peer.session.closingCount, 0);
  assert.equal(peer.session.streamCount, 0);
});

test("A reset in the middle of the last frame leaves nothing behind once that frame is over", async () => {
  const peer = makeRawPeer();
  await peer.say(open(1));
  const [driver] = peer.owner.drivers;
  driver?.finish();
  const last = data(1, 1000, true);
  await peer.say(last.subarray(0, 500));
  driver?.reset();
  await peer.say(last.subarray(500));
  assert.equal(peer.session.closingCount, 0);
});

test("Session.openStream() refuses when the openings before it are not read, and the session lives", async () => {
  const peer = makeRawPeer({ limits: { maxStreams: 100_000 } });
  await peer.settle();
  peer.link.ends[0].stalled = true;
  let opened = 0;
  assert.throws(() => {
    for (; opened < 50_000; opened++) {
      const headers = [["visitor", "x".repeat(100)]] as const;
      peer.owner.drive(peer.session.openStream({ protocol: "tcp", headers }), "local");
    }
  }, (error) => error instanceof TunnelError && error.code === "LIMIT");
  assert(opened > 1000);
  for (const driver of peer.owner.drivers) driver.reset();
  assert.deepEqual(peer.owner.ends, []);
  peer.link.ends[0].stalled = false;
  await peer.settle();
  assert.equal(peer.heard.filter((message) => message.type === "open_stream").length, opened);
  peer.session.openStream({ protocol: "tcp" });
});

test("An unread flood of answers ends the session at its bound", async () => {
  const peer = makeRawPeer({ limits: { maxStreams: 0 } });
  peer.link.ends[0].stalled = true;
  for (let id = 1; id < 200_000 && peer.owner.ends.length === 0; id += 2) {
    peer.clock.advance(5);
    peer.link.ends[1].write(open(id));
    if (id % 100 === 1) await peer.settle();
  }
  assert.equal(peer.owner.ends[0]?.code, "write_stalled");
});
