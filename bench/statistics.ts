/**
 * What the bench reduces its samples with.
 *
 * @module
 */

/**
 * The middle of samples; the mean of the middle two when their number is even.
 *
 * @param samples At least one, in any order.
 * @returns The median, in the samples' unit.
 * @throws {RangeError} when there is none.
 */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  const lower = sorted[Math.ceil(middle) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError("Cannot take the median of nothing");
  return (lower + upper) / 2;
}

/**
 * How far samples lie apart: half of the distance between the least and the greatest, as a share of the median.
 *
 * @param samples Samples above zero.
 * @returns 0.05 for ±5%; undefined for fewer than two samples, which cannot tell.
 */
export function spread(samples: readonly number[]): number | undefined {
  if (samples.length < 2) return undefined;
  return (Math.max(...samples) - Math.min(...samples)) / 2 / median(samples);
}

/**
 * Compares two series of samples that were taken in turn: the median of the rounds' ratios, so that what slowed the machine
 * for a whole round does not count.
 *
 * @param samples Samples, one a round.
 * @param base Samples of what they are compared with, in the same rounds.
 * @returns The ratio; undefined when a series is missing or no round has both.
 */
export function ratio(
  samples: readonly number[] | undefined,
  base: readonly number[] | undefined,
): number | undefined {
  if (samples === undefined || base === undefined) return undefined;
  const rounds = Math.min(samples.length, base.length);
  const ratios = Array.from({ length: rounds }, (_, round) => (samples[round] ?? NaN) / (base[round] ?? NaN))
    .filter(Number.isFinite);
  return ratios.length === 0 ? undefined : median(ratios);
}
