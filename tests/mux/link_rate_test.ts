import assert from "node:assert/strict";
import {
  FRAME_TIME_MS,
  LinkRate,
  MAX_FRAME_PAYLOAD_BYTES,
  MIN_FRAME_BYTES,
} from "../../src/mux/link_rate.ts";
import { test } from "../harness.ts";

/** Sends `count` frames of the size that the rate asks for over a link of `bytesPerMs`. */
function drive(rate: LinkRate, bytesPerMs: number, count: number): void {
  for (let i = 0; i < count; i++) rate.wrote(rate.frameBytes, rate.frameBytes / bytesPerMs);
}

test("LinkRate asks for a frame between the smallest and the largest before it has measured", () => {
  const rate = new LinkRate();
  assert.equal(rate.bytesPerMs, undefined);
  assert(rate.frameBytes >= MIN_FRAME_BYTES && rate.frameBytes <= MAX_FRAME_PAYLOAD_BYTES);
});

test("LinkRate makes a frame last as long as it should on the link", () => {
  const rate = new LinkRate();
  const bytesPerMs = (2 * MIN_FRAME_BYTES) / FRAME_TIME_MS;
  drive(rate, bytesPerMs, 200);
  assert.equal(rate.frameBytes, 2 * MIN_FRAME_BYTES);
});

test("LinkRate keeps to the smallest frame on a slow link and to the largest on a fast one", () => {
  const slow = new LinkRate();
  drive(slow, 1, 50);
  assert.equal(slow.frameBytes, MIN_FRAME_BYTES);
  const fast = new LinkRate();
  drive(fast, 10_000_000, 100_000);
  assert.equal(fast.frameBytes, MAX_FRAME_PAYLOAD_BYTES);
});

test("LinkRate follows a link that changes", () => {
  const rate = new LinkRate();
  drive(rate, 100_000, 1000);
  assert(rate.frameBytes > 20 * MIN_FRAME_BYTES);
  drive(rate, 10, 100);
  assert.equal(rate.frameBytes, MIN_FRAME_BYTES);
});
