/**
 * Reuses buffers, so that the data path allocates nothing once it is warm.
 *
 * @module
 */

/** Smallest buffer that is pooled. */
export const MIN_BUFFER_BYTES = 1024;
/** Largest buffer that is pooled. */
export const MAX_BUFFER_BYTES = 1024 * 1024;

/** Buffers of one size. */
interface SizeClass {
  readonly free: Uint8Array[];
  /** When one was last asked for, on the pool's own count. */
  askedAt: number;
}

/**
 * Buffers of powers of two from 1 KiB to 1 MiB. When there is no room for one that comes back, those of the size that nobody
 * has asked for the longest make room: what a crowd of visitors left behind must not keep the next one's from being reused.
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
  /** By the number of times that the smallest size is doubled. */
  readonly #classes: SizeClass[] = [];
  readonly #keepBytes: number;
  #freeBytes = 0;
  #asked = 0;

  /** @param options `keepBytes`: how many bytes of free buffers are kept; the rest is left to the garbage collector. */
  constructor(options: { readonly keepBytes: number }) {
    this.#keepBytes = options.keepBytes;
    for (let size = MIN_BUFFER_BYTES; size <= MAX_BUFFER_BYTES; size *= 2) {
      this.#classes.push({ free: [], askedAt: 0 });
    }
  }

  /** Bytes of free buffers that are kept. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** A buffer of at least `bytes`, with whatever was in it. @throws {RangeError} over 1 MiB */
  take(bytes: number): Uint8Array {
    const index = classOf(bytes);
    const sizeClass = this.#classes[index];
    if (sizeClass === undefined) {
      throw new RangeError(`Cannot pool a buffer of ${bytes} bytes: over ${MAX_BUFFER_BYTES}`);
    }
    sizeClass.askedAt = ++this.#asked;
    const buffer = sizeClass.free.pop();
    if (buffer === undefined) return new Uint8Array(MIN_BUFFER_BYTES << index);
    this.#freeBytes -= buffer.length;
    return buffer;
  }

  /** Returns a whole buffer from `take`. Nobody may use it any more. */
  give(buffer: Uint8Array): void {
    const size = buffer.length;
    if (size > this.#keepBytes) return;
    const own = this.#classes[classOf(size)];
    while (this.#freeBytes + size > this.#keepBytes) {
      const oldest = this.#longestUnasked();
      if (oldest === undefined || oldest === own) return;
      this.#freeBytes -= oldest.free.pop()?.length ?? 0;
    }
    own?.free.push(buffer);
    this.#freeBytes += size;
  }

  /** Of the sizes that there are buffers of. */
  #longestUnasked(): SizeClass | undefined {
    let oldest: SizeClass | undefined;
    for (const sizeClass of this.#classes) {
      if (sizeClass.free.length === 0) continue;
      if (oldest === undefined || sizeClass.askedAt < oldest.askedAt) oldest = sizeClass;
    }
    return oldest;
  }
}

/** How often the smallest size must be doubled to hold so many bytes. */
function classOf(bytes: number): number {
  return bytes <= MIN_BUFFER_BYTES ? 0 : 22 - Math.clz32(bytes - 1);
}
