import assert from "node:assert/strict";
import { median, ratio, spread } from "../../bench/statistics.ts";
import { test } from "../harness.ts";

test("median() takes the middle, in any order", () => {
  assert.equal(median([7]), 7);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([10, 2, 100, 4]), 7);
});

test("median() leaves the samples as they are and refuses none", () => {
  const samples = [3, 1, 2];
  median(samples);
  assert.deepEqual(samples, [3, 1, 2]);
  assert.throws(() => median([]), RangeError);
});

test("spread() is half of the distance between the extremes, as a share of the median", () => {
  assert.equal(spread([90, 100, 120]), 0.15);
  assert.equal(spread([5, 5, 5]), 0);
  assert.equal(spread([100]), undefined);
});

test("ratio() compares round by round, so that a slow round does not count", () => {
  // Everything ran at half speed in the second round: the ratio is 2 all the same.
  assert.equal(ratio([200, 100, 200], [100, 50, 100]), 2);
  assert.equal(ratio([200, 100, 900], [100, 50, 100]), 2);
});

test("ratio() compares the rounds that both have", () => {
  assert.equal(ratio([30, 40], [10]), 3);
  assert.equal(ratio(undefined, [10]), undefined);
  assert.equal(ratio([10], undefined), undefined);
  assert.equal(ratio([1], [0]), undefined);
});
