/**
 * The bench's command line.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** A runtime that the program is measured on. */
export type RuntimeName = "deno" | "bun";

/** The programs of each peer that the bench knows how to start. */
export const PEER_PROGRAMS = {
  rathole: ["rathole"],
  bore: ["bore"],
  ferrotunnel: ["ferrotunnel"],
  frp: ["frps", "frpc"],
  chisel: ["chisel"],
} as const;

/** A tunnel of somebody else. */
export type PeerName = keyof typeof PEER_PROGRAMS;

/** Every peer the bench knows how to start. */
export const PEER_NAMES = Object.keys(PEER_PROGRAMS) as readonly PeerName[];

/** What can be measured; the README has a section about each. */
export const SCENARIO_NAMES = [
  "idle",
  "bulk",
  "round-trip",
  "beside",
  "connect",
  "http",
  "line",
  "start",
] as const;

/** One of {@linkcode SCENARIO_NAMES}. */
export type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** What is measured, and for how long. */
export interface BenchOptions {
  readonly help: boolean;
  /** Whether to be done within two minutes. */
  readonly quick: boolean;
  readonly runtimes: readonly RuntimeName[];
  /** Peers that must be there; undefined for those that are found. */
  readonly peers: readonly PeerName[] | undefined;
  readonly scenarios: readonly ScenarioName[];
  /** Whether the tunnels that speak TLS are measured as well. */
  readonly tls: boolean;
  /** Whether direct mode and several connections are measured as well, over TCP. */
  readonly modes: boolean;
  /** How often everything is measured. */
  readonly rounds: number;
  /** How long one measurement takes, in milliseconds. */
  readonly sampleMs: number;
  /** Numbers of streams that bulk bytes are moved on. */
  readonly streams: readonly number[];
  /** Numbers of streams that are held idle; fewer where the system allows a process fewer open files. */
  readonly idleStreams: readonly number[];
  /** No round is begun that would end later than this, in milliseconds from the start; the first always is. */
  readonly budgetMs: number;
  /** Folder for the results; undefined for `bench/results`. */
  readonly output: string | undefined;
  /** Whether the results replace those in `bench/README.md`. */
  readonly writeReadme: boolean;
}

/** What `--help` prints. */
export const USAGE = `deno task bench [OPTIONS]

  --quick               shorter measurements, fewer streams; done within two minutes
  --scenario NAME,…     what to measure: ${SCENARIO_NAMES.join(", ")} (all)
  --runtime deno|bun|all   what to run the program on (all)
  --peer NAME,…         peers to measure: ${PEER_NAMES.join(", ")}, or none (those on the PATH)
  --no-tls              leave out TLS
  --modes               direct mode and 4 connections beside the usual way, without TLS and HTTP
  --rounds N            how often everything is measured (5; 3 with --quick)
  --sample-ms N         how long one measurement takes (700; 200 with --quick)
  --output FOLDER       where the results are written (bench/results)
  --write-readme        put the results into bench/README.md
  --help                this text`;

/**
 * Reads the command line.
 *
 * @param words The words after the program's name.
 * @returns The options, all of them set.
 * @throws {TypeError} when an option is unknown or its value is not one of those it can have.
 */
export function parseArguments(words: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...words],
    allowNegative: true,
    options: {
      help: { type: "boolean" },
      quick: { type: "boolean" },
      scenario: { type: "string" },
      runtime: { type: "string" },
      peer: { type: "string" },
      tls: { type: "boolean" },
      modes: { type: "boolean" },
      rounds: { type: "string" },
      "sample-ms": { type: "string" },
      output: { type: "string" },
      "write-readme": { type: "boolean" },
    },
  });
  const { scenario, peer, quick = false } = values;
  return {
    help: values.help ?? false,
    quick,
    runtimes: readRuntimes(values.runtime ?? "all"),
    peers: peer === undefined ? undefined : peer === "none" ? [] : readNames("peer", peer, PEER_NAMES),
    scenarios: scenario === undefined ? SCENARIO_NAMES : readNames("scenario", scenario, SCENARIO_NAMES),
    tls: values.tls ?? true,
    modes: values.modes ?? false,
    rounds: readNumber("rounds", values.rounds) ?? (quick ? 3 : 5),
    sampleMs: readNumber("sample-ms", values["sample-ms"]) ?? (quick ? 200 : 700),
    streams: quick ? [1, 10] : [1, 10, 100],
    idleStreams: quick ? [1000] : [1000, 10_000],
    budgetMs: quick ? 90_000 : 840_000,
    output: values.output,
    writeReadme: values["write-readme"] ?? false,
  };
}

function readRuntimes(value: string): readonly RuntimeName[] {
  if (value === "all") return ["deno", "bun"];
  if (value === "deno" || value === "bun") return [value];
  throw new TypeError(`Expected deno, bun or all after --runtime but got '${value}'`);
}

function readNames<Name extends string>(
  option: string,
  value: string,
  names: readonly Name[],
): readonly Name[] {
  return value.split(",").map((word) => {
    const known = names.find((name) => name === word);
    if (known !== undefined) return known;
    throw new TypeError(`Expected names out of ${names.join(", ")} after --${option} but got '${word}'`);
  });
}

function readNumber(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new TypeError(`Expected a whole number from 1 after --${option} but got '${value}'`);
  }
  return number;
}
