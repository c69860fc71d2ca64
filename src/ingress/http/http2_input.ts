/**
 * The memory that an HTTP/2 visitor's socket is read into, where the runtime reads into a given buffer.
 *
 * @module
 */

/** Space for a read while little comes; it doubles with every read that fills it. */
const LEAST_BYTES = 4 * 1024;
const MOST_BYTES = 64 * 1024;

/** Lends space, and gives what was read away. */
export class Http2Input {
  #bytes = LEAST_BYTES;
  #space: Uint8Array | undefined;

  /** Space for the next read. */
  space(): Uint8Array {
    return this.#space ??= new Uint8Array(this.#bytes);
  }

  /** What was read, as bytes that belong to the caller. */
  own(chunk: Uint8Array): Uint8Array {
    const space = this.#space;
    if (space === undefined || chunk.buffer !== space.buffer) return chunk;
    const full = chunk.length === space.length;
    if (full) this.#bytes = Math.min(MOST_BYTES, this.#bytes * 2);
    else if (chunk.length < space.length / 4) this.#bytes = LEAST_BYTES;
    if (!full && chunk.length < space.length / 2) return chunk.slice();
    this.#space = undefined;
    return chunk;
  }
}
