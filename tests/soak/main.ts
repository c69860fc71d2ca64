/**
 * Tunnels under load and faults for as long as one likes: `deno task soak --minutes N [--runtime deno|bun] [--visitors N]`.
 *
 * Three tunnels at once, each with every kind of visit: `plain`, one connection without TLS; `secure`, three connections over
 * TLS, visitors over HTTPS and a bandwidth; `mortal`, whose client and server are killed now and then. After each round all visitors
 * leave, everything must be back at its baseline, and memory is looked at.
 *
 * Ends with 0 when every byte was right, nothing was left behind and memory did not grow; prints figures.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { Stage } from "../e2e/_stage.ts";
import { runtimeName } from "../harness.ts";
import type { RuntimeName } from "../support/tunnel_process.ts";
import type { Kind } from "./_settings.ts";
import { Soaked } from "./_soaked.ts";

const USAGE = "Expected --minutes N [--runtime deno|bun] [--visitors N, of each tunnel]";
const KINDS: readonly Kind[] = [
  { name: "plain", secure: false, connections: 1, bandwidth: undefined, mortal: false },
  { name: "secure", secure: true, connections: 3, bandwidth: 16 * 1024 * 1024, mortal: false },
  { name: "mortal", secure: false, connections: 2, bandwidth: undefined, mortal: true },
];
/** The part of the time in which nothing is broken. */
const WARM_UP_SHARE = 0.15;
const ROUND_MS = 60_000;
/** A soak that is too short for so many rounds has shorter ones. */
const MIN_ROUNDS = 4;
/** But none shorter than this: a round has more than one fault. */
const MIN_ROUND_MS = 10_000;

interface Plan {
  readonly minutes: number;
  readonly runtime: RuntimeName;
  readonly visitors: number;
}

function readPlan(): Plan | undefined {
  const options = {
    minutes: { type: "string", default: "10" },
    runtime: { type: "string", default: runtimeName },
    visitors: { type: "string", default: "6" },
  } as const;
  try {
    const { minutes, runtime, visitors } = parseArgs({ options }).values;
    if (!(Number(minutes) > 0) || !(Number(visitors) > 0)) return undefined;
    if (runtime !== "deno" && runtime !== "bun") return undefined;
    return { minutes: Number(minutes), runtime, visitors: Number(visitors) };
  } catch {
    return undefined;
  }
}

async function soak({ minutes, runtime, visitors }: Plan): Promise<boolean> {
  await using stage = new Stage();
  const soaked: Soaked[] = [];
  for (const kind of KINDS) soaked.push(await Soaked.start(kind, { stage, runtime, visitors }));
  const warmUpMs = minutes * 60_000 * WARM_UP_SHARE;
  const loadMs = minutes * 60_000 - warmUpMs;
  const atMost = Math.max(1, Math.floor(loadMs / MIN_ROUND_MS));
  const rounds = Math.max(Math.round(loadMs / ROUND_MS), Math.min(MIN_ROUNDS, atMost));
  await Promise.all(soaked.map((one) => one.warmUp(warmUpMs)));
  for (let round = 0; round < rounds; round++) {
    await Promise.all(soaked.map((one) => one.round(loadMs / rounds)));
  }
  await Promise.all(soaked.map((one) => one.finish()));
  const findings = soaked.flatMap((one) => one.report());
  for (const finding of findings) console.error(`FINDING: ${finding}`);
  console.log(findings.length === 0 ? "no finding" : `${findings.length} findings`);
  return findings.length === 0;
}

const plan = readPlan();
if (plan === undefined) {
  console.error(USAGE);
  process.exit(2);
}
process.exit(await soak(plan) ? 0 : 1);
