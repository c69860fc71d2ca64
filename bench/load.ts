/**
 * Starts the load: the C program where there is a compiler, else the TypeScript one.
 *
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { findOnPath, ROOT, run } from "../scripts/tools.ts";
import { type Program, type Programs, residentBytes } from "./programs.ts";

const FOLDER = join(ROOT, "bench", "load");

const START_MS = 10_000;

/** Time beyond what a visit is asked to take. The load itself gives up after 10 seconds without a byte. */
const GRACE_MS = 45_000;

/** What a visit prints. */
export type Visit = Readonly<Record<string, number>>;

/** The service behind the tunnels. */
export interface Service {
  readonly port: number;
  readonly program: Program;
}

/** Connections that are held open. */
export interface Held {
  /**
   * Sees whether every connection still carries a byte, and closes them.
   *
   * @throws {Error} when one does not.
   */
  release(): Promise<void>;
}

/** Builds the load in C. */
async function buildInC(folder: string): Promise<readonly string[] | undefined> {
  const compiler = findOnPath("cc");
  // The C load waits with epoll, which only Linux has.
  if (compiler === undefined || process.platform !== "linux") return undefined;
  const sources = readdirSync(FOLDER).filter((name) => name.endsWith(".c")).map((name) => join(FOLDER, name));
  const program = join(folder, "load");
  const { code } = await run([compiler, "-O2", "-pthread", "-o", program, ...sources]);
  return code === 0 && existsSync(program) ? [program] : undefined;
}

function inTypeScript(): readonly string[] {
  const flags = "Deno" in globalThis ? ["run", "--allow-all", "--no-check"] : ["run"];
  return [process.execPath, ...flags, join(FOLDER, "main.ts")];
}

/** Drives the load. */
export class Load {
  /** What it is written in. */
  readonly language: "C" | "TypeScript";
  readonly #programs: Programs;
  readonly #command: readonly string[];

  private constructor(programs: Programs, built: readonly string[] | undefined) {
    this.language = built === undefined ? "TypeScript" : "C";
    this.#programs = programs;
    this.#command = built ?? inTypeScript();
  }

  /**
   * Builds the load.
   *
   * @param programs Where its processes are started.
   * @param folder A temporary folder, for the program in C.
   * @param language Demands one; the C program where it can be built when left out.
   * @throws {Error} when C is demanded and cannot be built.
   */
  static async build(programs: Programs, folder: string, language?: "C" | "TypeScript"): Promise<Load> {
    const built = language === "TypeScript" ? undefined : await buildInC(folder);
    if (language === "C" && built === undefined) throw new Error("Cannot build the load in C");
    return new Load(programs, built);
  }

  /** Starts the service; it lives until its program is ended, or this process is gone. */
  async serve(): Promise<Service> {
    const program = this.#programs.startWithManyFiles([...this.#command, "serve"]);
    const [, port] = await program.line(/"port":(\d+)/, START_MS);
    return { port: Number(port), program };
  }

  /**
   * Moves bytes one way, and checks every one of them.
   *
   * @param direction `up` from the visitor to the service.
   * @param options Where, and how much on how many connections at once.
   * @returns `bytes` of all streams, `seconds`, and the visitors' `cpuSeconds`.
   * @throws {Error} when a byte was wrong, missing or too many.
   */
  bulk(
    direction: "up" | "down",
    { port, bytesEach, streams }: {
      readonly port: number;
      readonly bytesEach: number;
      readonly streams: number;
    },
  ): Promise<Visit> {
    return this.#visit([direction, port, bytesEach, streams], 0);
  }

  /**
   * Sends 64 bytes and waits for their echo, again and again.
   *
   * @param options Where, and for how long.
   * @returns `count`, `p50Us`, `p99Us` and `p999Us`.
   * @throws {Error} when an echo was wrong or missing.
   */
  ping({ port, forMs }: { readonly port: number; readonly forMs: number }): Promise<Visit> {
    return this.#visit(["ping", port, forMs], forMs);
  }

  /**
   * Opens connections, sends a byte on each, waits for its echo and resets it.
   *
   * @param options Where, for how long, and how many at a time.
   * @returns `count` and `seconds`.
   * @throws {Error} when an echo was wrong or missing.
   */
  connect(
    { port, forMs, lanes }: { readonly port: number; readonly forMs: number; readonly lanes: number },
  ): Promise<Visit> {
    return this.#visit(["connect", port, forMs, lanes], forMs);
  }

  /**
   * Opens connections and holds them.
   *
   * @param options Where, and how many.
   * @throws {Error} when one could not be opened, or did not carry a byte.
   */
  async idle({ port, count }: { readonly port: number; readonly count: number }): Promise<Held> {
    const program = this.#start(["idle", port, count]);
    await program.line(/"open":/, GRACE_MS);
    return {
      release: async () => {
        const alive = program.line(/"alive":/, GRACE_MS);
        program.endInput();
        await alive;
        await program.exited;
      },
    };
  }

  #start(words: readonly (string | number)[]): Program {
    return this.#programs.startWithManyFiles([...this.#command, ...words.map(String)]);
  }

  async #visit(words: readonly (string | number)[], forMs: number): Promise<Visit> {
    const program = this.#start(words);
    try {
      const [line] = await program.line(/^\{.*\}$/, forMs + GRACE_MS);
      if (await program.exited !== 0) throw new Error(program.log);
      return JSON.parse(line) as Visit;
    } finally {
      program.kill();
    }
  }
}

/** Whether this system tells about processes what the bench wants to know. */
export function canReadProcesses(): boolean {
  return residentBytes(process.pid) !== undefined;
}
