import assert from "node:assert/strict";
import { BufferPool, MAX_BUFFER_BYTES, MIN_BUFFER_BYTES } from "../../src/mux/buffer_pool.ts";
import { test } from "../harness.ts";

test("BufferPool.take() rounds up to a power of two from 1 KiB to 1 MiB", () => {
  const pool = new BufferPool({ keepBytes: 0 });
  assert.equal(pool.take(1).length, MIN_BUFFER_BYTES);
  assert.equal(pool.take(MIN_BUFFER_BYTES).length, MIN_BUFFER_BYTES);
  assert.equal(pool.take(MIN_BUFFER_BYTES + 1).length, 2 * MIN_BUFFER_BYTES);
  assert.equal(pool.take(MAX_BUFFER_BYTES).length, MAX_BUFFER_BYTES);
  assert.throws(() => pool.take(MAX_BUFFER_BYTES + 1), RangeError);
});

test("BufferPool lends a buffer that was given back, once", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const buffer = pool.take(5000);
  pool.give(buffer);
  assert.equal(pool.freeBytes, 8192);
  assert.notEqual(pool.take(3000), buffer, "another size");
  assert.equal(pool.take(6000), buffer);
  assert.equal(pool.freeBytes, 0);
  assert.notEqual(pool.take(6000), buffer);
});

test("BufferPool keeps as many free bytes as it may and not one buffer more", () => {
  const pool = new BufferPool({ keepBytes: 2 * MIN_BUFFER_BYTES });
  const buffers = [pool.take(1), pool.take(1), pool.take(1)];
  for (const buffer of buffers) pool.give(buffer);
  assert.equal(pool.freeBytes, 2 * MIN_BUFFER_BYTES);
  const again = [pool.take(1), pool.take(1), pool.take(1)];
  assert.equal(again.filter((buffer) => buffers.includes(buffer)).length, 2);
});
