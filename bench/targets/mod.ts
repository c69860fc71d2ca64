/**
 * Chooses what is measured.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, ROOT, run } from "../../scripts/tools.ts";
import {
  type BenchOptions,
  PEER_NAMES,
  PEER_PROGRAMS,
  type PeerName,
  type RuntimeName,
} from "../arguments.ts";
import { bore } from "./bore.ts";
import { chisel } from "./chisel.ts";
import { ferrotunnel, TELLING_FLAG } from "./ferrotunnel.ts";
import { frp } from "./frp.ts";
import { noTunnel, OTHER_MODES, ours, oursCompiled } from "./ours.ts";
import { rathole } from "./rathole.ts";
import type { Target } from "./types.ts";

/** The peers that are there, with their executables in the order of {@linkcode PEER_PROGRAMS}. */
export type FoundPeers = ReadonlyMap<PeerName, readonly string[]>;

/**
 * Finds the peers to measure.
 *
 * @param wanted Those that must be there; all that are found when undefined.
 * @throws {Error} when one that must be there is not on the path.
 */
export async function findPeers(wanted: readonly PeerName[] | undefined): Promise<FoundPeers> {
  const found = new Map<PeerName, readonly string[]>();
  for (const name of wanted ?? PEER_NAMES) {
    const programs = PEER_PROGRAMS[name].map(findOnPath).filter((program) => program !== undefined);
    const isThere = programs.length === PEER_PROGRAMS[name].length &&
      (name !== "ferrotunnel" || await isVersion1(programs[0] ?? ""));
    if (isThere) found.set(name, programs);
    else if (wanted !== undefined) {
      throw new Error(`Cannot find ${PEER_PROGRAMS[name].join(" and ")} on the PATH`);
    }
  }
  return found;
}

/** Names the peers that would have been measured if they were there. */
export function missingPeers(
  found: FoundPeers,
  wanted: readonly PeerName[] | undefined,
): readonly PeerName[] {
  return (wanted ?? PEER_NAMES).filter((name) => !found.has(name));
}

async function isVersion1(program: string): Promise<boolean> {
  const { code, output } = await run([program, "server", "--help"], { deadlineMs: 10_000 });
  return code === 0 && output.includes(TELLING_FLAG);
}

/**
 * Lists what is measured.
 *
 * @param options The bench's options.
 * @param peers The peers.
 * @param tls Whether there are certificates.
 */
export function targetsFor(options: BenchOptions, peers: FoundPeers, tls: boolean): readonly Target[] {
  const both = tls && options.tls ? [false, true] : [false];
  return [
    noTunnel,
    ...both.flatMap((withTls) => [
      ...options.runtimes.flatMap((runtime) => oursTargets(runtime, options.modes && !withTls, withTls)),
      ...[...peers].flatMap(([name, programs]) => peerTargets(name, programs, withTls)),
    ]),
  ];
}

function oursTargets(runtime: RuntimeName, modes: boolean, tls: boolean): readonly Target[] {
  const others = modes ? OTHER_MODES.map((mode) => ours(runtime, { tls, mode })) : [];
  return [ours(runtime, { tls }), ...others];
}

function peerTargets(name: PeerName, programs: readonly string[], tls: boolean): readonly Target[] {
  const [program = "", second = ""] = programs;
  if (name === "rathole") return [rathole(program, tls)];
  // Of the others only what they are without options of their own is of interest.
  if (tls) return [];
  switch (name) {
    case "bore":
      return [bore(program)];
    case "ferrotunnel":
      return [ferrotunnel(program)];
    case "frp":
      return [frp({ frps: program, frpc: second })];
    case "chisel":
      return [chisel(program)];
  }
}

/**
 * Lists the programs of one file that were compiled, or compiles them.
 *
 * @param options The bench's options; with `--quick` nothing is compiled.
 * @param folder A temporary folder for what is compiled.
 * @param say Hears what is going on.
 */
export async function compiledTargets(
  options: BenchOptions,
  folder: string,
  say: (line: string) => void,
): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for (const runtime of options.runtimes) {
    const name = runtime === "bun" ? "ferrotunnel-bun" : "ferrotunnel";
    const program = options.quick ? join(ROOT, "dist", name) : await compile(runtime, join(folder, name));
    if (program !== undefined && existsSync(program)) targets.push(oursCompiled(runtime, program));
    else say(`no program compiled with ${runtime === "bun" ? "Bun" : "Deno"}: its start is left out`);
  }
  return targets;
}

/** Deno's base program comes from its downloads or, where those cannot be reached, from what was fetched before. */
async function compile(runtime: "deno" | "bun", output: string): Promise<string | undefined> {
  const { compileWithBun, compileWithDeno } = await import("../../scripts/compile.ts");
  const options = { output };
  if (runtime === "bun") return (await compileWithBun(options)).code === 0 ? output : undefined;
  if ((await compileWithDeno(options)).code === 0) return output;
  const script = join(ROOT, "scripts", "compile_offline.sh");
  const { code } = await run(["bash", script, "--output", output], { deadlineMs: 300_000 });
  return code === 0 ? output : undefined;
}
