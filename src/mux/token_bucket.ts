/**
 * How often something may happen.
 *
 * @module
 */

/** Size of a {@linkcode TokenBucket}. */
export interface TokenBucketOptions {
  /** How often at once. */
  readonly burst: number;
  /** How often again with each second. */
  readonly perSecond: number;
}

/**
 * A token bucket on an injected clock.
 *
 * @example
 * ```ts
 * import { TokenBucket } from "./token_bucket.ts";
 *
 * const bucket = new TokenBucket({ burst: 2, perSecond: 1 }, () => performance.now());
 * console.log(bucket.take(), bucket.take(), bucket.take()); // true true false
 * ```
 */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  /** @param options Burst and rate. @param now Milliseconds on a monotonic scale. */
  constructor(options: TokenBucketOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#tokens = options.burst;
    this.#filledAt = now();
  }

  /** Uses one token. @returns false when there is none */
  take(): boolean {
    if (this.#tokens < 1) this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Allows it `tokens` times more, within the burst. */
  give(tokens: number): void {
    this.#tokens = Math.min(this.#options.burst, this.#tokens + tokens);
  }

  #fill(): void {
    const now = this.#now();
    const gained = ((now - this.#filledAt) / 1000) * this.#options.perSecond;
    this.#tokens = Math.min(this.#options.burst, this.#tokens + gained);
    this.#filledAt = now;
  }
}
