/**
 * Starts the load: the C program where there is a compiler, else the TypeScript one.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "../scripts/tools.ts";
import { buildInC } from "./build.ts";
import type { Host } from "./hosts.ts";
import { type Program, type Programs, residentBytes } from "./programs.ts";

const START_MS = 10_000;

/** Time beyond what a visit is asked to take. The load itself gives up after 10 seconds without a byte. */
const GRACE_MS = 20_000;

/** Time for opening or releasing many connections. */
const IDLE_MS = 60_000;

/** More than can be moved while it is wanted. */
const FLOOD_BYTES = 1e15;

/** What a runtime compiles is compiled by then. */
const WARM_UP_PINGS = 200;

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

function inTypeScript(): readonly string[] {
  const flags = "Deno" in globalThis ? ["run", "--allow-all", "--no-check"] : ["run"];
  return [process.execPath, ...flags, join(ROOT, "bench", "load", "main.ts")];
}

/** Where a visitor connects. */
export interface Place {
  readonly port: number;
  /** @default 127.0.0.1 */
  readonly host?: string | undefined;
}

/** Bytes that move as long as they are wanted. */
export interface Flood {
  /** Resolves when it ends, by itself only after a failure. */
  readonly ended: Promise<unknown>;
  /**
   * Ends it.
   *
   * @throws {Error} when it had ended before, because a byte was wrong or missing.
   */
  stop(): Promise<void>;
}

/** Drives the load. */
export class Load {
  /** What it is written in. */
  readonly language: "C" | "TypeScript";
  /** The program and the arguments that come before the load's own. */
  readonly command: readonly string[];
  readonly #programs: Programs;
  readonly #within: readonly string[];

  private constructor(
    programs: Programs,
    { language, command, within = [] }: {
      readonly language: "C" | "TypeScript";
      readonly command: readonly string[];
      readonly within?: readonly string[];
    },
  ) {
    this.language = language;
    this.command = command;
    this.#programs = programs;
    this.#within = within;
  }

  /**
   * Builds the load.
   *
   * @param programs Where its processes are started.
   * @param language Demands one; the C program where it can be built when left out.
   * @throws {Error} when C is demanded and cannot be built.
   */
  static async build(programs: Programs, language?: "C" | "TypeScript"): Promise<Load> {
    const built = language === "TypeScript" ? undefined : await buildInC();
    if (language === "C" && built === undefined) throw new Error("Cannot build the load in C");
    return new Load(programs, {
      language: built === undefined ? "TypeScript" : "C",
      command: built === undefined ? inTypeScript() : [built],
    });
  }

  /** The same load, started on a host. */
  on(host: Host): Load {
    return new Load(this.#programs, {
      language: this.language,
      command: this.command,
      within: host.within,
    });
  }

  /**
   * Starts the service; it lives until its program is ended, or this process is gone.
   *
   * @param address Where it listens. @default 127.0.0.1
   */
  async serve(address = "127.0.0.1"): Promise<Service> {
    const program = this.start(["serve", address]);
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
    { bytesEach, streams, ...place }: Place & { readonly bytesEach: number; readonly streams: number },
  ): Promise<Visit> {
    return this.#visit([direction, textOf(place), bytesEach, streams], 0);
  }

  /**
   * Moves bytes on one connection until told to stop; they are checked as they come.
   *
   * @param direction `up` from the visitor to the service.
   * @param place Where.
   */
  flood(direction: "up" | "down", place: Place): Flood {
    const program = this.start([direction, textOf(place), FLOOD_BYTES, 1]);
    return {
      ended: program.exited,
      stop: async () => {
        if (program.ended) throw new Error(program.log);
        program.kill();
        await program.exited;
      },
    };
  }

  /**
   * Sends 64 bytes and waits for their echo, again and again.
   *
   * @param options Where, for how long, and how many round trips do not count before.
   * @returns `count`, `p50Us`, `p99Us` and `p999Us`.
   * @throws {Error} when an echo was wrong or missing.
   */
  ping(
    { forMs, warmUp = WARM_UP_PINGS, ...place }: Place & {
      readonly forMs: number;
      readonly warmUp?: number;
    },
  ): Promise<Visit> {
    return this.#visit(["ping", textOf(place), forMs, warmUp], forMs);
  }

  /** The same beside a connection that carries as many bytes as it can towards the visitor. */
  async pingBeside(options: Parameters<Load["ping"]>[0]): Promise<Visit> {
    const flood = this.flood("down", options);
    try {
      return await this.ping(options);
    } finally {
      await flood.stop();
    }
  }

  /**
   * Opens connections, sends a byte on each, waits for its echo and resets it.
   *
   * @param options Where, for how long, and how many at a time.
   * @returns `count` and `seconds`.
   * @throws {Error} when an echo was wrong or missing.
   */
  connect(
    { forMs, lanes, ...place }: Place & { readonly forMs: number; readonly lanes: number },
  ): Promise<Visit> {
    return this.#visit(["connect", textOf(place), forMs, lanes], forMs);
  }

  /**
   * Sends HTTP requests on connections that are kept.
   *
   * @param options Where, for how long, and on how many connections.
   * @returns `count`, `seconds`, `p50Us` and `p99Us`.
   * @throws {Error} when a response was not the one of the service.
   */
  http(
    { forMs, lanes, ...place }: Place & { readonly forMs: number; readonly lanes: number },
  ): Promise<Visit> {
    return this.#visit(["http", textOf(place), forMs, lanes], forMs);
  }

  /**
   * Waits until somebody listens, until a byte comes back, or until a request is answered.
   *
   * @param what Which of them.
   * @param options Where, and for how long.
   * @throws {Error} when it does not happen.
   */
  async until(
    what: "taken" | "echo" | "http",
    { withinMs, ...place }: Place & { readonly withinMs: number },
  ): Promise<void> {
    await this.#visit(["until", what, textOf(place), withinMs], withinMs);
  }

  /**
   * Opens connections and holds them.
   *
   * @param options Where, and how many.
   * @throws {Error} when one could not be opened, or did not carry a byte.
   */
  async idle({ count, ...place }: Place & { readonly count: number }): Promise<Held> {
    const program = this.start(["idle", textOf(place), count]);
    await program.line(/"open":/, IDLE_MS);
    return {
      release: async () => {
        const alive = program.line(/"alive":/, IDLE_MS);
        program.endInput();
        await alive;
        await program.exited;
      },
    };
  }

  /** Starts the program with arguments of its own. */
  start(words: readonly (string | number)[]): Program {
    return this.#programs.startWithManyFiles([...this.command, ...words.map(String)], {
      within: this.#within,
    });
  }

  async #visit(words: readonly (string | number)[], forMs: number): Promise<Visit> {
    const program = this.start(words);
    try {
      const [line] = await program.line(/^\{.*\}$/, forMs + GRACE_MS);
      if (await program.exited !== 0) throw new Error(program.log);
      return JSON.parse(line) as Visit;
    } finally {
      program.kill();
    }
  }
}

function textOf({ host, port }: Place): string {
  return host === undefined ? String(port) : `${host}:${port}`;
}

/** Whether this system tells about processes what the bench wants to know. */
export function canReadProcesses(): boolean {
  return residentBytes(process.pid) !== undefined;
}
