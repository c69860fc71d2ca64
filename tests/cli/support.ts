/**
 * Runs the program as a process, on the runtime that runs the tests.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { runtimeName } from "../harness.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** The root of the project. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** What a program gets beside its arguments. */
export interface RunOptions {
  /** Environment variables; no variable of the tests' own environment reaches it but PATH and HOME. */
  readonly environment?: Record<string, string>;
  /** Permissions of Deno. @default ["--allow-all"] */
  readonly permissions?: readonly string[];
}

/** A finished program. */
export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A running program. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<number | null>;
  readonly #waiting = new Set<() => void>();
  /** What it has written to standard output. */
  out = "";
  /** What it has written to standard error. */
  err = "";

  constructor(args: readonly string[], options: RunOptions = {}) {
    const { environment = {}, permissions = ["--allow-all"] } = options;
    const runner = runtimeName === "deno"
      ? ["run", "--no-check", "--no-prompt", ...permissions, MAIN]
      : [MAIN];
    const { PATH = "", HOME = "" } = process.env;
    this.#child = spawn(process.execPath, [...runner, ...args], {
      cwd: ROOT,
      env: { PATH, HOME, NO_COLOR: "1", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
      this.#changed();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
      this.#changed();
    });
    this.#closed = once(this.#child, "close").then(([code]) => {
      this.#changed();
      return typeof code === "number" ? code : null;
    });
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }

  /** Waits until what was written matches. Rejects when the program ends first. */
  async until(stream: "out" | "err", pattern: RegExp): Promise<RegExpExecArray> {
    const { promise, resolve } = Promise.withResolvers<RegExpExecArray>();
    const check = (): void => {
      const found = pattern.exec(this[stream]);
      if (found !== null) resolve(found);
    };
    this.#waiting.add(check);
    check();
    const ended = this.#closed.then((code) => {
      check();
      throw new Error(`Ended with ${code} before ${pattern}; standard error:\n${this.err}`);
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      this.#waiting.delete(check);
      ended.catch(() => {});
    }
  }

  signal(name: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGHUP"): void {
    // Not the child's own `kill`: after it Deno reports the signal instead of the exit code.
    if (this.#child.pid !== undefined) process.kill(this.#child.pid, name);
  }

  async finish(): Promise<Finished> {
    const code = await this.#closed;
    return { code, out: this.out, err: this.err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGKILL");
    await this.#closed;
  }
}

/** Runs the program to its end. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  await using program = new Program(args, options);
  return await program.finish();
}
