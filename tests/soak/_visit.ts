/**
 * What all visits of a soak have in common. Every byte is checked: what comes may end early when something was broken
 * meanwhile, but it may never be wrong.
 *
 * @module
 */

/** Where visitors over HTTP come in. */
export interface WebEntrance {
  readonly port: number;
  /** Whether they speak TLS. */
  readonly secure: boolean;
}

/** Where the visitors come in. */
export interface Entrances {
  /** The port of the TCP service whose visitors share connections. */
  readonly tcp: number;
  /** The port of the same service in direct mode. */
  readonly direct: number;
  readonly web: WebEntrance;
}

/** A number from 0 to `below` - 1. */
export type Roll = (below: number) => number;

/** One kind of visit. @returns bytes that were moved and found right @throws {WrongBytes} or any other error when it broke off */
export type Visit = (entrances: Entrances, roll: Roll) => Promise<number>;

/** Thrown when bytes are wrong, whatever was broken meanwhile. */
export class WrongBytes extends Error {
  override readonly name = "WrongBytes";
}

/** Thrown when bytes are missing and yet the end looked like one that was meant. */
export class EarlyEnd extends Error {
  override readonly name = "EarlyEnd";
}

/** Longer than a client that was killed may be away. */
export const VISIT_DEADLINE_MS = 60_000;
/** How long a visitor that stalls reads nothing, at most. */
export const STALL_MS = 2_000;
export const LOOPBACK = "127.0.0.1";

/** Lets time pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
