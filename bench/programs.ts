/**
 * The processes that the bench starts, and what it reads about them.
 *
 * @module
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** How long a program may take to end when asked, before it is killed. */
const END_MS = 3000;

/** Lines of a program's log that are kept for the message when it fails. */
const LOG_LINES = 20;

/** `/proc/PID/stat` counts in these; the same on every Linux that the runtimes run on. */
const TICKS_PER_SECOND = 100;

/** Options of {@linkcode Programs.start}. */
export interface ProgramOptions {
  /** Variables put over those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Command that starts it somewhere else, such as on another host. @default none */
  readonly within?: readonly string[];
}

/** A process that was started. */
export class Program {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #name: string;
  readonly #lines: string[] = [];
  readonly #log: string[] = [];
  readonly #exit = Promise.withResolvers<number>();
  #onLine: () => void = () => {};
  #ended = false;

  /**
   * @param command The program and its arguments.
   * @param options Its environment.
   */
  constructor(command: readonly string[], options: ProgramOptions = {}) {
    const [program = "", ...args] = [...options.within ?? [], ...command];
    this.#name = command[0] ?? "";
    this.#child = spawn(program, args, {
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output = createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#lines.push(line);
      this.#onLine();
    });
    const log = createInterface({ input: this.#child.stderr }).on("line", (line) => {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES) this.#log.shift();
    });
    // Its last lines may be read after it was seen to end.
    const allRead = Promise.all([output, log].map((lines) => once(lines, "close")));
    // The program may end before it has read everything; its exit code tells.
    this.#child.stdin.on("error", () => {});
    this.#child.on("error", (error) => {
      this.#log.push(error.message);
      this.#finish(-1);
    });
    this.#child.on("close", (code) => void allRead.then(() => this.#finish(code ?? -1)));
  }

  /** Its process id; 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether it is known to have ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves with the exit code, -1 when it was killed or could not be started. */
  get exited(): Promise<number> {
    return this.#exit.promise;
  }

  /** The last lines of its standard error, or of its output when there is none. */
  get log(): string {
    return (this.#log.length > 0 ? this.#log : this.#lines.slice(-LOG_LINES)).join("\n");
  }

  /** The lines of its standard output that nobody waited for. */
  get output(): string {
    return this.#lines.join("\n");
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#child.stdin.end();
  }

  /**
   * Waits for a line on its standard output.
   *
   * @param pattern What the line looks like; lines before it are skipped.
   * @param withinMs How long to wait.
   * @returns The match.
   * @throws {Error} when the program ended, or the time is over, before there was one.
   */
  async line(pattern: RegExp, withinMs: number): Promise<RegExpMatchArray> {
    const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
    this.#onLine = () => {
      while (this.#lines.length > 0) {
        const match = this.#lines.shift()?.match(pattern);
        if (!match) continue;
        // The lines behind it are for the next who waits.
        this.#onLine = () => {};
        return resolve(match);
      }
      if (this.#ended) reject(new Error(`${this.#name} ended: ${this.log}`));
    };
    this.#onLine();
    const timer = setTimeout(
      () =>
        reject(new Error(`No line like ${pattern} from ${this.#name} within ${withinMs} ms: ${this.log}`)),
      withinMs,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#onLine = () => {};
    }
  }

  /** Asks it to end, kills it when it does not, and waits until it is gone. */
  async end(): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /** Kills it at once. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  /** By the process id: a second `ChildProcess.kill()` does nothing on Deno, whatever its signal. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#ended || this.#child.pid === undefined) return;
    try {
      process.kill(this.#child.pid, signal);
    } catch {
      // It ended just now.
    }
  }

  #finish(code: number): void {
    this.#ended = true;
    this.#exit.resolve(code);
    this.#onLine();
  }
}

/** Everything that was started, so that nothing is left behind. */
export class Programs {
  readonly #running = new Set<Program>();

  /**
   * Starts a program.
   *
   * @param command The program and its arguments.
   * @param options Its environment.
   */
  start(command: readonly string[], options: ProgramOptions = {}): Program {
    const program = new Program(command, options);
    this.#running.add(program);
    void program.exited.then(() => this.#running.delete(program));
    return program;
  }

  /** Starts a program with as many open files as the system allows it. */
  startWithManyFiles(command: readonly string[], options: ProgramOptions = {}): Program {
    if (process.platform === "win32") return this.start(command, options);
    const script = 'ulimit -Sn "$(ulimit -Hn)" && exec "$@"';
    return this.start(["sh", "-c", script, "sh", ...command], options);
  }

  /** Ends all that still run. */
  async endAll(): Promise<void> {
    await Promise.all([...this.#running].map((program) => program.end()));
  }

  /**
   * Does something, and ends what it had started when it fails.
   *
   * @param run What to do; nothing else may be started meanwhile.
   * @throws What it throws.
   */
  async allOrNothing<Result>(run: () => Promise<Result>): Promise<Result> {
    const before = new Set(this.#running);
    try {
      return await run();
    } catch (error) {
      const started = [...this.#running].filter((program) => !before.has(program));
      await Promise.all(started.map((program) => program.end()));
      throw error;
    }
  }

  /** Kills all that still run, without waiting. */
  killAll(): void {
    for (const program of this.#running) program.kill();
  }
}

/** A developer's own settings of the programs under test must not change what is measured. */
function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(FERROTUNNEL|BORE)_/.test(name));
  return Object.fromEntries(kept);
}

/**
 * Tells how much of a process is in memory.
 *
 * @param pid The process.
 * @returns Bytes; undefined where there is no `/proc`.
 */
export function residentBytes(pid: number): number | undefined {
  const kilobytes = readProc(pid, "status")?.match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/**
 * Tells how long a process has kept a processor busy.
 *
 * @param pid The process.
 * @returns Seconds, in its own code and in the system's; undefined where there is no `/proc`.
 */
export function cpuSeconds(pid: number): number | undefined {
  // The name, in brackets, may hold anything; fields are counted from behind it.
  const fields = readProc(pid, "stat")?.replace(/^.*\) /s, "").split(" ");
  const [user, system] = [fields?.[11], fields?.[12]];
  if (user === undefined || system === undefined) return undefined;
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
