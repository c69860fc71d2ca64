import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { answer, type Bench, makeSweeper, OFFSETS, ROUND_MS, tick } from "./_sweeper_stage.ts";

for (const offset of OFFSETS) {
  test(`A peer that answers no heartbeat is dead 19 s after the next one, ${offset} ms after a round`, () => {
    const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 30_000 });
    bench.sweeper.established(true, true);
    bench.clock.advance(20_000);
    bench.clock.advance(offset);
    answer(bench);
    bench.clock.advance(10_000 - offset);
    assert.equal(bench.state.beats, 4, "a heartbeat has just been sent");
    tick(bench, 19_000 - 1);
    assert.deepEqual(bench.ends, []);
    tick(bench, 1);
    assert.deepEqual(bench.ends, ["peer_silent"]);
  });

  test(`An answer in its last moment saves a session, ${offset} ms after a round`, () => {
    const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 30_000 });
    bench.sweeper.established(true, true);
    tick(bench, offset);
    for (let answers = 0; answers < 5; answers++) {
      bench.sweeper.peerRead(); // Heartbeats among data are answered as well.
      tick(bench, 28_000 - 1);
      answer(bench);
      tick(bench, 28_000 - 1);
    }
    assert.deepEqual(bench.ends, []);
  });
}

test("While data arrives without a pause, an answer may stand behind it", () => {
  const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 30_000 });
  bench.sweeper.established(true, true);
  hear(bench, 3, 100);
  assert.deepEqual(bench.ends, []);
  // As if a heartbeat had left at the beginning of the last of three such rounds.
  tick(bench, 19_000 - 2 * ROUND_MS - 1);
  assert.deepEqual(bench.ends, []);
  tick(bench, 1);
  assert.deepEqual(bench.ends, ["peer_silent"]);
});

test("Data that pauses in every third round is no answer", () => {
  const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 30_000 });
  bench.sweeper.established(true, true);
  hear(bench, 2, 9);
  bench.clock.advance(ROUND_MS);
  assert.deepEqual(bench.ends, []);
  bench.clock.advance(ROUND_MS);
  assert.deepEqual(bench.ends, ["peer_silent"]);
});

/** `times` rounds in a row in each of which something arrives, and one without, again and again. */
function hear({ clock, heart }: Bench, rounds: number, times: number): void {
  for (let time = 0; time < times; time++) {
    for (let round = 0; round < rounds; round++) {
      heart.heard();
      clock.advance(ROUND_MS);
    }
    clock.advance(ROUND_MS);
  }
}

test("While the session itself does not read, no answer is missed", () => {
  const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 30_000 });
  bench.sweeper.established(true, true);
  bench.state.reading = false;
  bench.clock.advance(3_600_000);
  bench.state.reading = true;
  tick(bench, 19_000 - 1);
  assert.deepEqual(bench.ends, []);
  tick(bench, 1);
  assert.deepEqual(bench.ends, ["peer_silent"]);
});

test("A heartbeat is given an interval to be answered, however soon a silent peer is dead", () => {
  const bench = makeSweeper({ heartbeatIntervalMs: 10_000, deadAfterMs: 10_000 });
  bench.sweeper.established(true, true);
  answer(bench);
  tick(bench, 19_999);
  assert.deepEqual(bench.ends, []);
  tick(bench, 1);
  assert.deepEqual(bench.ends, ["peer_silent"]);
});

for (const [extended, beats] of [[false, true], [true, false]] as const) {
  test(`No answer is owed ${extended ? "where no heartbeat is sent" : "by a peer of version 1"}`, () => {
    const bench = makeSweeper();
    bench.sweeper.established(extended, beats);
    tick(bench, 1_000_000);
    assert.deepEqual(bench.ends, []);
  });
}
