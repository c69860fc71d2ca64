import assert from "node:assert/strict";
import { UNCONTROLLED_QUEUE_BYTES } from "../../src/mux/read_gate.ts";
import { CONTROL_FRAME_TIMEOUT_MS, VERSION_1_STALL_MS } from "../../src/mux/sweeper.ts";
import { test } from "../harness.ts";
import { makeStream } from "./lone_stream.ts";
import { type Bench, listen, makeSweeper, OFFSETS, ROUND_MS } from "./_sweeper_stage.ts";

test("A handshake has its time and not a millisecond more", () => {
  const bench = makeSweeper({ handshakeTimeoutMs: 10_000 });
  bench.clock.advance(9_999);
  assert.deepEqual(bench.ends, []);
  bench.clock.advance(1);
  assert.deepEqual(bench.ends, ["handshake_timeout"]);
});

for (const offset of OFFSETS) {
  test(`A silent peer is dead after deadAfterMs, ${offset} ms into a round`, () => {
    const bench = makeSweeper({ deadAfterMs: 30_000 });
    bench.sweeper.established(true, false);
    listen(bench, 2 * ROUND_MS + offset);
    bench.heart.heard();
    bench.clock.advance(29_999);
    assert.deepEqual(bench.ends, []);
    bench.clock.advance(1 + ROUND_MS);
    assert.equal(bench.ends[0], "peer_silent");
  });

  test(`A silent peer of version 1 is given 90 s, ${offset} ms into a round`, () => {
    const bench = makeSweeper({ deadAfterMs: 30_000 });
    bench.sweeper.established(false, false);
    listen(bench, 2 * ROUND_MS + offset);
    bench.heart.heard();
    bench.clock.advance(89_999);
    assert.deepEqual(bench.ends, []);
    bench.clock.advance(1 + ROUND_MS);
    assert.equal(bench.ends[0], "peer_silent");
  });

  test(`A write that stands still ends the session, ${offset} ms into a round`, () => {
    const bench = makeSweeper({ writeStallTimeoutMs: 20_000 });
    bench.sweeper.established(true, true);
    listen(bench, 2 * ROUND_MS + offset);
    bench.state.writing = true;
    listen(bench, 19_999);
    assert.deepEqual(bench.ends, []);
    listen(bench, 1 + ROUND_MS);
    assert.equal(bench.ends[0], "write_stalled");
  });

  test(`A write of which a byte leaves now and then ends nothing until it stands still, ${offset} ms into a round`, () => {
    const bench = makeSweeper({ writeStallTimeoutMs: 20_000 });
    bench.sweeper.established(true, true);
    listen(bench, 2 * ROUND_MS + offset);
    bench.state.writing = true;
    for (let byte = 0; byte < 10; byte++) {
      listen(bench, 19_999);
      bench.state.bytesTaken++;
    }
    listen(bench, 19_999);
    assert.deepEqual(bench.ends, []);
    listen(bench, 1 + ROUND_MS);
    assert.equal(bench.ends[0], "write_stalled");
  });

  test(`A control frame that stands still ends the session, ${offset} ms into a round`, () => {
    const bench = makeSweeper();
    bench.sweeper.established(true, true);
    listen(bench, 2 * ROUND_MS + offset);
    bench.heart.heard();
    bench.state.midControlFrame = true;
    bench.clock.advance(CONTROL_FRAME_TIMEOUT_MS - 1);
    assert.deepEqual(bench.ends, []);
    bench.clock.advance(1 + ROUND_MS);
    assert.equal(bench.ends[0], "protocol_error");
  });

  const waits: [what: string, timeoutMs: number, begin: (bench: Bench) => ReturnType<typeof makeStream>][] = [
    ["the peer's acceptance", 10_000, () => makeStream({ awaitsAccept: true })],
    ["a reader that takes nothing", 40_000, () => {
      const made = makeStream();
      made.stream.dataReceived(new Uint8Array(1), undefined as never);
      return made;
    }],
    ["the second half", 50_000, () => {
      const made = makeStream();
      made.stream.endReceived();
      return made;
    }],
  ];
  for (const [what, timeoutMs, begin] of waits) {
    test(`A stream is reset when ${what} does not come, ${offset} ms into a round`, () => {
      const bench = makeSweeper({
        openTimeoutMs: 10_000,
        streamStallTimeoutMs: 40_000,
        halfCloseLingerMs: 50_000,
      });
      bench.sweeper.established(true, true);
      listen(bench, 2 * ROUND_MS + offset);
      const { stream, closesSent } = begin(bench);
      bench.streams.push(stream);
      listen(bench, timeoutMs - 1);
      assert.deepEqual(closesSent, []);
      listen(bench, 1 + ROUND_MS);
      assert.deepEqual(closesSent, [{ kind: "timeout" }]);
      assert.deepEqual(bench.ends, []);
    });
  }
}

test("What moves is not reset: a reader that takes a byte now and then, a half that carries bytes", () => {
  const bench = makeSweeper({ streamStallTimeoutMs: 40_000, halfCloseLingerMs: 50_000 });
  bench.sweeper.established(true, true);
  const reader = makeStream().stream;
  reader.dataReceived(new Uint8Array(100), undefined as never);
  const half = makeStream().stream;
  half.endReceived();
  bench.streams.push(reader, half);
  for (let i = 0; i < 20; i++) {
    listen(bench, 39_000);
    reader.consumed(1);
    half.framed(1, false);
  }
  assert(!reader.closed && !half.closed);
});

/** A stream with a peer of version 1. */
function makeVersion1Stream(opener: boolean): ReturnType<typeof makeStream> {
  return makeStream({ halfClose: false, receiveWindow: undefined, opener });
}

test("In version 1 a service that has ended waits 10 s for its visitor to move, and no longer", () => {
  const bench = makeSweeper();
  bench.sweeper.established(false, false);
  const { stream, closesSent } = makeVersion1Stream(false);
  bench.streams.push(stream);
  listen(bench, 20_000); // Before its end it may be still.
  stream.endSending();
  assert.deepEqual(closesSent, [{ kind: "normal" }], "its end");
  listen(bench, 9_999);
  stream.dataReceived(new Uint8Array(1), undefined as never);
  stream.consumed(1);
  listen(bench, 9_999);
  assert.equal(stream.closed, false);
  listen(bench, 1 + ROUND_MS);
  assert.equal(stream.closed, true);
});

test("In version 1 an answer may take as long as with a newer peer after its visitor has ended", () => {
  const bench = makeSweeper({ halfCloseLingerMs: 50_000 });
  bench.sweeper.established(false, false);
  const { stream, closesSent } = makeVersion1Stream(true);
  stream.endSending();
  assert.equal(stream.halfClosed, true);
  bench.streams.push(stream);
  listen(bench, 49_999);
  assert.equal(stream.closed, false);
  listen(bench, 1 + ROUND_MS);
  assert.deepEqual(closesSent, [{ kind: "normal" }, { kind: "timeout" }]);
});

test("A stream of a version 1 server that is silent for the linger is reset, one of a client's is not", () => {
  const bench = makeSweeper({ halfCloseLingerMs: 50_000 });
  bench.sweeper.established(false, false);
  const [acceptor, opener] = [makeVersion1Stream(false), makeVersion1Stream(true)];
  bench.streams.push(acceptor.stream, opener.stream);
  listen(bench, 49_999);
  assert.deepEqual(acceptor.closesSent, []);
  listen(bench, 1 + ROUND_MS);
  assert.deepEqual(acceptor.closesSent, [{ kind: "timeout" }]);
  listen(bench, 1_000_000);
  assert.deepEqual(opener.closesSent, []);
});

for (
  const [bytes, timeoutMs] of [[UNCONTROLLED_QUEUE_BYTES, 40_000], [
    UNCONTROLLED_QUEUE_BYTES + 1,
    VERSION_1_STALL_MS,
  ]] as const
) {
  test(`In version 1 a reader with ${bytes} bytes before it may stand still for ${timeoutMs} ms`, () => {
    const bench = makeSweeper({ streamStallTimeoutMs: 40_000 });
    bench.sweeper.established(false, false);
    const { stream, closesSent } = makeVersion1Stream(true);
    stream.dataReceived(new Uint8Array(bytes), undefined as never);
    bench.streams.push(stream);
    listen(bench, timeoutMs - 1);
    assert.deepEqual(closesSent, []);
    listen(bench, 1 + ROUND_MS);
    assert.deepEqual(closesSent, [{ kind: "timeout" }]);
  });
}

test("A peer of version 1 that takes nothing is given 90 s", () => {
  const bench = makeSweeper({ writeStallTimeoutMs: 20_000 });
  bench.sweeper.established(false, false);
  bench.state.writing = true;
  listen(bench, 90_000);
  assert.deepEqual(bench.ends, []);
  listen(bench, ROUND_MS);
  assert.equal(bench.ends[0], "write_stalled");
});

test("A peer that owes a sign that it reads is given the time of a write, and less never", () => {
  const bench = makeSweeper({ writeStallTimeoutMs: 20_000 });
  bench.sweeper.established(true, true);
  bench.state.unread = true;
  listen(bench, 15_000);
  bench.sweeper.peerRead();
  bench.sweeper.wroteSomething();
  listen(bench, 20_000);
  assert.deepEqual(bench.ends, []);
  bench.sweeper.wroteSomething(); // That the kernel took something says nothing of the peer.
  listen(bench, ROUND_MS);
  assert.equal(bench.ends[0], "write_stalled");
});

test("A late timer counts as two rounds at most, so that a blocked loop or a suspended machine kills nothing", () => {
  const bench = makeSweeper();
  bench.sweeper.established(true, true);
  bench.state.writing = true;
  const { stream, closesSent } = makeStream({ awaitsAccept: true });
  bench.streams.push(stream);
  bench.clock.advance(ROUND_MS);
  bench.clock.jump(3_600_000);
  assert.deepEqual(bench.ends, []);
  assert.deepEqual(closesSent, []);
  bench.heart.heard();
  bench.clock.jump(3_600_000);
  assert.deepEqual(bench.ends, []);
});

test("While the session itself does not read, the peer's silence says nothing", () => {
  const bench = makeSweeper();
  bench.sweeper.established(true, false);
  bench.state.reading = false;
  bench.clock.advance(3_600_000);
  assert.deepEqual(bench.ends, []);
  bench.state.reading = true;
  bench.clock.advance(29_000);
  assert.deepEqual(bench.ends, []);
  bench.clock.advance(ROUND_MS * 2);
  assert.equal(bench.ends[0], "peer_silent");
});

test("Heartbeats go out at once and then at their interval, and only where they should", () => {
  const beating = makeSweeper({ heartbeatIntervalMs: 10_000 });
  beating.sweeper.established(true, true);
  assert.equal(beating.state.beats, 1);
  listen(beating, 9_999);
  assert.equal(beating.state.beats, 1);
  listen(beating, 1);
  assert.equal(beating.state.beats, 2);
  listen(beating, 100_000);
  assert.equal(beating.state.beats, 12);
  const silent = makeSweeper({ heartbeatIntervalMs: 10_000 });
  silent.sweeper.established(false, false);
  listen(silent, 60_000);
  assert.equal(silent.state.beats, 0);
});

test("A round takes a quarter of the shortest deadline, from 10 ms to one second", () => {
  for (const [shortest, roundMs] of [[20, 10], [400, 100], [100_000, 1_000]] as const) {
    const bench = makeSweeper({ openTimeoutMs: shortest, heartbeatIntervalMs: Math.min(shortest, 10_000) });
    bench.sweeper.established(true, false);
    bench.clock.advance(roundMs - 1);
    assert.equal(bench.state.rounds, 0);
    bench.clock.advance(1);
    assert.equal(bench.state.rounds, 1);
  }
});

test("Sweeper.stop() leaves no timer", () => {
  const bench = makeSweeper();
  bench.clock.advance(ROUND_MS);
  assert.equal(bench.clock.pending, 1);
  bench.sweeper.stop();
  assert.equal(bench.clock.pending, 0);
  bench.sweeper.stop();
});
