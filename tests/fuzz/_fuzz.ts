/**
 * Feeds a target, run after run.
 *
 * @module
 */
import { inspect } from "node:util";
import { Dice } from "./_dice.ts";
import type { FuzzTarget } from "./_target.ts";

/** Options of {@linkcode fuzz}. */
export interface FuzzOptions {
  /** Of all runs. With a run's number it leads to the same input again. */
  readonly seed: number;
  /** Number of the first run. @default 0 */
  readonly firstRun?: number;
  /** The oracle is asked in one of so many runs. @default 1 */
  readonly compareEvery?: number;
  /** Asked before each run with the runs so far; ends it all. */
  readonly until: (runs: number) => boolean;
}

/** What some runs of a target came to. */
export interface FuzzResult {
  readonly runs: number;
  readonly accepted: number;
  /** Runs in which the oracle was asked. */
  readonly compared: number;
}

/**
 * Feeds a target.
 *
 * @throws {Error} on a finding, with what leads to it again
 */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { seed, until, firstRun = 0, compareEvery = 1 } = options;
  const dice = new Dice();
  let [runs, accepted, compared] = [0, 0, 0];
  // Most inputs are refused by an error; to write down where it was thrown takes longer than all the rest.
  const stackTraceLimit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    while (!until(runs)) {
      const run = firstRun + runs++;
      const compare = target.hasOracle && run % compareEvery === 0;
      if (compare) compared++;
      dice.begin(seed, run);
      try {
        const result = target.run(dice, compare);
        if (result === true || (result !== false && await result)) accepted++;
      } catch (error) {
        Error.stackTraceLimit = stackTraceLimit;
        throw await finding(target, { seed, run, compare }, error);
      }
    }
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  return { runs, accepted, compared };
}

/** Runs once more what was found, for the place where it is thrown. */
async function finding(
  target: FuzzTarget,
  { seed, run, compare }: { readonly seed: number; readonly run: number; readonly compare: boolean },
  found: unknown,
): Promise<Error> {
  const dice = new Dice();
  dice.begin(seed, run);
  let what = `It was not found again; the first time it was ${inspect(found)}`;
  try {
    await target.run(dice, compare);
  } catch (error) {
    what = inspect(error);
  }
  return new Error(`Found with --target "${target.name}" --seed ${seed} --run ${run}:\n${what}`, {
    cause: found,
  });
}
