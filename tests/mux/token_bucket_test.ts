import assert from "node:assert/strict";
import { TokenBucket } from "../../src/mux/token_bucket.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";

function takeAll(bucket: TokenBucket): number {
  let count = 0;
  while (bucket.take()) count++;
  return count;
}

function makeBucket(burst: number, perSecond: number): { bucket: TokenBucket; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, bucket: new TokenBucket({ burst, perSecond }, () => clock.now()) };
}

test("TokenBucket.take() allows the burst and refuses one more", () => {
  const { bucket } = makeBucket(1000, 200);
  assert.equal(takeAll(bucket), 1000);
  assert.equal(bucket.take(), false);
});

test("TokenBucket fills with time, by its rate, up to the burst", () => {
  const { bucket, clock } = makeBucket(10, 5);
  assert.equal(takeAll(bucket), 10);
  clock.advance(199);
  assert.equal(bucket.take(), false);
  clock.advance(1);
  assert.equal(bucket.take(), true);
  assert.equal(bucket.take(), false);
  clock.advance(3_600_000);
  assert.equal(takeAll(bucket), 10);
});

test("TokenBucket loses no fraction when it is asked often", () => {
  const { bucket, clock } = makeBucket(1, 1);
  let taken = takeAll(bucket);
  for (let i = 0; i < 10_000; i++) {
    clock.advance(1);
    if (bucket.take()) taken++;
  }
  assert(taken >= 10 && taken <= 11, `${taken} in ten seconds`);
});

test("TokenBucket.give() allows more, never beyond the burst", () => {
  const { bucket } = makeBucket(5, 0);
  bucket.give(100);
  assert.equal(takeAll(bucket), 5);
  bucket.give(2);
  assert.equal(takeAll(bucket), 2);
});
