import assert from "node:assert/strict";
import fc from "fast-check";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import {
  MAX_PINNED_SLABS,
  MAX_SLAB_BYTES,
  MIN_SLAB_BYTES,
  type Slab,
  SlabReader,
} from "../../src/mux/slabs.ts";
import { test } from "../harness.ts";
import { runs } from "./support.ts";

function makeReader(): { pool: BufferPool; reader: SlabReader } {
  const pool = new BufferPool({ keepBytes: 1 << 26 });
  return { pool, reader: new SlabReader(pool) };
}

function read(reader: SlabReader, bytes: number): { chunk: Uint8Array; slab: Slab } {
  const chunk = reader.space().subarray(0, bytes);
  return { chunk, slab: reader.arrived(chunk) };
}

test("SlabReader lends the same memory again while nobody keeps a view", () => {
  const { reader } = makeReader();
  const first = reader.space();
  assert.equal(first.length, MIN_SLAB_BYTES);
  reader.arrived(first.subarray(0, 5000));
  assert.equal(reader.space(), first);
});

test("SlabReader lends what is behind the last view that is kept", () => {
  const { reader } = makeReader();
  const { chunk, slab } = read(reader, 5000);
  slab.retain();
  const next = reader.space();
  assert.equal(next.buffer, chunk.buffer);
  assert.equal(next.byteOffset, chunk.byteOffset + 5000);
  assert.equal(next.length, MIN_SLAB_BYTES - 5000);
  slab.release();
  assert.equal(reader.space().length, MIN_SLAB_BYTES);
});

test("SlabReader takes a new slab when less than a quarter of a kept one is left, and returns the old one later", () => {
  const { pool, reader } = makeReader();
  const { slab } = read(reader, MIN_SLAB_BYTES * 0.75 + 1);
  slab.retain();
  slab.retain();
  const next = reader.space();
  assert.notEqual(next.buffer, slab.buffer.buffer);
  assert.equal(pool.freeBytes, 0);
  slab.release();
  assert.equal(pool.freeBytes, 0, "one view is left");
  slab.release();
  assert.equal(pool.freeBytes, MIN_SLAB_BYTES);
  assert.equal(reader.pinned, 0);
});

test("SlabReader grows with reads that fill it and shrinks after a few that do not", () => {
  const { pool, reader } = makeReader();
  for (let i = 0; i < 10; i++) read(reader, reader.space().length);
  assert.equal(reader.space().length, MAX_SLAB_BYTES);
  for (let i = 0; i < 15; i++) read(reader, 100);
  read(reader, MAX_SLAB_BYTES / 2);
  for (let i = 0; i < 15; i++) read(reader, 100);
  assert.equal(reader.space().length, MAX_SLAB_BYTES);
  read(reader, 100);
  assert.equal(reader.space().length, MAX_SLAB_BYTES / 2);
  for (let i = 0; i < 16 * 10; i++) read(reader, 100);
  assert.equal(reader.space().length, MIN_SLAB_BYTES);
  reader.close();
  assert(pool.freeBytes > 0);
});

test("SlabReader.space() ends where a large frame is expected to end, and elsewhere is as large as it can be", () => {
  const { reader } = makeReader();
  for (let i = 0; i < 10; i++) read(reader, reader.space().length);
  const frame = 200_000;
  const expectations: [left: number, frame: number, space: number][] = [
    [0, frame, 2 * frame],
    [1000, frame, 1000 + 2 * frame],
    [MAX_SLAB_BYTES - 2 * frame, frame, MAX_SLAB_BYTES], // To the last byte.
    [MAX_SLAB_BYTES - 2 * frame + 1, frame, MAX_SLAB_BYTES - frame + 1],
    [MAX_SLAB_BYTES, frame, MAX_SLAB_BYTES],
    [2 * MAX_SLAB_BYTES, frame, MAX_SLAB_BYTES],
    [0, 2 * MAX_SLAB_BYTES, MAX_SLAB_BYTES], // No frame ends in it.
    [1000, 2 * MAX_SLAB_BYTES, MAX_SLAB_BYTES], // One does, but too early.
    [0, 64 * 1024, MAX_SLAB_BYTES],
    [0, 64 * 1024 + 1, 7 * (64 * 1024 + 1)],
    [0, 64 * 1024 - 1, MAX_SLAB_BYTES], // Small frames are not worth it.
  ];
  for (const [left, frameBytes, space] of expectations) {
    assert.equal(reader.space(left, frameBytes).length, space, `${left} left of ${frameBytes}`);
  }
});

test("SlabReader grows and keeps its size with reads that fill what was lent, although a slab has more", () => {
  const { reader } = makeReader();
  for (let i = 0; i < 100; i++) reader.arrived(reader.space(0, 100_000));
  assert.equal(reader.space().length, MAX_SLAB_BYTES);
});

test("A slab may be pinned up to the limit, and one that is pinned already always", () => {
  const { reader } = makeReader();
  const slabs: Slab[] = [];
  while (slabs.length < MAX_PINNED_SLABS) {
    const slab = reader.arrived(new Uint8Array(10));
    assert.equal(slab.mayPin, true);
    slab.retain();
    slabs.push(slab);
  }
  assert.equal(reader.pinned, MAX_PINNED_SLABS);
  const other = reader.arrived(new Uint8Array(10));
  assert.equal(other.mayPin, false);
  assert.equal(slabs[0]?.mayPin, true);
  slabs[0]?.release();
  assert.equal(other.mayPin, true);
});

test("SlabReader leaves memory that the runtime brought to the garbage collector", () => {
  const { pool, reader } = makeReader();
  const slab = reader.arrived(new Uint8Array(4096));
  assert.equal(slab.pooled, false);
  slab.retain();
  slab.release();
  reader.close();
  assert.equal(pool.freeBytes, 0);
});

test("SlabReader.close() returns the slab at once, or with its last view", () => {
  const free = makeReader();
  free.reader.space();
  free.reader.close();
  assert.equal(free.pool.freeBytes, MIN_SLAB_BYTES);
  const kept = makeReader();
  const { slab } = read(kept.reader, 10);
  slab.retain();
  kept.reader.close();
  assert.equal(kept.pool.freeBytes, 0);
  slab.release();
  assert.equal(kept.pool.freeBytes, MIN_SLAB_BYTES);
});

test("Memory is never lent while a view of it is kept, whatever is read and released in whatever order", () => {
  const action = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant("read" as const),
        part: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("release" as const), which: fc.nat(100) }) },
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 200, size: "max" }), fc.boolean(), (actions, closes) => {
      const { pool, reader } = makeReader();
      const views: { bytes: Uint8Array; slab: Slab; mark: number }[] = [];
      const release = (index: number): void => {
        const [view] = views.splice(index, 1);
        assert(view !== undefined);
        assert(view.bytes.every((byte) => byte === view.mark), "a kept view was written to");
        view.slab.release();
      };
      let mark = 0;
      for (const action of actions) {
        if (action.type === "release") {
          if (views.length > 0) release(action.which % views.length);
          continue;
        }
        const space = reader.space();
        assert(space.length >= MIN_SLAB_BYTES / 4);
        const bytes = space.subarray(0, Math.max(1, Math.floor(space.length * action.part)));
        mark = (mark + 1) % 256;
        bytes.fill(mark);
        const slab = reader.arrived(bytes);
        if (mark % 3 === 0 || !slab.mayPin) continue;
        slab.retain();
        views.push({ bytes, slab, mark });
        assert(reader.pinned <= MAX_PINNED_SLABS);
        // Somebody else takes from the same pool meanwhile.
        const other = pool.take(MIN_SLAB_BYTES);
        other.fill(255);
        pool.give(other);
      }
      if (closes) reader.close();
      while (views.length > 0) release(0);
      assert.equal(reader.pinned, 0);
    }),
    { numRuns: runs(150) },
  );
});
