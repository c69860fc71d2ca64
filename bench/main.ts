/**
 * `deno task bench`: measures this project's tunnel beside the peers found on the PATH and beside no tunnel.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findDeno, ROOT, run } from "../scripts/tools.ts";
import { type BenchOptions, parseArguments, USAGE } from "./arguments.ts";
import { Bench } from "./bench.ts";
import { holdableStreams } from "./idle.ts";
import { canReadProcesses, Load } from "./load.ts";
import { describeCommit, describeMachine, describeVersions } from "./machine.ts";
import { Programs } from "./programs.ts";
import { replaceResults, report } from "./report.ts";
import type { Results } from "./results.ts";
import { makeCertificates } from "./targets/certificates.ts";
import { findPeers, type FoundPeers, targetsFor } from "./targets/mod.ts";

const README = join(ROOT, "bench", "README.md");
const RESULTS = join(ROOT, "bench", "results");

/** Progress goes to standard error, so that standard output is the table and nothing else. */
function say(line: string): void {
  console.error(line);
}

async function maxFiles(): Promise<number> {
  const { code, output } = await run(["sh", "-c", "ulimit -Hn"]);
  const limit = Number(output);
  return code === 0 && Number.isSafeInteger(limit) ? limit : Infinity;
}

async function measure(
  options: BenchOptions,
  { peers, programs, folder }: {
    readonly peers: FoundPeers;
    readonly programs: Programs;
    readonly folder: string;
  },
): Promise<Results> {
  const startMs = performance.now();
  const machine = describeMachine();
  const certificates = options.tls ? await makeCertificates(folder) : undefined;
  if (options.tls && certificates === undefined) say("no openssl: TLS is left out");
  if (!canReadProcesses()) say("no /proc: memory and CPU time are left out");
  const load = await Load.build(programs, folder);
  if (load.language === "TypeScript") {
    say("no C compiler: the load in TypeScript costs more than the tunnels");
  }
  const bench = new Bench({
    options,
    targets: targetsFor(options, peers, certificates !== undefined),
    load,
    programs,
    folder,
    certificates,
    idleStreams: holdableStreams(options.idleStreams, await maxFiles()),
    say,
  });
  const findings = await bench.run();
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    commit: await describeCommit(),
    machine,
    versions: await describeVersions(options.runtimes, peers),
    load: load.language,
    quick: options.quick,
    sampleMs: options.sampleMs,
    seconds: Math.round((performance.now() - startMs) / 1000),
    ...findings,
  };
}

async function write(results: Results, text: string, writeReadme: boolean): Promise<void> {
  mkdirSync(RESULTS, { recursive: true });
  const file = join(RESULTS, results.date.replaceAll(":", ""));
  writeFileSync(`${file}.json`, JSON.stringify(results, undefined, 2) + "\n");
  writeFileSync(`${file}.md`, `# Bench\n\n${text}`);
  say(`written to ${file}.json and .md`);
  if (!writeReadme) return;
  writeFileSync(README, replaceResults(readFileSync(README, "utf8"), text));
  await run([findDeno(), "fmt", README]);
}

async function main(words: readonly string[]): Promise<number> {
  let options: BenchOptions;
  let peers: FoundPeers;
  try {
    options = parseArguments(words);
    peers = findPeers(options.peers);
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const programs = new Programs();
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-bench-"));
  // For the ways out that pass by the end of this function.
  process.on("exit", () => {
    programs.killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  try {
    const results = await measure(options, { peers, programs, folder });
    const text = report(results);
    console.log(text);
    await write(results, text, options.writeReadme);
    return results.failures.some(({ isOurs }) => isOurs) ? 1 : 0;
  } finally {
    await programs.endAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit(await main(process.argv.slice(2)));
