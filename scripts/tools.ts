/**
 * Finds and starts the programs that the project's own checks use. Written against Node's interfaces, so that tests on both
 * runtimes can use it.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The project's root folder. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** Names a Deno executable for tests that run under Bun; set by `tests/run.ts`. */
export const DENO_VARIABLE = "FERROTUNNEL_TEST_DENO";

/** The real Bun is tens of megabytes; npm's `bun` has a stub of some hundred bytes in its place until its script ran. */
const MIN_BUN_BYTES = 1024 * 1024;

/**
 * Finds the Deno executable.
 *
 * @returns The one that runs this, or the one that runs the checks, or the first on the path.
 * @throws {Error} when there is none.
 */
export function findDeno(): string {
  if ("Deno" in globalThis) return process.execPath;
  const found = process.env[DENO_VARIABLE] ?? findOnPath("deno");
  if (found === undefined) {
    throw new Error("Cannot find deno on the path; start the tests with 'deno task test'");
  }
  return found;
}

/**
 * Finds the Bun executable.
 *
 * @param root The project's root folder.
 * @returns The one that runs this, or the one of the npm package `bun`, or the first on the path.
 * @throws {Error} when there is none.
 */
export function findBun(root: string = ROOT): string {
  if ("Bun" in globalThis) return process.execPath;
  const found = [...bunCandidates(root), findOnPath("bun")].find((path) =>
    path !== undefined && isRealBun(path)
  );
  if (found === undefined) {
    throw new Error("Cannot find bun in node_modules or on the path; run 'deno install'");
  }
  return found;
}

/**
 * Finds a program on the path.
 *
 * @param name The program.
 * @returns Its path, or undefined when it is not there.
 */
export function findOnPath(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) =>
    existsSync(path) && statSync(path).isFile()
  );
}

function* bunCandidates(root: string): Generator<string> {
  const modules = join(root, "node_modules");
  yield join(modules, "bun", "bin", "bun.exe");
  // One package for each platform: glibc and musl both match this machine, and only the right one starts.
  const packages = [join(modules, "@oven"), join(modules, ".deno", "node_modules", "@oven")].filter(
    existsSync,
  );
  for (const folder of packages) {
    for (const name of readdirSync(folder).sort()) {
      if (isForThisMachine(name)) yield join(folder, name, "bin", "bun");
    }
  }
}

function isForThisMachine(packageName: string): boolean {
  const architecture = process.arch === "arm64" ? "aarch64" : process.arch;
  if (!packageName.startsWith(`bun-${process.platform}-${architecture}`)) return false;
  return packageName.endsWith("-musl") === existsSync("/etc/alpine-release");
}

function isRealBun(path: string): boolean {
  return existsSync(path) && statSync(path).size > MIN_BUN_BYTES;
}

/** Options of {@linkcode run}. */
export interface RunOptions {
  /** @default the project's root folder */
  readonly cwd?: string;
  /** Variables put over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** The program is killed after this long. @default 600000 */
  readonly deadlineMs?: number;
  /** Hears each line of both outputs as it comes. */
  readonly onLine?: (line: string) => void;
}

/** How a program ended. */
export interface RunResult {
  /** Exit code; -1 when it was killed or could not be started. */
  readonly code: number;
  /** Its two outputs, line by line as they came. */
  readonly output: string;
}

/**
 * Runs a program to its end, without standard input.
 *
 * @param command The program and its arguments.
 * @param options Where, with what, for how long, and who listens.
 * @returns How it ended; a program that cannot be started ends with code -1 and the reason as its output.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = "", ...args] = command;
  const lines: string[] = [];
  const hear = (line: string): void => {
    lines.push(line);
    options.onLine?.(line);
  };
  const child = spawn(program, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
  const { promise, resolve } = Promise.withResolvers<number>();
  const deadlineMs = options.deadlineMs ?? 600_000;
  let late: string | undefined;
  const timer = setTimeout(() => {
    late = `${program} was killed after ${deadlineMs} ms`;
    child.kill("SIGKILL");
    // What the program itself started may live on and hold the pipes; nobody waits for that. But the program is waited for.
    child.stdout.destroy();
    child.stderr.destroy();
    child.on("exit", () => resolve(-1));
  }, deadlineMs);
  child.on("error", (error) => {
    hear(error.message);
    resolve(-1);
  });
  child.on("close", (code) => resolve(code ?? -1));
  const code = await promise;
  clearTimeout(timer);
  if (late !== undefined) hear(late);
  return { code, output: lines.join("\n") };
}
