/**
 * The parallel connections of one client at the server.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Session } from "../mux/session.ts";
import type { DirectPool } from "./direct_pool.ts";
import type { Identity } from "./services.ts";

/** One connection of a team. */
export interface TeamMember {
  /** Its number in the team. */
  readonly member: number;
  /** The multiplexed connection. */
  readonly session: Session;
}

/** How busy a connection is. */
export interface Load {
  /** Open streams. */
  readonly streamCount: number;
  /** Bytes that wait for slow readers. */
  readonly bufferedBytes: number;
}

/** What is known of a team from the start. */
export interface TeamOptions {
  readonly identity: Identity;
  /** Tells the client's process from others with the same identity. */
  readonly instance: string | undefined;
  /** Whether more connections can join. */
  readonly grouped: boolean;
}

/**
 * The least busy of several: fewest streams, then fewest bytes that wait, then the first. Pure.
 *
 * @example
 * ```ts
 * import { leastLoaded } from "./session_team.ts";
 *
 * const busy = { streamCount: 2, bufferedBytes: 0 };
 * const idle = { streamCount: 1, bufferedBytes: 512 };
 * console.log(leastLoaded([busy, idle], (load) => load) === idle); // true
 * ```
 */
export function leastLoaded<Item>(items: Iterable<Item>, loadOf: (item: Item) => Load): Item | undefined {
  let best: Item | undefined;
  let bestLoad: Load | undefined;
  for (const item of items) {
    const load = loadOf(item);
    if (bestLoad !== undefined && !isLess(load, bestLoad)) continue;
    best = item;
    bestLoad = load;
  }
  return best;
}

function isLess(a: Load, b: Load): boolean {
  return a.streamCount === b.streamCount ? a.bufferedBytes < b.bufferedBytes : a.streamCount < b.streamCount;
}

/**
 * All connections of one client. It lives from the first connection until the last has gone; services belong to it, not to one
 * connection. Its id is the session id that each of them is told.
 */
export class SessionTeam<Member extends TeamMember> {
  /** 16 random bytes. */
  readonly id: Uint8Array = new Uint8Array(randomBytes(16));
  /** Who the client is. */
  readonly identity: Identity;
  /** Tells the client's process from others with the same identity. */
  readonly instance: string | undefined;
  /** Whether more connections can join. */
  readonly grouped: boolean;
  /** Connections for one visitor each; undefined when the client knows none. */
  direct: DirectPool | undefined;
  /** Names of the services whose visitors get such connections. */
  readonly directServices: Set<string> = new Set();
  readonly #members = new Map<number, Member>();

  /** @param options Whose it is. */
  constructor(options: TeamOptions) {
    this.identity = options.identity;
    this.instance = options.instance;
    this.grouped = options.grouped;
  }

  /** {@linkcode SessionTeam.id} in hexadecimal. */
  get idText(): string {
    return Buffer.from(this.id).toString("hex");
  }

  /** Connections that are in. */
  get size(): number {
    return this.#members.size;
  }

  /** The connections, in the order in which they came. */
  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** The connection with this number. */
  member(number: number): Member | undefined {
    return this.#members.get(number);
  }

  /** A connection is in, in place of the one with the same number. */
  add(member: Member): void {
    this.#members.delete(member.member); // So that the map's order is that of coming.
    this.#members.set(member.member, member);
  }

  /** A connection takes no more streams. @returns whether it was in */
  remove(member: Member): boolean {
    return this.#members.get(member.member) === member && this.#members.delete(member.member);
  }

  /** The connection for the next stream: the least busy of those that take any. */
  pick(): Member | undefined {
    // Nearly every client has one connection.
    if (this.#members.size === 1) {
      for (const member of this.#members.values()) return member;
    }
    const open = [...this.#members.values()].filter(({ session }) => session.open);
    return leastLoaded(open, ({ session }) => session);
  }
}
