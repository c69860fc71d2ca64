/**
 * A tunnel under load and faults for as long as one likes: `deno task soak --minutes N [--runtime deno|bun] [--visitors N]`.
 * Ends with 0 when every byte was right and everything is back at its baseline; prints figures.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { Stage } from "../e2e/_stage.ts";
import { runtimeName } from "../harness.ts";
import type { RuntimeName } from "../support/tunnel_process.ts";
import { Faults } from "./_faults.ts";
import { type Holdings, SoakedTunnel } from "./_tunnel.ts";
import { Visitors } from "./_visitors.ts";

const USAGE = "Expected --minutes N [--runtime deno|bun] [--visitors N]";
/** What a process may hold more in the end than after the first load. */
const LEFT_BYTES = 32 * 1024 * 1024;
const BASELINE_WITHIN_MS = 30_000;
/** Load without faults, before the baseline is taken: a runtime takes memory that it keeps. */
const WARM_UP_SHARE = 0.15;

interface Plan {
  readonly minutes: number;
  readonly runtime: RuntimeName;
  readonly visitors: number;
}

function readPlan(): Plan | undefined {
  const options = {
    minutes: { type: "string", default: "10" },
    runtime: { type: "string", default: runtimeName },
    visitors: { type: "string", default: "12" },
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until no stream is left and nothing is buffered. */
async function quiet(tunnel: SoakedTunnel): Promise<Holdings> {
  const giveUpAt = performance.now() + BASELINE_WITHIN_MS;
  for (;;) {
    const held = await tunnel.serverHoldings();
    if (held.streams <= IDLE_ORIGINS && held.bufferedBytes === 0) return held;
    if (performance.now() > giveUpAt) throw new Error(`Not back at the baseline: ${JSON.stringify(held)}`);
    await pause(100);
  }
}

/** Streams to the web service that wait for their next request. */
const IDLE_ORIGINS = 16;

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

async function soak({ minutes, runtime, visitors }: Plan): Promise<boolean> {
  await using stage = new Stage();
  const tunnel = await SoakedTunnel.start(stage, runtime);
  const load = new Visitors(tunnel, visitors);
  const totalMs = minutes * 60_000;
  await load.run(totalMs * WARM_UP_SHARE);
  const before = await quiet(tunnel);
  const faults = new Faults(tunnel);
  load.faults = faults;
  const strike = faults.run(totalMs * (1 - WARM_UP_SHARE));
  const [struck] = await Promise.allSettled([strike, load.run(totalMs * (1 - WARM_UP_SHARE))]);
  const after = await quiet(tunnel);
  tunnel.assertSound();
  for (const line of load.figures()) console.log(line);
  console.log(`faults: ${faults.figures()}`);
  console.log(
    `server: ${mib(before.residentBytes)} → ${mib(after.residentBytes)} resident, ` +
      `${before.descriptors} → ${after.descriptors} descriptors, ${after.streams} streams`,
  );
  const findings = [...load.findings];
  if (struck.status === "rejected") findings.push(String(struck.reason));
  const grown = after.residentBytes - before.residentBytes;
  if (grown > LEFT_BYTES) findings.push(`The server has grown by ${mib(grown)}`);
  if (after.descriptors > before.descriptors + IDLE_ORIGINS) findings.push("Descriptors are left");
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
