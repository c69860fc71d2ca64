/**
 * The server's side of connections that carry one visitor each: those that wait for a visitor, and visitors that wait for one.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import { ProtocolError } from "../errors.ts";
import type { BufferPool } from "../mux/buffer_pool.ts";
import type { Pacers } from "../mux/paced_handler.ts";
import type { Counters } from "../observe/counters.ts";
import type { Connection } from "../runtime/types.ts";
import { formatCapabilities } from "../wire/capabilities.ts";
import type { ControlMessage, OpenStream } from "../wire/messages.ts";
import { DIRECT_STREAM_ID, DirectLink } from "./direct_link.ts";
import type { HandoverConnection } from "./handover_connection.ts";
import type { JoinOptions } from "./splices.ts";

/** What all pools of a server share. */
export interface DirectPoolEnvironment {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly pool: BufferPool;
}

/** Options of {@linkcode DirectPool}. */
export interface DirectPoolOptions {
  readonly environment: DirectPoolEnvironment;
  /** Connections that may wait for a visitor. */
  readonly maxIdle: number;
  /** Visitors of this client that may be joined, or wait to be. */
  readonly maxVisitors: number;
  /** How long a visitor waits. */
  readonly openTimeoutMs: number;
  /** Why the client may have no more visitors, beside `maxVisitors`. @default nothing */
  readonly lackOfRoom?: () => string | undefined;
  /** The rates of its visitors. @default there is no limit */
  readonly pacers?: () => Pacers | undefined;
  /** Asks the client for more connections. */
  readonly ask: (count: number) => void;
  /** Joins a visitor and its connection. @returns ends both */
  readonly join: (options: JoinOptions) => () => void;
}

/** A visitor that wants a connection. */
export interface DirectVisitor {
  /** Not started yet. */
  readonly connection: Connection;
  readonly headers: OpenStream["headers"];
  /** The visitor was joined. */
  readonly onJoined: () => void;
  /** The visitor got no connection; its own is still to be closed. */
  readonly onRefused: () => void;
  /** The visitor was joined, and both connections are closed. */
  readonly onClosed: () => void;
}

/** A visitor that has not been joined. */
interface Waiting {
  readonly visitor: DirectVisitor;
  cancelTimer: CancelTimer;
  /** The connection that is asked to take it. */
  place: Place | undefined;
}

/** A connection, and the visitor that it is to take. */
interface Place {
  readonly link: DirectLink;
  waiting: Waiting | undefined;
}

/**
 * Connections of one client. A visitor gets the one that came last: it is the least likely to have been forgotten on the way. Until
 * the client has answered, nothing of the visitor is sent, so that another one can be tried when the first was dead.
 */
export class DirectPool {
  readonly #options: DirectPoolOptions;
  readonly #idle: Place[] = [];
  /** Visitors without a connection, in the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  readonly #opening = new Set<Waiting>();
  #joined = 0;
  /** Each ends a visitor that is joined. */
  readonly #resets = new Set<() => void>();
  /** Connections that the client was asked for and has not made. */
  #asked = 0;
  #askScheduled = false;
  #closed = false;

  /** @param options Limits, and how visitors are joined. */
  constructor(options: DirectPoolOptions) {
    this.#options = options;
  }

  /** Connections that wait for a visitor. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Connections that may wait for a visitor. */
  get maxIdle(): number {
    return this.#options.maxIdle;
  }

  /** Visitors that are joined, or wait to be. */
  get visitors(): number {
    return this.#joined + this.#opening.size + this.#waiting.size;
  }

  /** Whether one more connection is taken. */
  get hasRoom(): boolean {
    return !this.#closed && (this.#idle.length < this.#options.maxIdle || this.#waiting.size > 0);
  }

  /**
   * Takes a connection of the client, which is told so.
   *
   * @param connection Not started yet.
   * @param session Id of the client's session, as bytes and in hexadecimal.
   */
  add(connection: HandoverConnection, session: { readonly id: Uint8Array; readonly idText: string }): void {
    const { pool } = this.#options.environment;
    const link = new DirectLink(connection, pool, {
      message: (message, rest) => this.#answered(place, message, rest),
      over: () => this.#over(place),
    });
    const place: Place = { link, waiting: undefined };
    const direct = { session: session.idText };
    link.send({
      type: "handshake_ack",
      sessionId: session.id,
      status: "success",
      version: 1,
      capabilities: formatCapabilities({ window: undefined, services: false, direct }),
    });
    this.#asked = Math.max(0, this.#asked - 1);
    const [first] = this.#waiting;
    if (first === undefined) this.#idle.push(place);
    else this.#open(first, place);
  }

  /** Leads a visitor to the client. */
  visit(visitor: DirectVisitor): void {
    const { environment, maxVisitors, openTimeoutMs } = this.#options;
    if (this.#closed) return visitor.onRefused();
    if (this.visitors >= maxVisitors) {
      environment.counters.add("limits_hit", { label: "max_streams" });
      return visitor.onRefused();
    }
    if (this.#options.lackOfRoom?.() !== undefined) return visitor.onRefused();
    const waiting: Waiting = { visitor, cancelTimer: () => {}, place: undefined };
    waiting.cancelTimer = environment.clock.setTimer(() => {
      environment.counters.add("streams_reset", { label: "timeout" });
      this.#refuse(waiting);
    }, openTimeoutMs);
    this.#find(waiting);
  }

  /** Takes no more connections and visitors. Visitors that are joined stay. */
  close(): void {
    this.#closed = true;
    for (const { link } of this.#idle.splice(0)) link.connection.close();
    for (const waiting of [...this.#waiting, ...this.#opening]) this.#refuse(waiting);
  }

  /** Takes no more of either, and ends the visitors that are joined too. */
  end(): void {
    this.close();
    for (const reset of [...this.#resets]) reset();
  }

  #find(waiting: Waiting): void {
    const place = this.#idle.pop();
    if (place !== undefined) return this.#open(waiting, place);
    this.#waiting.add(waiting);
    if (this.#askScheduled) return;
    // Once for all visitors that come in the same turn.
    this.#askScheduled = true;
    queueMicrotask(() => {
      this.#askScheduled = false;
      const count = this.#waiting.size - this.#asked;
      if (count <= 0 || this.#closed) return;
      this.#asked += count;
      this.#options.ask(count);
    });
  }

  #open(waiting: Waiting, place: Place): void {
    this.#waiting.delete(waiting);
    this.#opening.add(waiting);
    place.waiting = waiting;
    waiting.place = place;
    place.link.send({
      type: "open_stream",
      streamId: DIRECT_STREAM_ID,
      protocol: "tcp",
      headers: waiting.visitor.headers,
      bodyHint: undefined,
      priority: "normal",
    });
  }

  #answered(place: Place, message: ControlMessage, rest: Uint8Array): boolean {
    const { link, waiting } = place;
    if (waiting === undefined) {
      throw new ProtocolError("unexpected_message", `Received ${message.type} before a visitor came`);
    }
    const accepted = message.type === "stream_ack" && message.status === "accepted";
    if (!accepted && message.type !== "stream_ack" && message.type !== "close_stream") {
      throw new ProtocolError("unexpected_message", `Received ${message.type} in place of an answer`);
    }
    if (!accepted) {
      this.#refuse(waiting);
      return false;
    }
    const read = rest.slice();
    link.whenWritten(() => this.#join(waiting, { link, read }));
    return false;
  }

  #join(waiting: Waiting, { link, read }: { readonly link: DirectLink; readonly read: Uint8Array }): void {
    if (!this.#opening.delete(waiting)) return;
    waiting.cancelTimer();
    this.#joined++;
    this.#options.environment.counters.add("streams_opened", { label: "direct" });
    const { connection, onJoined, onClosed } = waiting.visitor;
    onJoined();
    const reset = this.#options.join({
      local: connection,
      tunnel: link.take(),
      read,
      pacers: this.#options.pacers?.(),
      onClosed: () => {
        this.#joined--;
        this.#resets.delete(reset);
        onClosed();
      },
    });
    this.#resets.add(reset);
  }

  #over(place: Place): void {
    const index = this.#idle.indexOf(place);
    if (index >= 0) this.#idle.splice(index, 1);
    const { waiting } = place;
    // It had been dead before it was asked, or has just died: nothing was sent on it.
    if (waiting === undefined || !this.#opening.delete(waiting)) return;
    if (this.#closed) return this.#refuse(waiting);
    waiting.place = undefined;
    this.#find(waiting);
  }

  #refuse(waiting: Waiting): void {
    waiting.cancelTimer();
    this.#waiting.delete(waiting);
    this.#opening.delete(waiting);
    this.#asked = Math.min(this.#asked, this.#waiting.size);
    waiting.place?.link.connection.close();
    waiting.visitor.onRefused();
  }
}
