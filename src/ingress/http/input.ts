/**
 * The memory that a visitor's socket is read into.
 *
 * @module
 */
import { MIN_BUFFER_BYTES } from "../../mux/buffer_pool.ts";
import type { RelayEnvironment } from "../../tunnel/relay.ts";

/** Room in front of what is read, for the header of a frame (10 bytes), aligned. */
export const HEADROOM_BYTES = 16;
/** Largest read; larger ones bring no more throughput. */
const MAX_READ_BYTES = 256 * 1024;
/** Reads in a row that fill less than a quarter of the space before the next one is smaller. */
const SHORT_READS_TO_SHRINK = 4;

/**
 * Lends space for reads: 4 KiB for whoever is idle, more for whoever fills it. Used where the runtime reads into a given buffer.
 */
export class Input {
  readonly #environment: RelayEnvironment;
  #buffer: Uint8Array | undefined;
  #readBytes = MIN_BUFFER_BYTES;
  #spaceBytes = 0;
  #shortReads = 0;

  /** @param environment Lends the memory. */
  constructor(environment: RelayEnvironment) {
    this.#environment = environment;
  }

  /** Space for the next read; what was read before is not needed any more. @param mostBytes More is not wanted now. */
  space(mostBytes: number): Uint8Array {
    let buffer = this.#buffer;
    if (buffer === undefined || buffer.length !== this.#readBytes) {
      const { pool } = this.#environment;
      if (buffer !== undefined) pool.give(buffer);
      buffer = this.#buffer = pool.take(this.#readBytes);
    }
    const end = Math.min(buffer.length, HEADROOM_BYTES + Math.max(1, mostBytes));
    this.#spaceBytes = end - HEADROOM_BYTES;
    return buffer.subarray(HEADROOM_BYTES, end);
  }

  /**
   * A read filled the first `bytes` of the space.
   *
   * @returns the buffer that they are in, from {@linkcode HEADROOM_BYTES} on; undefined when no space was lent: the runtime brought
   * memory of its own
   */
  arrived(bytes: number): Uint8Array | undefined {
    if (this.#buffer === undefined) return undefined;
    this.#adapt(bytes);
    return this.#buffer;
  }

  /** Gives the memory back. @param lent Whether somebody still sends from it: then it is left to the garbage collector. */
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
      const full = bytes + HEADROOM_BYTES === this.#readBytes;
      if (full && this.#readBytes < MAX_READ_BYTES && readMemory.reserve(this.#readBytes)) {
        this.#readBytes *= 2;
      }
    } else if (bytes * 4 >= this.#readBytes || this.#readBytes === MIN_BUFFER_BYTES) this.#shortReads = 0;
    else if (++this.#shortReads >= SHORT_READS_TO_SHRINK) {
      this.#shortReads = 0;
      this.#readBytes /= 2;
      readMemory.release(this.#readBytes);
    }
  }
}
