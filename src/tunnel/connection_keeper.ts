/**
 * Keeps one connection to a server: dials, and dials again when it is lost.
 *
 * @module
 */
import type { CancelTimer } from "../clock.ts";
import { describeError, TunnelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { SessionEnd } from "../mux/session_types.ts";
import type { Runtime, SocketAddress } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import { Backoff } from "./backoff.ts";
import { type Agreement, ClientSession, type ClientSessionHost } from "./client_session.ts";
import type { Dialler } from "./dialler.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { Introduction } from "./introduction.ts";
import type { ClientLimits, ServiceOptions } from "./options.ts";
import { REPLACED_RETRY_MS, type Verdict } from "./retry_policy.ts";

/** A connection that has been made. */
export interface Established {
  readonly server: SocketAddress;
  readonly session: ClientSession;
  readonly agreement: Agreement;
}

/** What a {@linkcode ConnectionKeeper} needs of the client. */
export interface KeeperHost {
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  readonly dialler: Dialler;
  /** A number from 0 to 1. @default Math.random */
  readonly random: (() => number) | undefined;
  /** What this connection says about itself. */
  introductionOf(keeper: ConnectionKeeper): Introduction;
  /** Where to dial now. */
  currentServer(): SocketAddress;
  /** The connection is there. */
  established(keeper: ConnectionKeeper, established: Established): void;
  /** It was lost, or takes no new streams. @returns whether to dial again */
  lost(keeper: ConnectionKeeper, session: ClientSession): boolean;
  /** A dial failed. */
  dialFailed(keeper: ConnectionKeeper, error: unknown): Verdict;
  /** It will dial again. */
  retrying(keeper: ConnectionKeeper, reason: string, retryInMs: number): void;
  /** The server has visitors that wait for direct connections. */
  directWanted(count: number): void;
  /** A session is over but for what waits for slow readers. */
  ended(session: ClientSession): void;
  /** A mistake in the program. */
  failed(error: unknown): void;
}

/** A session that lasted so long was a success. */
const STABLE_MS = 30_000;

/** One of the client's parallel connections. */
export class ConnectionKeeper implements ClientSessionHost {
  /** Its number among the client's connections. */
  readonly member: number;
  readonly environment: TunnelEnvironment;
  readonly limits: ClientLimits;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly services: ReadonlyMap<string, ServiceOptions>;
  readonly #host: KeeperHost;
  readonly #backoff: Backoff;
  readonly #draining = new Set<ClientSession>();
  /** Those that wait for the answer to their handshake. */
  readonly #dialling = new Set<ClientSession>();
  #current: ClientSession | undefined;
  #connectedAt = Infinity;
  #running = false;
  #attempting = false;
  /** Counts starts, so that a dial that comes late knows that it is not wanted. */
  #start = 0;
  #cancelTimer: CancelTimer = () => {};

  /** @param member Its number. @param host The client. */
  constructor(member: number, host: KeeperHost) {
    this.member = member;
    this.#host = host;
    this.environment = host.environment;
    this.limits = host.limits;
    this.runtime = host.runtime;
    this.logger = host.logger;
    this.services = host.services;
    this.#backoff = new Backoff({
      minMs: host.limits.reconnectMinMs,
      maxMs: host.limits.reconnectMaxMs,
      stableMs: STABLE_MS,
      random: host.random,
    });
  }

  /** The connection that takes streams. */
  get current(): ClientSession | undefined {
    return this.#current;
  }

  /** Every session that is not over, also those that only finish what they have. */
  get sessions(): ClientSession[] {
    return [...this.#draining, ...(this.#current === undefined ? [] : [this.#current])];
  }

  /** Begins to dial, unless it has. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#dialSoon();
  }

  /** Dials now, if it waits to. */
  hasten(): void {
    if (!this.#running || this.#current !== undefined || this.#attempting) return;
    this.#cancelTimer();
    this.#dialSoon();
  }

  /** Dials no more. What is connected stays. */
  stop(reason: string): void {
    this.#running = false;
    this.#attempting = false;
    this.#start++;
    this.#cancelTimer();
    for (const session of this.#dialling) session.session.close(reason);
  }

  /**
   * Dials and introduces the client, whatever else is going on.
   *
   * @throws {TunnelError} when that fails
   */
  async connect(server: SocketAddress): Promise<Established> {
    const start = this.#start;
    const connection = await this.#host.dialler.dial(server);
    if (start !== this.#start) {
      connection.close();
      throw new TunnelError("CLOSED", "The connection is not wanted any more");
    }
    const session = new ClientSession(connection, this.#host.introductionOf(this), this);
    this.#dialling.add(session);
    try {
      const agreement = await session.handshake();
      if (start !== this.#start) session.session.close("The connection is not wanted any more");
      if (session.session.open) return { server, session, agreement };
      session.session.close("The server went away");
      throw new TunnelError("CONNECTION", "The server went away right after the handshake");
    } finally {
      this.#dialling.delete(session);
    }
  }

  /** Makes a session its connection; what it had before becomes one that only finishes what it has. */
  adopt(established: Established): void {
    // Another dial, or the wait for one, may be under way.
    this.stop("The client has another connection");
    this.#running = true;
    this.release();
    this.#current = established.session;
    this.#connectedAt = this.environment.clock.now();
    this.environment.counters.add("sessions_opened");
    this.#host.established(this, established);
  }

  /** Parts with its connection, which stays for what it has. */
  release(): void {
    if (this.#current !== undefined) this.#draining.add(this.#current);
    this.#current = undefined;
  }

  /** Has the sessions that only finish what they have take no new streams, and closes each when it is done. */
  retire(): void {
    for (const { session } of this.#draining) {
      spawn(async () => {
        await session.drain("shutting_down");
        session.close("The client has another connection");
      }, () => {});
    }
  }

  /** @inheritdoc */
  goingAway(session: ClientSession, code: GoAwayCode): void {
    if (session !== this.#current || !this.#running) return;
    // Its streams go on while a new connection takes the new ones.
    this.#draining.add(session);
    this.#lost(session, {
      reason: code === "revoked"
        ? `The server has disconnected this client: ${session.lastError ?? "it is not permitted any more"}`
        : code === "stream_ids_used_up"
        ? "The stream ids of the connection are used up"
        : `The server is ${code.replaceAll("_", " ")}`,
      atLeastMs: code === "replaced" ? REPLACED_RETRY_MS : 0,
    });
    spawn(async () => {
      await session.session.idle();
      session.session.close("The server is shutting down");
    }, () => {});
  }

  /** @inheritdoc */
  directWanted(session: ClientSession, count: number): void {
    if (session === this.#current) this.#host.directWanted(count);
  }

  /** @inheritdoc */
  left(session: ClientSession, end: SessionEnd): void {
    this.#draining.delete(session);
    this.#host.ended(session);
    const { message: reason, deadMs } = end;
    if (session === this.#current) this.#lost(session, { reason, atLeastMs: 0, deadMs });
  }

  #dialSoon(): void {
    spawn(() => this.#dial(), (error) => this.#host.failed(error));
  }

  async #dial(): Promise<void> {
    const start = this.#start;
    this.#attempting = true;
    try {
      const established = await this.connect(this.#host.currentServer());
      if (start === this.#start) this.adopt(established);
    } catch (error) {
      if (start === this.#start) this.#dialFailed(error);
    } finally {
      if (start === this.#start) this.#attempting = false; // Else it is another's.
    }
  }

  #dialFailed(error: unknown): void {
    const verdict = this.#host.dialFailed(this, error);
    if (verdict === "never") this.#running = false;
    else this.#retry(describeError(error), { lastedMs: 0, verdict });
  }

  #lost(
    session: ClientSession,
    options: { reason: string; atLeastMs: number; deadMs?: number | undefined },
  ): void {
    const { reason, atLeastMs, deadMs = 0 } = options;
    // A link that dies soon after each dial is no success for having been waited for.
    const lastedMs = this.environment.clock.now() - this.#connectedAt - deadMs;
    this.#current = undefined;
    this.environment.counters.add("sessions_closed", { label: "lost" });
    if (this.#host.lost(this, session)) this.#retry(reason, { lastedMs, verdict: { atLeastMs } });
    else this.#running = false;
  }

  #retry(reason: string, options: { lastedMs: number; verdict: Exclude<Verdict, "never"> }): void {
    const { lastedMs, verdict } = options;
    const retryInMs = verdict === "at_once"
      ? 0
      : Math.round(this.#backoff.failed(lastedMs, verdict.atLeastMs));
    this.environment.counters.add("reconnects");
    this.#host.retrying(this, reason, retryInMs);
    this.#cancelTimer = this.environment.clock.setTimer(() => this.#dialSoon(), retryInMs);
  }
}
