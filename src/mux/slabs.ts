/**
 * The memory a session reads into. Payloads are handed on as views of it, so nothing is copied; a slab is used again when
 * its last view is done.
 *
 * @module
 */
import type { BufferPool } from "./buffer_pool.ts";

/** The slab an idle session waits with. */
export const MIN_SLAB_BYTES = 16 * 1024;
/** The slab of a busy session: room for two of the largest reads that pay. */
export const MAX_SLAB_BYTES = 512 * 1024;
/**
 * Slabs that views may keep from being reused, in one session. Beyond it whoever keeps bytes copies them, so that a few
 * bytes for each of many stalled streams cannot pin a slab each.
 */
export const MAX_PINNED_SLABS = 32;

/** Frames from this size on come one behind the other, when a stream is busy. */
const LARGE_FRAME_BYTES = 64 * 1024;
/** Reads in a row that fill less than an eighth of the slab before the next one is smaller. */
const SHORT_READS_TO_SHRINK = 16;

/** Shared ownership of the memory behind the views of one slab. */
export class Slab {
  /** The memory. */
  readonly buffer: Uint8Array;
  /** Whether the memory came from the pool; what the runtime brought does not go there. */
  readonly pooled: boolean;
  readonly #slabs: SlabReader;
  #references = 0;

  /** @param buffer The memory. @param slabs Who gets it back. @param pooled Whether it came from the pool. */
  constructor(buffer: Uint8Array, slabs: SlabReader, pooled: boolean) {
    this.buffer = buffer;
    this.#slabs = slabs;
    this.pooled = pooled;
  }

  /** Whether views of this slab are in use. */
  get pinned(): boolean {
    return this.#references > 0;
  }

  /** Whether keeping a view is cheap; otherwise the bytes should be copied. */
  get mayPin(): boolean {
    return this.#references > 0 || this.#slabs.pinned < MAX_PINNED_SLABS;
  }

  /** A view will be used after the call that lent it. */
  retain(): void {
    if (this.#references++ === 0) this.#slabs.pinnedChanged(1);
  }

  /** That view is done. */
  release(): void {
    if (--this.#references === 0) {
      this.#slabs.pinnedChanged(-1);
      this.#slabs.released(this);
    }
  }
}

/** Lends space for reads and remembers which slab the bytes now being parsed are in. */
export class SlabReader {
  readonly #pool: BufferPool;
  #slab: Slab | undefined;
  #usedBytes = 0;
  #slabBytes = MIN_SLAB_BYTES;
  #lentBytes = 0;
  #shortReads = 0;
  #pinned = 0;

  /** @param pool Where the memory comes from. */
  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  /** Slabs with views in use. */
  get pinned(): number {
    return this.#pinned;
  }

  /**
   * Space for the next read. It ends where a frame ends if the next frames are as large as the last one, which those of a
   * busy stream are: a read that ends within a frame makes two pieces of it, and each piece costs a write.
   *
   * @param frameLeftBytes What the frame under way still lacks.
   * @param frameBytes Size of the last frame with its header; 0: not known.
   */
  space(frameLeftBytes = 0, frameBytes = 0): Uint8Array {
    let slab = this.#slab;
    if (slab !== undefined && !slab.pinned) this.#usedBytes = 0;
    if (slab === undefined || this.#mustReplace(slab)) {
      if (slab !== undefined && !slab.pinned) this.#pool.give(slab.buffer);
      slab = this.#slab = new Slab(this.#pool.take(this.#slabBytes), this, true);
      this.#usedBytes = 0;
    }
    const used = this.#usedBytes;
    const lent = this.#lentBytes = wholeFrames(slab.buffer.length - used, frameLeftBytes, frameBytes);
    return lent === slab.buffer.length ? slab.buffer : slab.buffer.subarray(used, used + lent);
  }

  /** The slab of a chunk that was just read: the lent space, or memory that the runtime brought. */
  arrived(chunk: Uint8Array): Slab {
    const slab = this.#slab;
    if (slab === undefined || slab.buffer.buffer !== chunk.buffer) return new Slab(chunk, this, false);
    this.#usedBytes += chunk.length;
    this.#adapt(chunk.length);
    return slab;
  }

  /** Gives the memory back that no view uses. */
  close(): void {
    if (this.#slab !== undefined && !this.#slab.pinned) this.#pool.give(this.#slab.buffer);
    this.#slab = undefined;
  }

  /** Called by a slab. */
  pinnedChanged(by: number): void {
    this.#pinned += by;
  }

  /** Called by a slab whose last view is done. */
  released(slab: Slab): void {
    if (slab !== this.#slab && slab.pooled) this.#pool.give(slab.buffer);
  }

  #mustReplace(slab: Slab): boolean {
    const size = slab.buffer.length;
    if (!slab.pinned) return size !== this.#slabBytes;
    return size < this.#slabBytes || size - this.#usedBytes < size / 4;
  }

  #adapt(readBytes: number): void {
    if (readBytes === this.#lentBytes) {
      this.#shortReads = 0;
      this.#slabBytes = Math.min(MAX_SLAB_BYTES, this.#slabBytes * 2);
    } else if (readBytes * 8 > this.#slabBytes) {
      this.#shortReads = 0;
    } else if (++this.#shortReads >= SHORT_READS_TO_SHRINK) {
      this.#shortReads = 0;
      this.#slabBytes = Math.max(MIN_SLAB_BYTES, this.#slabBytes / 2);
    }
  }
}

/** How much of `spaceBytes` to lend, see {@linkcode SlabReader.space}; small frames are not worth the care. */
function wholeFrames(spaceBytes: number, frameLeftBytes: number, frameBytes: number): number {
  if (frameLeftBytes >= spaceBytes || frameBytes < LARGE_FRAME_BYTES) return spaceBytes;
  const whole = spaceBytes - ((spaceBytes - frameLeftBytes) % frameBytes);
  return whole * 2 < spaceBytes ? spaceBytes : whole; // A read too many would cost more than a piece too many.
}
