/**
 * Fuzzes for as long as one likes: `deno task fuzz --seconds N [--target NAME] [--seed N]`. Prints how many inputs each target
 * was fed, and ends with 1 at the first finding.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { fuzz, type FuzzResult, TARGETS } from "./_targets.ts";

const USAGE = `Expected --seconds N [--target ${
  TARGETS.map(({ name }) => `"${name}"`).join("|")
}] [--seed N]`;
/** Targets take turns of this length, so that an interrupted run has looked at all of them. */
const TURN_MS = 500;

interface Plan {
  readonly seconds: number;
  readonly seed: number;
  readonly target: string | undefined;
}

function readPlan(): Plan | undefined {
  const options = {
    seconds: { type: "string", default: "60" },
    target: { type: "string" },
    seed: { type: "string" },
  } as const;
  try {
    const { values } = parseArgs({ options });
    const seconds = Number(values.seconds);
    const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
    const known = values.target === undefined || TARGETS.some(({ name }) => name === values.target);
    return seconds > 0 && Number.isSafeInteger(seed) && known
      ? { seconds, seed, target: values.target }
      : undefined;
  } catch {
    return undefined;
  }
}

async function main(): Promise<number> {
  const plan = readPlan();
  if (plan === undefined) {
    console.error(USAGE);
    return 2;
  }
  const targets = TARGETS.filter(({ name }) => plan.target === undefined || name === plan.target);
  const turnMs = Math.min(TURN_MS, plan.seconds * 1000 / targets.length);
  const results = new Map(targets.map((target) => [target, { runs: 0, accepted: 0 } as FuzzResult]));
  const endAt = performance.now() + plan.seconds * 1000;
  console.log(`Fuzzing for ${plan.seconds} s from seed ${plan.seed}`);
  try {
    while (performance.now() < endAt) {
      for (const [target, { runs, accepted }] of results) {
        const turnEndsAt = performance.now() + turnMs;
        // A look at the clock costs as much as some inputs.
        const until = (count: number): boolean =>
          count > 0 && count % 64 === 0 && performance.now() >= turnEndsAt;
        const turn = await fuzz(target, { seed: plan.seed + runs, until });
        results.set(target, { runs: runs + turn.runs, accepted: accepted + turn.accepted });
      }
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  for (const [{ name }, { runs, accepted }] of results) {
    console.log(`${name}: ${runs} runs, ${accepted} accepted`);
  }
  const all = [...results.values()].reduce((sum, { runs }) => sum + runs, 0);
  console.log(`${all} runs in all, no finding`);
  return 0;
}

process.exit(await main());
