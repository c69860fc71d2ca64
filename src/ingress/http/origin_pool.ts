/**
 * Streams to local services that wait for their next exchange, so that not every request pays for a stream and a connection.
 *
 * @module
 */
import type { HeadLimits } from "../../http/head_limits.ts";
import type { BufferPool } from "../../mux/buffer_pool.ts";
import type { Session } from "../../mux/session.ts";
import { OriginConnection, type OriginHost } from "./origin_connection.ts";

/** Options of {@linkcode OriginPools}. */
export interface OriginPoolsOptions {
  readonly pool: BufferPool;
  readonly headLimits: Partial<HeadLimits>;
  /** Streams that may wait, for one service. */
  readonly maxIdle: number;
  /** How long one may wait. */
  readonly idleMs: number;
}

/** The streams of one session to one service. */
class OriginPool implements OriginHost {
  readonly session: Session;
  readonly pool: BufferPool;
  readonly headLimits: Partial<HeadLimits>;
  readonly #service: string | undefined;
  readonly #options: OriginPoolsOptions;
  readonly #isClosed: () => boolean;
  readonly #onIdle: (pool: OriginPool) => void;
  /** The one that was used last is last, and used first: so the others grow old. */
  #idle: OriginConnection[] = [];

  constructor(
    session: Session,
    options: OriginPoolsOptions & {
      service: string | undefined;
      isClosed: () => boolean;
      onIdle: (pool: OriginPool) => void;
    },
  ) {
    this.session = session;
    this.pool = options.pool;
    this.headLimits = options.headLimits;
    this.#service = options.service;
    this.#options = options;
    this.#isClosed = options.isClosed;
    this.#onIdle = options.onIdle;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(fresh: boolean): OriginConnection {
    while (!fresh) {
      const origin = this.#idle.pop();
      if (origin === undefined) break;
      if (origin.usable) return origin;
    }
    const headers = this.#service === undefined ? [] : [["service", this.#service] as const];
    return new OriginConnection(this.session.openStream({ protocol: "http", headers }), this);
  }

  keep(origin: OriginConnection): boolean {
    if (this.#isClosed() || this.#idle.length >= this.#options.maxIdle) return false;
    origin.idleMs = 0;
    if (this.#idle.push(origin) === 1) this.#onIdle(this);
    return true;
  }

  forget(origin: OriginConnection): void {
    const at = this.#idle.indexOf(origin);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** @returns whether none is left */
  sweep(elapsedMs: number): boolean {
    const leaving = !this.session.open;
    for (const origin of [...this.#idle]) {
      origin.idleMs += elapsedMs;
      if (leaving || origin.idleMs > this.#options.idleMs) origin.dispose();
    }
    return this.#idle.length === 0;
  }

  close(): void {
    for (const origin of [...this.#idle]) origin.dispose();
  }
}

/** All of them. */
export class OriginPools {
  readonly #options: OriginPoolsOptions;
  readonly #pools = new WeakMap<Session, Map<string | undefined, OriginPool>>();
  /** Those with streams that wait. */
  readonly #idle = new Set<OriginPool>();
  #closed = false;

  /** @param options Bounds. */
  constructor(options: OriginPoolsOptions) {
    this.#options = options;
  }

  /** Streams that wait, of all services. */
  get idleCount(): number {
    let count = 0;
    for (const pool of this.#idle) count += pool.idleCount;
    return count;
  }

  /** Whether any waits. */
  get busy(): boolean {
    return this.#idle.size > 0;
  }

  /**
   * A stream to a service.
   *
   * @param session Its client.
   * @param options `fresh`: whether it must be a new one.
   * @throws {TunnelError} `LIMIT` or `CLOSED` when a new one is needed and there can be none
   */
  take(session: Session, options: { service: string | undefined; fresh: boolean }): OriginConnection {
    let byService = this.#pools.get(session);
    if (byService === undefined) this.#pools.set(session, byService = new Map());
    const { service, fresh } = options;
    let pool = byService.get(service);
    if (pool === undefined) {
      pool = new OriginPool(session, {
        ...this.#options,
        service,
        isClosed: () => this.#closed,
        onIdle: (idle) => this.#idle.add(idle),
      });
      byService.set(service, pool);
    }
    return pool.take(fresh);
  }

  /** Time has passed: closes those that have waited too long, or whose client leaves. */
  sweep(elapsedMs: number): void {
    for (const pool of this.#idle) if (pool.sweep(elapsedMs)) this.#idle.delete(pool);
  }

  /** Closes those that wait; whatever is released from now on is closed too. */
  close(): void {
    this.#closed = true;
    for (const pool of this.#idle) pool.close();
    this.#idle.clear();
  }
}
