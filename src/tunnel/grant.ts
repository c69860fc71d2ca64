/**
 * What one token or key permits, and who has come with it.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Pacers } from "../mux/paced_handler.ts";
import { Pacer } from "../mux/pacer.ts";
import type { ScopeOptions } from "./scope_options.ts";

/** Direct connections of a client; visitors that are joined outlive its sessions. */
export interface GrantVisitors {
  /** Visitors now. */
  readonly visitors: number;
  /** Ends them all. */
  end(): void;
}

/** A connection of a client that has come with a token or key. */
export interface GrantSession {
  /** The multiplexed connection. */
  readonly session: { readonly streamCount: number };
  /** All connections of the client. */
  readonly team: { readonly direct: GrantVisitors | undefined } | undefined;
  /** Ends it, and tells its client why. */
  revoke(reason: string): void;
}

/** Options of a {@linkcode Grant}. */
export interface GrantOptions {
  readonly clock: Clock;
  /** Names it in logs. */
  readonly name: string;
  /** Whether somebody shows a token or proves that they have a key. */
  readonly kind: "token" | "key";
  /** The token's hash or the public key: with another one it is another grant. */
  readonly proof: string;
  readonly scope: ScopeOptions;
}

/** A token or key that the server knows. */
export class Grant {
  /** Names it in logs. */
  readonly name: string;
  readonly kind: "token" | "key";
  /** The token's hash or the public key. */
  readonly proof: string;
  readonly #clock: Clock;
  readonly #sessions = new Set<GrantSession>();
  /** Direct connections of clients of which a session has left. */
  readonly #staying = new Set<GrantVisitors>();
  #scope: ScopeOptions;
  #pacers: Pacers | undefined;
  #revoked: string | undefined;

  /** @param options What it is. @throws {RangeError} for a bandwidth that is not above 0 */
  constructor({ clock, name, kind, proof, scope }: GrantOptions) {
    this.#clock = clock;
    this.name = name;
    this.kind = kind;
    this.proof = proof;
    this.#scope = scope;
    this.#setBandwidth(scope.bandwidth);
  }

  /** What its clients may do. */
  get scope(): ScopeOptions {
    return this.#scope;
  }

  /** Connections that are in, in the order in which they came. */
  get sessions(): ReadonlySet<GrantSession> {
    return this.#sessions;
  }

  /** The rates of its visitors; undefined when there is no limit. */
  get pacers(): Pacers | undefined {
    return this.#pacers;
  }

  /** Why it is not taken any more, or not at the moment. */
  get refusal(): string | undefined {
    if (this.#revoked !== undefined) return this.#revoked;
    const { expires } = this.#scope;
    if (expires === undefined || this.#clock.wall() < expires.getTime()) return undefined;
    return `The ${this.kind} ${this.name} expired at ${expires.toISOString()}`;
  }

  /** Why one more connection is not taken. */
  get lackOfConnections(): string | undefined {
    const { maxConnections } = this.#scope;
    if (maxConnections === undefined || this.#sessions.size < maxConnections) return undefined;
    return `The ${this.kind} ${this.name} permits ${maxConnections} connections at once`;
  }

  /** Why one more visitor is not taken. */
  get lackOfStreams(): string | undefined {
    const { maxStreams } = this.#scope;
    if (maxStreams === undefined || this.streams < maxStreams) return undefined;
    return `The ${this.kind} ${this.name} permits ${maxStreams} visitors at once`;
  }

  /** Visitors of all its clients, also of those that have left visitors with direct connections behind. */
  get streams(): number {
    let count = 0;
    const direct = new Set(this.#staying); // Direct connections are those of the whole client.
    for (const { session, team } of this.#sessions) {
      count += session.streamCount;
      if (team?.direct !== undefined) direct.add(team.direct);
    }
    for (const { visitors } of direct) count += visitors;
    return count;
  }

  /** A connection is in. */
  joined(session: GrantSession): void {
    this.#sessions.add(session);
  }

  /** A connection is over. */
  left(session: GrantSession): void {
    this.#sessions.delete(session);
    for (const direct of this.#staying) if (direct.visitors === 0) this.#staying.delete(direct);
    const direct = session.team?.direct;
    if (direct !== undefined && direct.visitors > 0) this.#staying.add(direct);
  }

  /** Permits something else from now on. Whom it permits no longer stays; that is for the caller to see to. */
  change(scope: ScopeOptions): void {
    this.#scope = scope;
    this.#setBandwidth(scope.bandwidth);
  }

  /** It is not taken any more, and everybody who came with it has to go. */
  revoke(reason: string): void {
    this.#revoked = reason;
    this.endSessions(reason);
    this.#setBandwidth(undefined);
  }

  /** Everybody who came with it has to go. @param keep How many of those that came first may stay. */
  endSessions(reason: string, keep = 0): void {
    for (const session of [...this.#sessions].slice(keep)) session.revoke(reason);
    if (keep > 0) return;
    for (const direct of this.#staying) direct.end();
    this.#staying.clear();
  }

  /** Nothing is delayed any more. */
  close(): void {
    this.#setBandwidth(undefined);
  }

  #setBandwidth(bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === undefined) {
      this.#pacers?.sent.close();
      this.#pacers?.received.close();
      this.#pacers = undefined;
    } else if (this.#pacers !== undefined) {
      this.#pacers.sent.setRate(bytesPerSecond);
      this.#pacers.received.setRate(bytesPerSecond);
    } else {
      const options = { clock: this.#clock, bytesPerSecond };
      this.#pacers = { sent: new Pacer(options), received: new Pacer(options) };
    }
  }
}
