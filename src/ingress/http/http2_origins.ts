/**
 * HTTP/2 connections to local services, shared by requests.
 *
 * @module
 */
import type { HeadLimits } from "../../http/head_limits.ts";
import type { Session } from "../../mux/session.ts";
import { Http2Back } from "./http2_back.ts";
import { Http2Link } from "./http2_link.ts";

/** Options of {@linkcode Http2Origins}. */
export interface Http2OriginsOptions {
  readonly headLimits: Partial<HeadLimits>;
  /** How long one may carry nothing. */
  readonly idleMs: number;
}

/** All of them. */
export class Http2Origins {
  readonly #options: Http2OriginsOptions;
  readonly #bySession = new WeakMap<Session, Map<string | undefined, Set<Http2Link>>>();
  readonly #links = new Map<Http2Link, Session>();
  #closed = false;

  /** @param options Bounds. */
  constructor(options: Http2OriginsOptions) {
    this.#options = options;
  }

  /** Whether there is any. */
  get busy(): boolean {
    return this.#links.size > 0;
  }

  /**
   * A way for one request.
   *
   * @param session The service's client.
   * @param options `fresh`: whether it must be a new connection.
   * @throws {TunnelError} `LIMIT` or `CLOSED` when a new one is needed and there can be none
   */
  take(session: Session, options: { service: string | undefined; fresh: boolean }): Http2Back {
    const { service, fresh } = options;
    let byService = this.#bySession.get(session);
    if (byService === undefined) this.#bySession.set(session, byService = new Map());
    let links = byService.get(service);
    if (links === undefined) byService.set(service, links = new Set());
    const link = fresh ? undefined : [...links].find((found) => found.hasRoom);
    return new Http2Back(link ?? this.#open(session, service, links));
  }

  /** Time has passed: closes those that have been idle for too long, or whose client leaves. */
  sweep(elapsedMs: number): void {
    for (const [link, session] of this.#links) {
      if (!link.idle) continue;
      link.idleMs += elapsedMs;
      if (!session.open || link.idleMs > this.#options.idleMs) link.dispose();
    }
  }

  /** Closes those that are idle, and others once they are. */
  close(): void {
    this.#closed = true;
    for (const link of [...this.#links.keys()]) if (link.idle) link.dispose();
  }

  #open(session: Session, service: string | undefined, links: Set<Http2Link>): Http2Link {
    const headers = service === undefined ? [] : [["service", service] as const];
    const link = new Http2Link(session.openStream({ protocol: "http", headers }), {
      headLimits: this.#options.headLimits,
      onOver: (over) => {
        links.delete(over);
        this.#links.delete(over);
      },
      onLeft: (left) => {
        if (this.#closed && left.idle) left.dispose();
      },
    });
    links.add(link);
    this.#links.set(link, session);
    return link;
  }
}
