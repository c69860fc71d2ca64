/**
 * The addresses of a name, one after the other. Pure.
 *
 * @module
 */

/** An address that does not answer at all is given at least this long before the next one is tried. */
const MIN_SHARE_MS = 2_000;

/** Options of {@linkcode dialInTurn}. */
export interface DialInTurnOptions<Result> {
  /** For all addresses together. */
  readonly timeoutMs: number;
  /** Milliseconds on a monotonic scale. */
  readonly now: () => number;
  /** Tries one address, for so long at most. */
  readonly attempt: (address: string, shareMs: number) => Promise<Result>;
}

/**
 * Tries addresses until one answers. One that swallows what is sent to it must not use up the time of the others, so each has
 * an equal share of what is left, though not less than 2 s; the last one has all of it.
 *
 * @param addresses At least one.
 * @param options Time, and how to try.
 * @returns what the first attempt that succeeded returned
 * @throws what the last attempt threw
 */
export async function dialInTurn<Result>(
  addresses: readonly string[],
  options: DialInTurnOptions<Result>,
): Promise<Result> {
  const { timeoutMs, now, attempt } = options;
  const deadline = now() + timeoutMs;
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    const leftMs = deadline - now();
    if (index > 0 && leftMs <= 0) break;
    const shareMs = Math.max(MIN_SHARE_MS, leftMs / (addresses.length - index));
    try {
      return await attempt(address, Math.min(shareMs, leftMs));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
