/**
 * The memory that a socket is read into: little for whoever is idle, more for whoever fills it.
 *
 * @module
 */
import { type BufferPool, MIN_BUFFER_BYTES } from "../mux/buffer_pool.ts";
import type { MemoryBudget } from "../mux/memory_budget.ts";

/** Room in front of what is read, for the header of a frame (10 bytes), aligned. */
export const HEADROOM_BYTES = 16;
/** How much larger the read after a full one is: from the smallest to the largest in four steps. */
const READ_GROWTH = 4;
/** Largest read; larger ones bring no more throughput. */
const MAX_READ_BYTES = 256 * 1024;
/** Reads in a row that fill less than a quarter of the space before the next one is smaller. */
const SHORT_READS_TO_SHRINK = 4;

/** What relays share. */
export interface RelayEnvironment {
  readonly pool: BufferPool;
  /** What read buffers may grow to, all together. */
  readonly readMemory: MemoryBudget;
}

/**
 * Lends space for reads, one at a time. Used where the runtime reads into a given buffer.
 *
 * @example
 * ```ts
 * import { BufferPool } from "../mux/buffer_pool.ts";
 * import { MemoryBudget } from "../mux/memory_budget.ts";
 * import { ReadBuffer } from "./read_buffer.ts";
 *
 * const environment = { pool: new BufferPool({ keepBytes: 1 << 20 }), readMemory: new MemoryBudget(1 << 20) };
 * const reads = new ReadBuffer(environment, 0);
 * reads.space(Infinity).set([1, 2, 3]);
 * console.log(reads.arrived(3)?.subarray(0, 3)); // [1, 2, 3]
 * reads.release(false);
 * ```
 */
export class ReadBuffer {
  readonly #environment: RelayEnvironment;
  readonly #headroomBytes: number;
  #buffer: Uint8Array | undefined;
  #readBytes = MIN_BUFFER_BYTES;
  #spaceBytes = 0;
  #shortReads = 0;

  /** @param environment Lends the memory. @param headroomBytes Room that is kept in front of what is read. */
  constructor(environment: RelayEnvironment, headroomBytes: number) {
    this.#environment = environment;
    this.#headroomBytes = headroomBytes;
  }

  /** Space for the next read; what was read before is not needed any more. @param mostBytes More is not wanted now. */
  space(mostBytes: number): Uint8Array {
    let buffer = this.#buffer;
    if (buffer === undefined || buffer.length !== this.#readBytes) {
      const { pool } = this.#environment;
      if (buffer !== undefined) pool.give(buffer);
      buffer = this.#buffer = pool.take(this.#readBytes);
    }
    const headroomBytes = this.#headroomBytes;
    const end = Math.min(buffer.length, headroomBytes + Math.max(1, mostBytes));
    this.#spaceBytes = end - headroomBytes;
    return this.#spaceBytes === buffer.length ? buffer : buffer.subarray(headroomBytes, end);
  }

  /**
   * A read filled the first `bytes` of the space.
   *
   * @returns the buffer that they are in, behind the headroom; undefined when no space was lent: the runtime brought memory of its own
   */
  arrived(bytes: number): Uint8Array | undefined {
    if (this.#buffer === undefined) return undefined;
    this.#adapt(bytes);
    return this.#buffer;
  }

  /**
   * Gives the memory back.
   *
   * @param lent Whether somebody still sends from it: then it is left to the garbage collector, since the pool must not lend
   * it to somebody else
   */
  release(lent: boolean): void {
    const { pool, readMemory } = this.#environment;
    if (this.#buffer !== undefined && !lent) pool.give(this.#buffer);
    this.#buffer = undefined;
    readMemory.release(this.#readBytes - MIN_BUFFER_BYTES);
    this.#readBytes = MIN_BUFFER_BYTES;
  }

  #adapt(bytes: number): void {
    const { readMemory } = this.#environment;
    if (bytes === this.#spaceBytes) {
      this.#shortReads = 0;
      const full = bytes + this.#headroomBytes === this.#readBytes;
      const next = Math.min(MAX_READ_BYTES, this.#readBytes * READ_GROWTH);
      if (full && this.#readBytes < MAX_READ_BYTES && readMemory.reserve(next - this.#readBytes)) {
        this.#readBytes = next;
      }
    } else if (bytes * 4 >= this.#readBytes || this.#readBytes === MIN_BUFFER_BYTES) this.#shortReads = 0;
    else if (++this.#shortReads >= SHORT_READS_TO_SHRINK) {
      this.#shortReads = 0;
      this.#readBytes /= 2;
      readMemory.release(this.#readBytes);
    }
  }
}
