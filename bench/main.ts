/**
 * `deno task bench`: measures this project's tunnel beside the peers found on the PATH and beside no tunnel.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { findDeno, findOnPath, ROOT, run } from "../scripts/tools.ts";
import { type BenchOptions, parseArguments, USAGE } from "./arguments.ts";
import { Bench } from "./bench.ts";
import { holdableStreams } from "./idle.ts";
import { canReadProcesses, Load } from "./load.ts";
import { describeCommit, describeMachine, describeVersions } from "./machine.ts";
import { Programs } from "./programs.ts";
import { plotRatios } from "./plot.ts";
import { replaceResults, report } from "./report.ts";
import type { Results } from "./results.ts";
import { scenariosFor } from "./scenarios/mod.ts";
import { makeCertificates } from "./targets/certificates.ts";
import { compiledTargets, findPeers, type FoundPeers, missingPeers, targetsFor } from "./targets/mod.ts";
import { chooseDriver } from "./web.ts";

const README = join(ROOT, "bench", "README.md");
const RESULTS = join(ROOT, "bench", "results");

/** The plot that the README shows. */
const PLOT = "ratios.svg";

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
  const load = await Load.build(programs);
  if (load.language === "TypeScript") {
    say("no C compiler: the load in TypeScript costs more than the tunnels");
  }
  const missing = missingPeers(peers, options.peers);
  if (missing.length > 0) say(`not on the PATH, so skipped: ${missing.join(", ")}`);
  const compiled = options.scenarios.includes("start") ? await compiledTargets(options, folder, say) : [];
  const files = await maxFiles();
  const driver = chooseDriver(programs, options.sampleMs);
  const bench = new Bench({
    options,
    targets: [...targetsFor(options, peers, certificates !== undefined), ...compiled],
    scenarios: scenariosFor(options, driver),
    load,
    programs,
    folder,
    certificates,
    idleStreams: [...new Set(options.idleStreams.map((streams) => holdableStreams(streams, files)))],
    say,
  });
  const findings = await bench.run();
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    commit: await describeCommit(),
    machine,
    versions: await describeVersions(options.runtimes, peers),
    load: load.language,
    web: `${driver.name} and ${findOnPath("nginx") === undefined ? "the load's service" : "nginx"}`,
    missing,
    quick: options.quick,
    sampleMs: options.sampleMs,
    seconds: Math.round((performance.now() - startMs) / 1000),
    ...findings,
  };
}

async function write(
  results: Results,
  text: string,
  { output = RESULTS, writeReadme }: Pick<BenchOptions, "output" | "writeReadme">,
): Promise<void> {
  mkdirSync(output, { recursive: true });
  const file = join(output, results.date.replaceAll(":", ""));
  writeFileSync(`${file}.json`, JSON.stringify(results, undefined, 2) + "\n");
  const plot = plotRatios(results);
  const image = (name: string): string => `![Ratios to rathole](${name})\n\n`;
  writeFileSync(`${file}.md`, `# Bench\n\n${plot === "" ? "" : image(`${basename(file)}.svg`)}${text}`);
  if (plot !== "") writeFileSync(`${file}.svg`, plot);
  say(`written to ${file}.json, .md${plot === "" ? "" : " and .svg"}`);
  if (!writeReadme) return;
  if (plot !== "") writeFileSync(join(ROOT, "bench", PLOT), plot);
  const document = readFileSync(README, "utf8");
  writeFileSync(README, replaceResults(document, (plot === "" ? "" : image(PLOT)) + text));
  await run([findDeno(), "fmt", README]);
}

async function main(words: readonly string[]): Promise<number> {
  let options: BenchOptions;
  let peers: FoundPeers;
  try {
    options = parseArguments(words);
    peers = await findPeers(options.peers);
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
    await write(results, text, options);
    return results.failures.some(({ isOurs }) => isOurs) ? 1 : 0;
  } finally {
    await programs.endAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit(await main(process.argv.slice(2)));
