/**
 * Whether a figure grows slowly.
 *
 * @module
 */

/** A figure at a time. */
export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

/** A straight line through samples. */
export interface Trend {
  readonly samples: number;
  readonly bytesPerMinute: number;
  /** How far `bytesPerMinute` is off by chance: its standard error; Infinity when there are too few samples to tell. */
  readonly errorBytesPerMinute: number;
}

/** With fewer samples a line says nothing. */
const MIN_SAMPLES = 5;
/** Growth up to this may be a runtime that settles late. */
const TOLERATED_BYTES_PER_MINUTE = 256 * 1024;
/** Growth of less than so many standard errors may be chance. */
const SURE_ERRORS = 4;

/** The line of least squares through the last half of `all`: what comes before is settling. */
export function trendOf(all: readonly Sample[]): Trend {
  const samples = all.slice(Math.floor(all.length / 2));
  const count = samples.length;
  const xs = samples.map(({ atMs }) => atMs / 60_000);
  const ys = samples.map(({ bytes }) => bytes);
  const [meanX, meanY] = [mean(xs), mean(ys)];
  const spread = sum(xs.map((x) => (x - meanX) ** 2));
  if (count < 2 || spread === 0) return { samples: count, bytesPerMinute: 0, errorBytesPerMinute: Infinity };
  const slope = sum(xs.map((x, index) => (x - meanX) * (ys[index]! - meanY))) / spread;
  const rest = sum(xs.map((x, index) => (ys[index]! - meanY - slope * (x - meanX)) ** 2));
  const error = count < MIN_SAMPLES ? Infinity : Math.sqrt(rest / (count - 2) / spread);
  return { samples: count, bytesPerMinute: slope, errorBytesPerMinute: error };
}

/** Whether it grows, and not by chance. */
export function grows({ bytesPerMinute, errorBytesPerMinute }: Trend): boolean {
  return bytesPerMinute > TOLERATED_BYTES_PER_MINUTE && bytesPerMinute > SURE_ERRORS * errorBytesPerMinute;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
