import assert from "node:assert/strict";
import fc from "fast-check";
import { Backoff } from "../../src/tunnel/backoff.ts";
import { test } from "../harness.ts";

const BOUNDS = { minMs: 500, maxMs: 30_000, stableMs: 30_000 };

/** The bounds of `count` waits in a row: with a random number of 1 the wait is the bound. */
function boundsOf(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.failed(0));
}

test("Backoff.failed() doubles the bound up to the cap", () => {
  const backoff = new Backoff({ ...BOUNDS, random: () => 1 });
  assert.deepEqual(boundsOf(backoff, 9), [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
});

test("Backoff.failed() draws evenly from 0 to the bound", () => {
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
    const backoff = new Backoff({ ...BOUNDS, random: () => random });
    const bounds = boundsOf(new Backoff({ ...BOUNDS, random: () => 1 }), 8);
    assert.deepEqual(boundsOf(backoff, 8), bounds.map((bound) => bound * random));
  }));
});

test("Backoff.failed() with the default source of chance fills the whole range", () => {
  const waits = Array.from({ length: 2000 }, () => new Backoff(BOUNDS).failed(0));
  assert.ok(waits.every((wait) => wait >= 0 && wait <= 500));
  for (let tenth = 0; tenth < 10; tenth++) {
    const count = waits.filter((wait) => Math.min(9, Math.floor(wait / 50)) === tenth).length;
    // 200 are expected; 80 is nine standard deviations away.
    assert.ok(count > 80, `${count} of 2000 waits are in tenth ${tenth}`);
  }
});

test("Backoff.failed() starts anew only after a connection that was stable", () => {
  const backoff = new Backoff({ ...BOUNDS, random: () => 1 });
  assert.deepEqual(boundsOf(backoff, 3), [500, 1000, 2000]);
  assert.equal(backoff.failed(29_999), 4000);
  assert.equal(backoff.failed(30_000), 500);
  assert.equal(backoff.failed(0), 1000);
});

test("Backoff.failed() never waits less than it is told", () => {
  const backoff = new Backoff({ ...BOUNDS, random: () => 0 });
  assert.equal(backoff.failed(0, 5_000), 5_000);
  assert.equal(new Backoff({ ...BOUNDS, random: () => 1 }).failed(0, 100), 500);
});

/** Numbers that look random and are the same in every run: the fractional parts of multiples of the golden ratio. */
function chance(seed: number): () => number {
  let at = seed;
  return () => (at += 0.618_033_988_749_895) % 1;
}

for (const awayMs of [1_000, 10_000, 100_000]) {
  test(`P3: clients of a server that was away for ${awayMs} ms come back within 30 s, spread over that time`, () => {
    const clients = 1_000;
    const backMs = Array.from({ length: clients }, (_, client) => {
      const backoff = new Backoff({ ...BOUNDS, random: chance(client * Math.SQRT2) });
      let atMs = backoff.failed(BOUNDS.stableMs);
      while (atMs < awayMs) atMs += backoff.failed(0);
      return atMs - awayMs;
    });
    assert.ok(Math.max(...backMs) <= BOUNDS.maxMs, `${Math.max(...backMs)} ms`);
    // Clients that all dialled when their bounds are over would come at one moment. Away for long, they spread over the
    // longest bound; away for a moment, over the bound that they had reached.
    const spanMs = Math.min(BOUNDS.maxMs, awayMs);
    const crowds = new Map<number, number>();
    for (const ms of backMs) {
      const slot = Math.floor(ms / (spanMs / 20));
      crowds.set(slot, (crowds.get(slot) ?? 0) + 1);
    }
    const largest = Math.max(...crowds.values());
    assert.ok(largest <= clients / 5, `${largest} of ${clients} within a twentieth of ${spanMs} ms`);
  });
}
