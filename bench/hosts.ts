/**
 * Where the two sides of a tunnel run: both on this machine, or on two hosts with a long line between them.
 *
 * @module
 */
import type { Load } from "./load.ts";
import type { Program } from "./programs.ts";

/** A place where programs are started. */
export interface Host {
  /** The address under which the other host reaches it. */
  readonly address: string;
  /** Command that starts a program there. */
  readonly within: readonly string[];
}

/** This machine. */
export const THIS_MACHINE: Host = { address: "127.0.0.1", within: [] };

/** What a line can carry. */
export interface LineSpeed {
  readonly bitsPerSecond: number;
  /** From one end to the other; a round trip takes twice as long. */
  readonly delayMs: number;
  /** What waits in front of the line at most, as in the router of a home; more is dropped. */
  readonly queueBytes: number;
}

/**
 * The line of the bench. Its queue holds as much as is under way in one round trip, which is what TCP needs to fill a line and
 * what doubles the time of a round trip when it is full.
 */
export const LINE: LineSpeed = { bitsPerSecond: 50e6, delayMs: 20, queueBytes: 250e3 };

/** Two hosts, and the program that is the line between them. */
export interface Line {
  readonly server: Host;
  readonly client: Host;
  readonly program: Program;
}

const START_MS = 5000;

/**
 * Lays a line.
 *
 * @param load The load, whose program the line is a part of.
 * @param speed What it carries.
 * @returns The hosts; they are gone when the program ends.
 * @throws {Error} when the load is not the one in C, or the system makes no networks for this user.
 */
export async function layLine(load: Load, speed: LineSpeed): Promise<Line> {
  if (load.language !== "C") throw new Error("The line is a part of the load in C, which could not be built");
  const program = load.start(["line", speed.bitsPerSecond, speed.delayMs, speed.queueBytes]);
  const [, server = "", client = ""] = await program.line(/"server":"(.+)","client":"(.+)"/, START_MS);
  const within = (network: string): readonly string[] => [...load.command, "within", network];
  return {
    server: { address: "10.0.0.1", within: within(server) },
    client: { address: "10.0.0.2", within: within(client) },
    program,
  };
}
