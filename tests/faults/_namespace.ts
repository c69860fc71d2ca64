/**
 * Runs a program of the tests where it has a network and mounts to itself, so that it may break them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { runtimeName } from "../harness.ts";
import { runProgram } from "../support/child_program.ts";
import { LONG } from "../support/long.ts";
import { missing } from "../support/programs.ts";

const SCENARIO_DEADLINE_MS = LONG ? 300_000 : 60_000;
/** A network whose only interface is its own loopback, and a mount table of its own. */
const UNSHARE = [
  "unshare",
  ...process.getuid?.() === 0 ? [] : ["--map-root-user"],
  "--net",
  "--mount",
  "sh",
  "-c",
];
const PREPARE = 'ip link set lo up && exec "$@"';

/** Why there are no namespaces here, or undefined when there are. */
export const noNamespaces: string | undefined = missing("unshare", "ip", "nft", "tc", "mount") ??
  (spawnSync(UNSHARE[0] ?? "", [...UNSHARE.slice(1), PREPARE, "sh", "true"]).status === 0
    ? undefined
    : "needs network namespaces");

/** A command that runs `command` where it has a network and mounts to itself. */
export function inNamespace(command: readonly string[]): string[] {
  return [...UNSHARE, PREPARE, "sh", ...command];
}

/** Runs one of the scenarios of `_scenarios.ts` in namespaces, on the runtime of this test. */
export async function runScenario(name: string): Promise<void> {
  const run = runtimeName === "deno" ? [findDeno(), "run", "--no-check", "--allow-all"] : [findBun(), "run"];
  const { code, program } = await runProgram(inNamespace([...run, "tests/faults/_scenarios.ts", name]), {
    env: LONG ? { FERROTUNNEL_LONG: "1" } : {},
    deadlineMs: SCENARIO_DEADLINE_MS,
  });
  assert.equal(code, 0, program.output());
  assert.ok(program.out.includes(`${name} is done`), program.output());
}
