/**
 * How long a tunnel takes to come up.
 *
 * @module
 */
import type { Measure } from "./results.ts";
import type { Samples } from "./scenarios/types.ts";
import type { Surroundings, Target, Tunnel } from "./targets/types.ts";

/** The row that {@linkcode measureStart} fills. */
export const START_MEASURES: readonly Measure[] = [
  {
    id: "start",
    label: "server, then client, from nothing to the first answer, ms",
    better: "less",
    digits: 0,
    section: "start",
  },
];

/**
 * Starts a tunnel and sees how long it takes.
 *
 * @param target The tunnel.
 * @param surroundings Where.
 * @returns The sample, and what runs now.
 * @throws {Error} when it does not come up.
 */
export async function measureStart(
  target: Target,
  surroundings: Surroundings,
): Promise<{ readonly samples: Samples; readonly tunnel: Tunnel }> {
  const startMs = performance.now();
  const tunnel = await target.start(surroundings);
  return { samples: { start: performance.now() - startMs }, tunnel };
}
