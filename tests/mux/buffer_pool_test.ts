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

test("BufferPool gives up the sizes that nobody asks for before those that are in use", () => {
  const pool = new BufferPool({ keepBytes: 4 * MIN_BUFFER_BYTES });
  const crowd = Array.from({ length: 4 }, () => pool.take(MIN_BUFFER_BYTES));
  for (const buffer of crowd) pool.give(buffer);
  for (let round = 0; round < 3; round++) {
    const large = pool.take(2 * MIN_BUFFER_BYTES);
    pool.give(large);
    assert.equal(
      pool.take(2 * MIN_BUFFER_BYTES),
      large,
      "is lent again, although small ones had filled the pool",
    );
    pool.give(large);
    assert.equal(pool.freeBytes, 4 * MIN_BUFFER_BYTES, "and no more is given up than it needs");
  }
  assert.ok(crowd.includes(pool.take(1)), "the others are still there");
});

test("BufferPool never keeps more than it may, whatever sizes come and go", () => {
  const keepBytes = 100 * MIN_BUFFER_BYTES;
  const pool = new BufferPool({ keepBytes });
  const lent: Uint8Array[] = [];
  let seed = 1;
  for (let step = 0; step < 5000; step++) {
    seed = (seed * 48271) % 0x7fffffff;
    if (seed % 3 === 0) lent.push(pool.take(1 << (seed % 21)));
    else if (lent.length > 0) pool.give(lent.splice(seed % lent.length, 1)[0] as Uint8Array);
    assert.ok(pool.freeBytes >= 0 && pool.freeBytes <= keepBytes);
    assert.equal(new Set(lent).size, lent.length, "no buffer is lent twice");
  }
  pool.give(new Uint8Array(128 * MIN_BUFFER_BYTES));
  assert.ok(pool.freeBytes <= keepBytes, "one that is larger than all that may be kept");
});
