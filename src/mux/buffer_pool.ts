/**
 * Reuses buffers, so that the data path allocates nothing once it is warm.
 *
 * @module
 */

/** Smallest buffer that is pooled. */
export const MIN_BUFFER_BYTES = 1024;
/** Largest buffer that is pooled. */
export const MAX_BUFFER_BYTES = 1024 * 1024;

/**
 * Buffers of powers of two from 1 KiB to 1 MiB.
 *
 * @example
 * ```ts
 * import { BufferPool } from "./buffer_pool.ts";
 *
 * const pool = new BufferPool({ keepBytes: 1 << 20 });
 * const buffer = pool.take(5000); // 8192 bytes
 * pool.give(buffer);
 * ```
 */
export class BufferPool {
  readonly #free = new Map<number, Uint8Array[]>();
  readonly #keepBytes: number;
  #freeBytes = 0;

  /** @param options `keepBytes`: how many bytes of free buffers are kept; the rest is left to the garbage collector. */
  constructor(options: { readonly keepBytes: number }) {
    this.#keepBytes = options.keepBytes;
  }

  /** Bytes of free buffers that are kept. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** A buffer of at least `bytes`, with whatever was in it. @throws {RangeError} over 1 MiB */
  take(bytes: number): Uint8Array {
    if (bytes > MAX_BUFFER_BYTES) {
      throw new RangeError(`Cannot pool a buffer of ${bytes} bytes: over ${MAX_BUFFER_BYTES}`);
    }
    let size = MIN_BUFFER_BYTES;
    while (size < bytes) size *= 2;
    const buffer = this.#free.get(size)?.pop();
    if (buffer === undefined) return new Uint8Array(size);
    this.#freeBytes -= size;
    return buffer;
  }

  /** Returns a whole buffer from `take`. Nobody may use it any more. */
  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (this.#freeBytes + size > this.#keepBytes) return;
    let list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, list = []);
    list.push(buffer);
    this.#freeBytes += size;
  }
}
