/**
 * What a session tells its owner, and what it is told.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Counters } from "../observe/counters.ts";
import type { GoAwayCode } from "../wire/frame.ts";
import { MAX_STREAM_ID } from "../wire/limits.ts";
import type { ControlMessage, Priority, Protocol } from "../wire/messages.ts";
import type { BufferPool } from "./buffer_pool.ts";
import type { StreamMessage } from "./inbox.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import type { SessionEnd, SessionEndCode } from "./session_end.ts";
import type { MuxStream } from "./stream.ts";
import type { StreamHandler } from "./stream_types.ts";
import type { SessionLimits } from "./sweeper.ts";

export type { SessionEnd, SessionEndCode };

/**
 * When a server opens the stream with this id, the session should be renewed. Until a successor is there, 65 536 further streams
 * can be opened.
 */
export const RENEW_AT_STREAM_ID = MAX_STREAM_ID - 1 - 2 * 65_536;

/** Control messages that the owner of a session handles. */
export type OwnerMessage = Exclude<ControlMessage, StreamMessage | { type: "heartbeat" | "heartbeat_ack" }>;

/** What a session tells its owner. One call at a time; must not throw anything but a ProtocolError. */
export interface SessionOwner {
  /** A control message that is not about a stream or a heartbeat. */
  message(message: OwnerMessage): void;
  /**
   * The peer opened a stream: attach a handler during the call.
   *
   * @returns why the stream is refused, or undefined when it was taken
   */
  peerOpened(stream: MuxStream): string | undefined;
  /** Why this side may open no more streams at the moment. @default nothing but the session's own limits */
  lackOfRoom?(): string | undefined;
  /** Who stands between a stream and its handler. @default nobody: the stream's rate is not limited */
  paced?(stream: MuxStream, handler: StreamHandler): StreamHandler | undefined;
  /** The peer takes no new streams. */
  goAway(code: GoAwayCode): void;
  /** The stream ids are nearly used up: see {@linkcode RENEW_AT_STREAM_ID}. */
  idsRunOut?(): void;
  /** The session is over, and so are all its streams. Called exactly once, last. */
  ended(end: SessionEnd): void;
}

/** What sessions share. */
export interface SessionEnvironment {
  readonly clock: Clock;
  readonly counters: Counters;
  readonly pool: BufferPool;
  /** Bytes that wait for slow readers, over all sessions. */
  readonly memory: MemoryBudget;
  /** The first id of a stream that this side opens, for a look at the last ones. @default 2 for a server, 1 for a client */
  readonly firstStreamId?: number;
}

/** How a session is set up. */
export interface SessionOptions {
  /** The server opens streams with even ids, the client with odd ones. */
  readonly role: "server" | "client";
  readonly limits: SessionLimits;
  readonly environment: SessionEnvironment;
}

/** What a new stream carries. */
export interface OpenStreamOptions {
  readonly protocol: Protocol;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly priority?: Priority;
}
