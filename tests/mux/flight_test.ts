import assert from "node:assert/strict";
import fc from "fast-check";
import { Flight, MAX_FLIGHT_BYTES, MIN_FLIGHT_BYTES, MIN_MARK_BYTES } from "../../src/mux/flight.ts";
import { test } from "../harness.ts";
import { runs } from "./support.ts";

const SEND_BYTES = 16 * 1024;

/** A line with a queue without bound: bytes leave it at a rate, and are read after half a round trip. */
class SimulatedLink {
  readonly flight = new Flight();
  bytesPerMs: number;
  roundTripMs: number;
  now = 0;
  /** How often a small frame goes beside the bulk. */
  smallEveryMs = 1;
  /** When the queue is empty. */
  #freeAt = 0;
  #answers: { readonly stamp: bigint; readonly at: number }[] = [];
  #stamp = 0n;
  #bytes = 0;
  #lastDelayMs = 0;
  #smallFrames = 0;

  constructor(bytesPerMs: number, roundTripMs: number) {
    this.bytesPerMs = bytesPerMs;
    this.roundTripMs = roundTripMs;
  }

  /** Sends as much bulk as the flight lets, for so long. @returns the share of the line, and the queue but for rare bursts */
  run(forMs: number): { readonly share: number; readonly queueMs: number } {
    const { flight } = this;
    const startsAt = this.now;
    const endsAt = startsAt + forMs;
    const bytesBefore = this.#bytes;
    const delays: number[] = [];
    while (this.now < endsAt) {
      while (flight.open) {
        this.#send(SEND_BYTES);
        delays.push(this.#lastDelayMs);
      }
      const next = this.#answers.shift();
      assert.ok(next !== undefined, "Bulk is held back although no answer is under way");
      const before = this.now;
      this.now = Math.max(before, next.at);
      this.#smallFrames += (this.now - before) / this.smallEveryMs;
      assert.ok(flight.answered(next.stamp, this.now, Math.floor(this.#smallFrames)));
    }
    const queueMs = delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.98)] ?? 0;
    return { share: (this.#bytes - bytesBefore) / ((this.now - startsAt) * this.bytesPerMs), queueMs };
  }

  #send(bytes: number): void {
    this.#lastDelayMs = Math.max(0, this.#freeAt - this.now);
    this.#freeAt = Math.max(this.now, this.#freeAt) + bytes / this.bytesPerMs;
    this.#bytes += bytes;
    if (!this.flight.sent(bytes)) return;
    this.#stamp++;
    this.flight.marked(this.#stamp, this.now);
    this.#answers.push({ stamp: this.#stamp, at: this.#freeAt + this.roundTripMs });
  }
}

test("Flight keeps any link busy and its queue short", () => {
  const link = fc.record({
    mbit: fc.integer({ min: 50, max: 2_000 }),
    roundTripMs: fc.integer({ min: 0, max: 200 }),
  });
  fc.assert(
    fc.property(link, ({ mbit, roundTripMs }) => {
      const bytesPerMs = mbit * 125;
      const simulated = new SimulatedLink(bytesPerMs, roundTripMs);
      simulated.run(40 * (roundTripMs + 5));
      const { share, queueMs } = simulated.run(100 * (roundTripMs + 5));
      assert.ok(share > 0.9, `reached ${share} of the line`);
      // The least flight may take longer on a slow line than the slack.
      const least = MIN_FLIGHT_BYTES / bytesPerMs - roundTripMs;
      const allowed = Math.max(least, 1 + roundTripMs / 4) * 1.5 + 2 * SEND_BYTES / bytesPerMs + 1;
      assert.ok(queueMs <= allowed, `a queue of ${queueMs} ms, more than ${allowed}`);
    }),
    { numRuns: runs(50) },
  );
});

test("Flight does not take its own queue for distance, however long it sends", () => {
  const link = new SimulatedLink(6_250, 40);
  link.run(5_000);
  for (let minute = 0; minute < 10; minute++) {
    const { share, queueMs } = link.run(60_000);
    assert.ok(share > 0.95, `minute ${minute}: reached ${share} of the line`);
    assert.ok(queueMs < 30, `minute ${minute}: a queue of ${queueMs} ms`);
  }
});

test("Flight lets more queue while there is nothing that it could delay, and less as soon as there is", () => {
  const link = new SimulatedLink(125_000, 1);
  link.smallEveryMs = Infinity;
  link.run(2_000);
  const alone = link.run(2_000).queueMs;
  assert.ok(alone > 5 && alone < 20, `a queue of ${alone} ms`);
  link.smallEveryMs = 1;
  link.run(2_000);
  const { share, queueMs } = link.run(2_000);
  assert.ok(queueMs < 4, `a queue of ${queueMs} ms`);
  assert.ok(share > 0.95, `reached ${share} of the line`);
});

test("Flight notices a stream that waits for each answer, however far it goes for it", () => {
  for (const roundTripMs of [1, 10, 40, 200]) {
    const link = new SimulatedLink(6_250, roundTripMs);
    link.smallEveryMs = Infinity;
    link.run(40 * (roundTripMs + 5));
    const alone = link.run(100 * (roundTripMs + 5)).queueMs;
    link.smallEveryMs = Math.max(roundTripMs, 1) + alone;
    link.run(40 * (roundTripMs + 5));
    const { share, queueMs } = link.run(100 * (roundTripMs + 5));
    // The least flight may take longer on a slow line than the slack.
    const least = (MIN_FLIGHT_BYTES + SEND_BYTES) / link.bytesPerMs - roundTripMs;
    assert.ok(
      queueMs < Math.max(least + 1, alone - 4),
      `${roundTripMs} ms: a queue of ${queueMs} ms, ${alone} alone`,
    );
    assert.ok(share > 0.9, `${roundTripMs} ms: reached ${share} of the line`);
  }
});

test("Flight takes small frames that leave within a moment for bulk that begins, however many they are", () => {
  const burst = (link: SimulatedLink): number => {
    link.smallEveryMs = 1 / 8;
    link.run(20);
    link.smallEveryMs = Infinity;
    return link.run(980).queueMs;
  };
  const link = new SimulatedLink(125_000, 1);
  link.smallEveryMs = Infinity;
  link.run(2_000);
  for (let second = 0; second < 20; second++) {
    const queueMs = burst(link);
    assert.ok(queueMs > 5, `second ${second}: a queue of ${queueMs} ms`);
  }
});

test("Flight learns that the way has become longer, or shorter", () => {
  const link = new SimulatedLink(12_500, 10);
  link.run(2_000);
  link.roundTripMs = 100;
  link.run(25_000);
  assert.ok(link.run(10_000).share > 0.95);
  link.roundTripMs = 10;
  link.run(25_000);
  const { share, queueMs } = link.run(10_000);
  assert.ok(share > 0.95);
  assert.ok(queueMs < 30, `a queue of ${queueMs} ms`);
});

test("Flight gives a link that became slower less, and one that became faster more", () => {
  const link = new SimulatedLink(125_000, 20);
  link.run(5_000);
  const fast = link.flight.capacityBytes;
  link.bytesPerMs = 12_500;
  link.run(5_000);
  const slow = link.flight.capacityBytes;
  assert.ok(slow < fast / 4, `${slow} after ${fast}`);
  link.bytesPerMs = 125_000;
  link.run(5_000);
  assert.ok(link.flight.capacityBytes > fast / 2);
});

test("Flight that is not used up does not grow", () => {
  const flight = new Flight();
  let now = 0;
  for (let stamp = 1n; stamp < 100n; stamp++) {
    assert.equal(flight.sent(MIN_FLIGHT_BYTES / 2), true);
    flight.marked(stamp, now);
    now += 1;
    assert.equal(flight.answered(stamp, now), true);
  }
  assert.equal(flight.capacityBytes, MIN_FLIGHT_BYTES);
});

test("Flight is closed at its capacity and not a byte before", () => {
  const flight = new Flight();
  flight.sent(MIN_FLIGHT_BYTES - 1);
  assert.equal(flight.open, true);
  flight.sent(1);
  assert.equal(flight.open, false);
});

test("Flight wants a mark after the least there may be for one", () => {
  const flight = new Flight();
  assert.equal(flight.sent(MIN_MARK_BYTES - 1), false);
  assert.equal(flight.sent(1), true);
  flight.marked(1n, 0);
  assert.equal(flight.sent(1), false);
});

test("Flight takes an answer for those before it too, and none twice", () => {
  const flight = new Flight();
  flight.sent(100_000);
  flight.marked(1n, 0);
  flight.sent(100_000);
  flight.marked(2n, 0);
  flight.sent(5);
  assert.equal(flight.answered(3n, 1), false);
  assert.equal(flight.answered(2n, 1), true);
  assert.equal(flight.flightBytes, 5);
  assert.equal(flight.answered(1n, 2), false);
  assert.equal(flight.answered(2n, 2), false);
});

test("Flight stays within its bounds on a link that is faster than any", () => {
  const link = new SimulatedLink(1e9, 100);
  link.run(20_000);
  assert.equal(link.flight.capacityBytes, MAX_FLIGHT_BYTES);
});
