/**
 * Which public ports clients may have. Pure.
 *
 * @module
 */
import type { PortRange } from "./options.ts";

/** Ports that are tried when the server picks one. */
export const MAX_PORTS_TRIED = 256;

/** Whether `port` is in one of the ranges. */
export function isAllowed(port: number, ranges: readonly PortRange[]): boolean {
  return ranges.some(({ from, to }) => port >= from && port <= to);
}

/**
 * The ports to try, in order, when the server picks: a random one and those after it, around the end of the ranges.
 *
 * @param ranges What is allowed.
 * @param random A number from 0 to 1.
 */
export function* portCandidates(
  ranges: readonly PortRange[],
  random: () => number = Math.random,
): Generator<number> {
  const total = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (total === 0) return;
  const first = Math.floor(random() * total);
  for (let tried = 0; tried < Math.min(total, MAX_PORTS_TRIED); tried++) {
    yield nthPort(ranges, (first + tried) % total);
  }
}

function nthPort(ranges: readonly PortRange[], index: number): number {
  let left = index;
  for (const { from, to } of ranges) {
    const count = to - from + 1;
    if (left < count) return from + left;
    left -= count;
  }
  throw new RangeError(`Port index ${index} is outside the ranges`);
}
