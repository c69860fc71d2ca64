import assert from "node:assert/strict";
import { Heart, RTT_MAX_AGE_MS } from "../../src/mux/heart.ts";
import type { Heartbeat } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";

function makeHeart(): { clock: FakeClock; heart: Heart; sent: Heartbeat[]; answer(): void } {
  const clock = new FakeClock();
  const sent: Heartbeat[] = [];
  const heart = new Heart(clock, (message) => void sent.push(message));
  const answer = (): void => {
    const { timestamp } = sent.at(-1) as Heartbeat;
    heart.acknowledged({ type: "heartbeat_ack", timestamp });
  };
  return { clock, heart, sent, answer };
}

test("Heart measures the round trip from a heartbeat to its answer", () => {
  const { clock, heart, sent, answer } = makeHeart();
  assert.equal(heart.rttMs, undefined);
  heart.beat();
  assert.deepEqual(sent, [{ type: "heartbeat", timestamp: BigInt(clock.wall()) }]);
  clock.advance(37);
  answer();
  assert.equal(heart.rttMs, 37);
});

test("Heart ignores answers that it did not ask for, and second answers", () => {
  const { clock, heart, sent, answer } = makeHeart();
  heart.acknowledged({ type: "heartbeat_ack", timestamp: 0n });
  assert.equal(heart.rttMs, undefined);
  heart.beat();
  const [first] = sent;
  clock.advance(10);
  heart.beat();
  clock.advance(5);
  heart.acknowledged({ type: "heartbeat_ack", timestamp: first!.timestamp });
  assert.equal(heart.rttMs, undefined, "the answer to an older heartbeat");
  answer();
  assert.equal(heart.rttMs, 5);
  clock.advance(100);
  answer();
  assert.equal(heart.rttMs, 5);
});

test("Heart takes any answer of a peer of version 1, which puts its own time there", () => {
  const { clock, heart } = makeHeart();
  heart.acknowledged({ type: "heartbeat_ack", timestamp: 5n }, false);
  assert.equal(heart.rttMs, undefined);
  heart.beat();
  clock.advance(12);
  heart.acknowledged({ type: "heartbeat_ack", timestamp: 5n }, false);
  assert.equal(heart.rttMs, 12);
});

test("Heart.rttForGrowth() measures again when the last measurement is too old, one heartbeat at a time", () => {
  const { clock, heart, sent, answer } = makeHeart();
  assert.equal(heart.rttForGrowth(), undefined);
  assert.equal(heart.rttForGrowth(), undefined);
  assert.equal(sent.length, 1);
  clock.advance(20);
  answer();
  clock.advance(RTT_MAX_AGE_MS);
  assert.equal(heart.rttForGrowth(), 20);
  assert.equal(sent.length, 1);
  clock.advance(1);
  assert.equal(heart.rttForGrowth(), 20);
  assert.equal(sent.length, 2);
  clock.advance(60);
  answer();
  assert.equal(heart.rttForGrowth(), 60);
});

test("Heart.takeHeard() answers for the time since the last call", () => {
  const { heart } = makeHeart();
  assert.equal(heart.takeHeard(), true, "a session begins alive");
  assert.equal(heart.takeHeard(), false);
  heart.heard();
  assert.equal(heart.takeHeard(), true);
  assert.equal(heart.takeHeard(), false);
});

test("Heart.probe() resolves with true as soon as anything arrives", async () => {
  const { clock, heart, sent } = makeHeart();
  const probes = [heart.probe(500), heart.probe(900)];
  assert.equal(sent.length, 2);
  clock.advance(499);
  heart.heard();
  assert.deepEqual(await Promise.all(probes), [true, true]);
  assert.equal(clock.pending, 0);
});

test("Heart.probe() resolves with false after its timeout, not earlier", async () => {
  const { clock, heart } = makeHeart();
  let answer: boolean | undefined;
  const probe = heart.probe(500).then((alive) => answer = alive);
  clock.advance(499);
  await Promise.resolve();
  assert.equal(answer, undefined);
  clock.advance(1);
  assert.equal(await probe, false);
  heart.heard();
  assert.equal(clock.pending, 0);
});

test("Heart.stop() answers every probe with false", async () => {
  const { clock, heart } = makeHeart();
  const probes = [heart.probe(500), heart.probe(500)];
  heart.stop();
  assert.deepEqual(await Promise.all(probes), [false, false]);
  assert.equal(clock.pending, 0);
});
