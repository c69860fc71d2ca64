/**
 * Makes a self-contained program: `deno task compile` or `deno task compile:bun`.
 *
 *     deno run -A scripts/compile.ts deno|bun [--target TARGET] [--output FILE]
 *
 * The output is `dist/ferrotunnel` (Deno) or `dist/ferrotunnel-bun` (Bun) unless told otherwise. A target is named as the compiler names it, such as
 * `aarch64-apple-darwin` for Deno and `bun-linux-arm64` for Bun; without one the program is for this machine.
 *
 * @module
 */
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { findBun, findDeno, ROOT, run, type RunResult } from "./tools.ts";

/**
 * What the program may do when Deno compiled it; it asks for nothing more. It starts no program, and writes nowhere but in
 * its state directory, which is known only when it runs.
 */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys=hostname,uid",
  "--no-prompt",
];

/**
 * How much memory V8 may leave to garbage: 4 MiB of new objects and as much again while they are collected. The 16 MiB that it takes
 * otherwise weigh more than thousands of idle visitors.
 */
export const V8_FLAGS = "--v8-flags=--max-semi-space-size=4";

/** Where the program starts. */
export const ENTRY: string = join(ROOT, "src", "main.ts");

const DEADLINE_MS = 300_000;

/** Less text to parse at each start. Names stay as they are, for the traces of errors. */
const SMALLER = ["--minify-whitespace", "--minify-syntax"];

/** Options of {@linkcode compileWithDeno} and {@linkcode compileWithBun}. */
export interface CompileOptions {
  /** The program to write. */
  readonly output: string;
  /** The machine that it is for, as the compiler names it. @default this machine */
  readonly target?: string | undefined;
  /** Where the program starts. @default `src/main.ts` */
  readonly entry?: string;
  /** Hears what the compiler says. */
  readonly onLine?: (line: string) => void;
}

/**
 * Compiles with Deno. The base program comes from the network unless the variable `DENORT_BIN` names a file.
 *
 * @param options Output, target and entry.
 * @returns How the compiler ended.
 */
export async function compileWithDeno(options: CompileOptions): Promise<RunResult> {
  const { output, target, entry = ENTRY } = options;
  // Bundled first: from the folder of sources Deno would embed all of node_modules, hundreds of megabytes.
  const bundle = `${output}.bundle.js`;
  const bundled = await start(
    [findBun(), "build", entry, "--target=node", ...SMALLER, "--outfile", bundle],
    options,
  );
  if (bundled.code !== 0) return bundled;
  const isolated = ["--no-config", "--no-lock", "--no-check", "--node-modules-dir=none"];
  const targeted = target === undefined ? [] : ["--target", target];
  const command = [
    findDeno(),
    "compile",
    ...isolated,
    ...PERMISSIONS,
    V8_FLAGS,
    ...targeted,
    "--output",
    output,
    bundle,
  ];
  const compiled = await start(command, options);
  rmSync(bundle);
  return compiled;
}

/**
 * Compiles with Bun, which takes the base program for another machine from npm.
 *
 * @param options Output, target and entry.
 * @returns How the compiler ended.
 */
export async function compileWithBun(options: CompileOptions): Promise<RunResult> {
  const { output, target, entry = ENTRY } = options;
  const targeted = target === undefined ? [] : [`--target=${target}`];
  // Neither the environment files nor the configuration of the folder that it is started in is the program's.
  const sealed = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  // Compiled to bytecode it starts in less than half the time: nothing is parsed. That wants the format to be named.
  const quick = [...SMALLER, "--bytecode", "--format=esm"];
  const command = [
    findBun(),
    "build",
    "--compile",
    ...quick,
    ...sealed,
    ...targeted,
    entry,
    "--outfile",
    output,
  ];
  return await start(command, options);
}

async function start(command: string[], { output, onLine }: CompileOptions): Promise<RunResult> {
  mkdirSync(dirname(output), { recursive: true });
  const hear = onLine === undefined ? {} : { onLine };
  return await run(command, { deadlineMs: DEADLINE_MS, env: { NO_COLOR: "1" }, ...hear });
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      target: { type: "string" },
      output: { type: "string" },
    },
  });
  const compile = { deno: compileWithDeno, bun: compileWithBun }[positionals[0] ?? ""];
  if (compile === undefined || positionals.length !== 1) {
    console.error("Usage: scripts/compile.ts deno|bun [--target TARGET] [--output FILE]");
    return 2;
  }
  const output = resolve(
    values.output ?? join(ROOT, "dist", positionals[0] === "bun" ? "ferrotunnel-bun" : "ferrotunnel"),
  );
  const { code } = await compile({ output, target: values.target, onLine: console.log });
  if (code === 0) console.log(`Wrote ${output}`);
  return code === 0 ? 0 : 1;
}

if (import.meta.main) process.exit(await main());
