/**
 * How long to wait before dialling again. Pure.
 *
 * @module
 */

/** Bounds of a {@linkcode Backoff}. */
export interface BackoffOptions {
  /** Bound of the first wait. */
  readonly minMs: number;
  /** Bound of the longest wait. */
  readonly maxMs: number;
  /** A connection that lasted so long was a success: the next failure starts from the beginning. */
  readonly stableMs: number;
  /** A number from 0 to 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Exponential backoff with full jitter: the wait is drawn evenly from 0 to a bound that doubles, so that many clients that
 * lost the same server do not come back at the same moment.
 *
 * @example
 * ```ts
 * import { Backoff } from "./backoff.ts";
 *
 * const backoff = new Backoff({ minMs: 500, maxMs: 30_000, stableMs: 30_000, random: () => 0.5 });
 * console.log(backoff.failed(0), backoff.failed(0), backoff.failed(0)); // 250 500 1000
 * ```
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #boundMs: number;

  /** @param options Bounds. */
  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#boundMs = options.minMs;
  }

  /**
   * An attempt failed, or a connection ended.
   *
   * @param lastedMs How long the connection had lasted; 0 for one that never was.
   * @param atLeastMs Lower bound of this wait, for failures that time alone does not mend.
   * @returns how long to wait in milliseconds
   */
  failed(lastedMs: number, atLeastMs = 0): number {
    const { minMs, maxMs, stableMs, random = Math.random } = this.#options;
    if (lastedMs >= stableMs) this.#boundMs = minMs;
    const waitMs = Math.max(atLeastMs, random() * this.#boundMs);
    this.#boundMs = Math.min(maxMs, this.#boundMs * 2);
    return waitMs;
  }
}
