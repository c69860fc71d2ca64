/**
 * Where a run took place, and what took part.
 *
 * @module
 */
import { cpus, loadavg, release, totalmem, type } from "node:os";
import { findBun, findDeno, findOnPath, run } from "../scripts/tools.ts";
import type { PeerName, RuntimeName } from "./arguments.ts";
import type { FoundPeers } from "./targets/mod.ts";

/** A machine as it was during a run. */
export interface Machine {
  /** Model of its processor. */
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Name and version. */
  readonly kernel: string;
  /** Mean number of processes that wanted to run in the minute before the run: 0 on an idle machine. */
  readonly loadBefore: number;
}

/** Peers whose own name would not tell them from this project. */
const PEER_LABELS: Readonly<Partial<Record<PeerName, string>>> = { ferrotunnel: "ferrotunnel (Rust)" };

/** Describes this machine. */
export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    loadBefore: loadavg()[0] ?? 0,
  };
}

/** Names the commit that is checked out, with a `+` when files were changed since; empty outside of a clone. */
export async function describeCommit(): Promise<string> {
  const git = async (...args: string[]): Promise<string> => {
    const { code, output } = await run(["git", "--no-optional-locks", ...args]);
    return code === 0 ? output : "";
  };
  const commit = await git("rev-parse", "--short", "HEAD");
  const changed = commit !== "" && await git("status", "--porcelain") !== "";
  return commit + (changed ? "+" : "");
}

/**
 * Asks each program that takes part for its version.
 *
 * @param runtimes The runtimes.
 * @param peers The peers.
 */
export async function describeVersions(
  runtimes: readonly RuntimeName[],
  peers: FoundPeers,
): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  const ask = async (name: string, program: string | undefined, flag = "--version"): Promise<void> => {
    if (program === undefined) return;
    const { code, output } = await run([program, flag], { deadlineMs: 10_000 });
    versions[name] = code === 0 ? versionIn(output) : "unknown";
  };
  if (runtimes.includes("deno")) await ask("deno", findDeno());
  if (runtimes.includes("bun")) await ask("bun", findBun());
  for (const [name, programs] of peers) await ask(PEER_LABELS[name] ?? name, programs[0]);
  await ask("cc", findOnPath("cc"));
  await ask("nginx", findOnPath("nginx"), "-v");
  return versions;
}

/**
 * Finds the version in what a program prints about itself.
 *
 * @param output One or many lines.
 * @returns The number in a line that says so, else the last number of the first line, since compilers name their packager's
 * first.
 */
export function versionIn(output: string): string {
  const number = /\d+\.\d+(?:\.\d+)*/;
  const said = output.match(/^(?:Build )?Version:\s*(\S+)/im)?.[1];
  const [first = ""] = output.split("\n");
  return said ?? first.match(new RegExp(number, "g"))?.at(-1) ?? "unknown";
}
