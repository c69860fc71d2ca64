/**
 * A program that a test has started: its output line by line, its end, and no way for it to outlive the test.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { ROOT } from "../../scripts/tools.ts";
import { within } from "./deadline.ts";

/** How long a program may take to say what a test waits for. Generous: the machine may be busy. */
export const PROGRAM_DEADLINE_MS = 30_000;
/** How long a program may take to end by itself when a test is over, before it is killed. */
const STOP_DEADLINE_MS = 5_000;
/** What a program started itself may hold its pipes open; nobody waits longer for the last lines. */
const LAST_LINES_MS = 1_000;

/** How a program ended. */
export interface ProgramExit {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, if one did. */
  readonly signal: string | null;
}

/** Options of {@linkcode ChildProgram}. */
export interface ChildProgramOptions {
  /** Variables put over those of this process, of which those of FerroTunnel itself are left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for its standard input. @default none, closed */
  readonly input?: Uint8Array;
  /** Takes standard output as it comes, in place of lines. */
  readonly onOutput?: (chunk: Uint8Array) => void;
}

/** Killed when the tests' own process ends before they could. */
const running = new Set<ChildProcess>();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A running program. */
export class ChildProgram implements AsyncDisposable {
  /** The program's short name, for messages. */
  readonly name: string;
  /** Lines of standard output so far. */
  readonly out: string[] = [];
  /** Lines of standard error so far. */
  readonly err: string[] = [];
  /** Lines of both, in the order in which they came. */
  readonly lines: string[] = [];
  /** Resolves when it has ended and its last line was read. */
  readonly exited: Promise<ProgramExit>;
  readonly #child: ChildProcess;
  #exit: ProgramExit | undefined;
  #changed: (() => void)[] = [];

  /** @param command Program and arguments. @param options Environment and standard input. */
  constructor(command: readonly string[], options: ChildProgramOptions = {}) {
    const [program = "", ...args] = command;
    this.name = program.split("/").at(-1) ?? program;
    const child = this.#child = spawn(program, args, {
      cwd: ROOT,
      env: environment(options.env),
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    running.add(child);
    const take = (kind: string[]) => (line: string): void => {
      kind.push(line);
      this.lines.push(line);
      this.#tell();
    };
    if (options.onOutput !== undefined) child.stdout?.on("data", options.onOutput);
    else if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", take(this.out));
    if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", take(this.err));
    child.stdin?.on("error", () => {}); // It need not read everything.
    child.stdin?.end(options.input);
    this.exited = this.#watch(child);
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Whether it has not ended. */
  get running(): boolean {
    return this.#exit === undefined;
  }

  /**
   * Waits for a line of either output.
   *
   * @param pattern What it looks like.
   * @param options `after`: only lines from this index of `lines` on count. `deadlineMs`: how long to wait.
   * @returns the match
   * @throws {Error} with all output when the program ends before or the line does not come
   */
  async line(
    pattern: RegExp,
    options: { readonly after?: number; readonly deadlineMs?: number } = {},
  ): Promise<RegExpExecArray> {
    let next = options.after ?? 0;
    const search = async (): Promise<RegExpExecArray> => {
      for (;;) {
        for (; next < this.lines.length; next++) {
          const match = pattern.exec(this.lines[next] ?? "");
          if (match !== null) return match;
        }
        if (!this.running) throw new Error(`${this.name} ended without ${pattern}:\n${this.output()}`);
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    };
    try {
      return await within(search(), `${pattern} of ${this.name}`, options.deadlineMs ?? PROGRAM_DEADLINE_MS);
    } catch (error) {
      throw new Error(`${(error as Error).message}\nIts output:\n${this.output()}`, { cause: error });
    }
  }

  /** All lines so far, as one text. */
  output(): string {
    return this.lines.join("\n");
  }

  /** Sends a signal to this process only. */
  signal(signal: "SIGTERM" | "SIGINT" | "SIGKILL" | "SIGHUP" | "SIGSTOP" | "SIGCONT"): void {
    const { pid } = this.#child;
    if (!this.running || pid === undefined) return;
    try {
      // Not with the child's own kill(): under Deno it makes every end look like one by that signal.
      process.kill(pid, signal);
    } catch (error) {
      // It has ended by itself, and the event has not come yet, or its last lines have not.
      if ((error as { code?: unknown }).code !== "ESRCH") throw error;
    }
  }

  /** Waits for its end. @throws {Error} with all output when it does not end in time */
  async end(deadlineMs: number = PROGRAM_DEADLINE_MS): Promise<ProgramExit> {
    try {
      return await within(this.exited, `the end of ${this.name}`, deadlineMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}\nIts output:\n${this.output()}`, { cause: error });
    }
  }

  /** Kills it, and waits until it is gone. */
  kill(): Promise<ProgramExit> {
    this.signal("SIGKILL");
    return this.end();
  }

  /** Asks it to end, and kills it if it does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGTERM");
    try {
      await within(this.exited, `${this.name} to stop`, STOP_DEADLINE_MS);
    } catch {
      await this.kill();
    }
  }

  async #watch(child: ChildProcess): Promise<ProgramExit> {
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const exit = await new Promise<ProgramExit>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
      child.once("error", (error) => {
        this.lines.push(error.message);
        resolve({ code: -1, signal: null });
      });
    });
    running.delete(child);
    if (child.pid !== undefined) {
      await within(closed, "the last lines", LAST_LINES_MS).catch(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    }
    this.#exit = exit;
    this.#tell();
    return exit;
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}

/**
 * Runs a program to its end.
 *
 * @param command Program and arguments.
 * @param options Environment, input, and `deadlineMs` after which it is killed.
 * @returns the program, which has ended, and its exit
 * @throws {Error} when it does not end in time
 */
export async function runProgram(
  command: readonly string[],
  options: ChildProgramOptions & { readonly deadlineMs?: number } = {},
): Promise<{ readonly program: ChildProgram; readonly code: number | null }> {
  await using program = new ChildProgram(command, options);
  const { code } = await program.end(options.deadlineMs);
  return { program, code };
}

function environment(over: Readonly<Record<string, string>> = {}): Record<string, string> {
  const own = Object.entries(process.env).filter(([name, value]) =>
    value !== undefined && !name.startsWith("FERROTUNNEL_")
  );
  return { ...Object.fromEntries(own) as Record<string, string>, NO_COLOR: "1", ...over };
}
