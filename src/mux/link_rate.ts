/**
 * How large a frame may be, from how fast the link takes bytes. Pure.
 *
 * @module
 */

/** Smallest frame: below it, headers and system calls cost more than fairness gains. */
export const MIN_FRAME_BYTES = 16 * 1024;
/** Largest frame: as much as a runtime hands over at once. Larger ones bring no more throughput. */
export const MAX_FRAME_PAYLOAD_BYTES = 512 * 1024;
/** A frame should occupy the link no longer than this, so that one bulk stream does not delay the others. */
export const FRAME_TIME_MS = 5;

/** Shortest measurement: below it, the kernel's buffer hides the link. */
const SAMPLE_MS = 10;
/** Weight of a new sample. One in four follows a change within a few samples and forgets an outlier as soon. */
const SAMPLE_WEIGHT = 0.25;

/** What a frame carries before the first sample. */
const FIRST_FRAME_BYTES = 64 * 1024;

/** Measures the rate of a link from how long writes took, and derives a frame size. */
export class LinkRate {
  #busyMs = 0;
  #bytes = 0;
  #bytesPerMs: number | undefined;

  /** The measured rate in bytes a millisecond, or undefined before the first sample. */
  get bytesPerMs(): number | undefined {
    return this.#bytesPerMs;
  }

  /** The most payload that a frame should carry now. */
  get frameBytes(): number {
    if (this.#bytesPerMs === undefined) return FIRST_FRAME_BYTES;
    return Math.max(
      MIN_FRAME_BYTES,
      Math.min(MAX_FRAME_PAYLOAD_BYTES, Math.floor(this.#bytesPerMs * FRAME_TIME_MS)),
    );
  }

  /** A write of `bytes`, at least {@linkcode MIN_FRAME_BYTES}, was taken by the kernel after `elapsedMs`. */
  wrote(bytes: number, elapsedMs: number): void {
    this.#bytes += bytes;
    this.#busyMs += elapsedMs;
    if (this.#busyMs < SAMPLE_MS) return;
    const sample = this.#bytes / this.#busyMs;
    this.#bytesPerMs = this.#bytesPerMs === undefined
      ? sample
      : this.#bytesPerMs + (sample - this.#bytesPerMs) * SAMPLE_WEIGHT;
    this.#bytes = 0;
    this.#busyMs = 0;
  }
}
