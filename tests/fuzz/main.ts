/**
 * Fuzzes for as long as one likes: `deno task fuzz --seconds N [--target NAME] [--seed N] [--run N] [--compare-every N] [--jobs N]`.
 * Prints how many inputs each target was fed and in how many of these runs a slow oracle was asked, and ends with 1 at the first
 * finding. What a finding prints leads to it again: `--target NAME --seed N --run N`. On Bun it is about twice as fast.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { fuzz, type FuzzResult } from "./_fuzz.ts";
import { runJobs } from "./_jobs.ts";
import type { FuzzTarget } from "./_target.ts";
import { TARGETS } from "./_targets.ts";

const USAGE = `Expected --seconds N [--target ${
  TARGETS.map(({ name }) => `"${name}"`).join("|")
}] [--seed N] [--run N] [--compare-every N] [--jobs N]`;
/** Targets take turns of this length, so that an interrupted run has looked at all of them. */
const TURN_MS = 500;
/** Between two looks at the clock, one of which costs as much as some inputs. */
const RUNS_PER_LOOK = 64;

interface Plan {
  readonly seconds: number;
  readonly seed: number;
  readonly targets: readonly FuzzTarget[];
  /** The only run, compared with the oracle; undefined: as many as there is time for. */
  readonly run: number | undefined;
  readonly compareEvery: number;
  readonly jobs: number;
}

function readPlan(): Plan | undefined {
  const options = {
    seconds: { type: "string", default: "60" },
    target: { type: "string" },
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    run: { type: "string" },
    "compare-every": { type: "string", default: "16" },
    jobs: { type: "string", default: "1" },
  } as const;
  try {
    const { values } = parseArgs({ options });
    const [seconds, seed, jobs] = [Number(values.seconds), Number(values.seed), Number(values.jobs)];
    const compareEvery = Number(values["compare-every"]);
    const run = values.run === undefined ? undefined : Number(values.run);
    const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
    const right = seconds > 0 && Number.isSafeInteger(seed) && targets.length > 0 &&
      (run === undefined || Number.isSafeInteger(run) && run >= 0) &&
      [compareEvery, jobs].every((number) => Number.isSafeInteger(number) && number > 0);
    return right ? { seconds, seed, targets, run, compareEvery, jobs } : undefined;
  } catch {
    return undefined;
  }
}

/** Feeds the targets in turns. @throws {Error} on a finding */
async function fuzzInTurns(plan: Plan): Promise<Map<FuzzTarget, FuzzResult>> {
  const { seconds, seed, targets, compareEvery } = plan;
  const results = new Map(targets.map((target) => [target, { runs: 0, accepted: 0, compared: 0 }]));
  const endAt = performance.now() + seconds * 1000;
  const turnMs = Math.min(TURN_MS, seconds * 1000 / targets.length);
  while (performance.now() < endAt) {
    for (const [target, before] of results) {
      const turnEndsAt = performance.now() + turnMs;
      const until = (count: number): boolean =>
        count > 0 && count % RUNS_PER_LOOK === 0 && performance.now() >= turnEndsAt;
      const turn = await fuzz(target, { seed, firstRun: before.runs, compareEvery, until });
      results.set(target, {
        runs: before.runs + turn.runs,
        accepted: before.accepted + turn.accepted,
        compared: before.compared + turn.compared,
      });
    }
  }
  return results;
}

/** Runs one run of each target. @throws {Error} on a finding */
async function runAlone({ seed, targets }: Plan, run: number): Promise<Map<FuzzTarget, FuzzResult>> {
  const results = new Map<FuzzTarget, FuzzResult>();
  for (const target of targets) {
    results.set(target, await fuzz(target, { seed, firstRun: run, until: (runs) => runs === 1 }));
  }
  return results;
}

async function main(): Promise<number> {
  const plan = readPlan();
  if (plan === undefined) {
    console.error(USAGE);
    return 2;
  }
  if (plan.jobs > 1) return runJobs(plan.jobs, plan.seed);
  console.log(`Fuzzing for ${plan.seconds} s from seed ${plan.seed}`);
  let results: Map<FuzzTarget, FuzzResult>;
  try {
    results = plan.run === undefined ? await fuzzInTurns(plan) : await runAlone(plan, plan.run);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  for (const [{ name, hasOracle }, { runs, accepted, compared }] of results) {
    console.log(`${name}: ${runs} runs, ${accepted} accepted${hasOracle ? `, ${compared} compared` : ""}`);
  }
  const sum = (key: keyof FuzzResult): number =>
    [...results.values()].reduce((total, result) => total + result[key], 0);
  console.log(`${sum("runs")} runs in all, ${sum("compared")} compared with an oracle, no finding`);
  return 0;
}

process.exit(await main());
