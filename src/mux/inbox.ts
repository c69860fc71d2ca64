/**
 * What arrives: bytes are parsed where they were read, and every frame is held against the rules before it reaches its
 * stream. A broken rule throws a ProtocolError, which ends the session and no other.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { Counters } from "../observe/counters.ts";
import type { DataHeader, GoAwayCode } from "../wire/frame.ts";
import { DATA_HEADER_BYTES } from "../wire/limits.ts";
import type { CloseReason, ControlMessage, OpenStream } from "../wire/messages.ts";
import { type FrameHandler, FrameParser } from "../wire/parser.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { ClosedStreams, PEER_HAS_ENDED } from "./closed_streams.ts";
import { type Slab, SlabReader } from "./slabs.ts";
import type { MuxStream } from "./stream.ts";
import type { SessionLimits } from "./sweeper.ts";
import { TokenBucket } from "./token_bucket.ts";

/** Frames for streams that are gone, before the peer counts as broken. */
export const ORPHAN_BUDGET = { burst: 10_000, perSecond: 1_000 };
/**
 * Frames that may be on their way when a stream ends, so that honest peers never use up the budget however many streams
 * end: the credit of one window in halves, a close, and the answer to a close.
 */
export const LATE_FRAMES_PER_STREAM = 4;
/** Openings that are refused for what they ask, before the peer counts as hostile. */
export const REFUSED_OPEN_BUDGET = { burst: 1_000, perSecond: 200 };
/**
 * Openings that are refused because this side is full or stopping. An honest server passes its visitors on without knowing;
 * so many a second are more than one can accept.
 */
export const BUSY_REFUSAL_BUDGET = { burst: 50_000, perSecond: 10_000 };
/** Heartbeats, tiny credits and empty frames that a peer may send. */
export const CHATTER_BUDGET = { burst: 1_000, perSecond: 200 };
/** Data that earns its sender another heartbeat: it may mark its data, to learn how far they have come. */
export const HEARTBEAT_BYTES = 32 * 1024;
/** A credit below this counts as chatter: no receiver that returns half a window at a time sends it often. */
export const TINY_CREDIT_BYTES = 512;

/**
 * Stream ids below the highest that a peer of version 1 may still open: the Rust server numbers its streams before they
 * stand in line, so that some overtake others.
 */
export const MAX_OVERTAKEN_IDS = 1_024;

/** Why a stream is refused. */
export interface Refusal {
  /** For people. */
  readonly text: string;
  /** Whether this side has no room, whatever is asked for. */
  readonly busy: boolean;
}

/** What an inbox needs of its session. */
export interface InboxHost {
  /** An open stream. */
  stream(streamId: number): MuxStream | undefined;
  /** Whether this side has opened a stream of that id at some time. */
  opened(streamId: number): boolean;
  /** The peer opens a stream whose id is in order. @returns why it is refused, or undefined */
  peerOpens(message: OpenStream): Refusal | undefined;
  /** Any message that is not about a stream. */
  message(message: Exclude<ControlMessage, StreamMessage>): void;
  /** Answers the peer. */
  send(message: ControlMessage): void;
  /** The peer takes no new streams. */
  goAway(code: GoAwayCode): void;
}

/** Control messages about one stream. */
export type StreamMessage = Extract<ControlMessage, { streamId: number }>;

/** Options of an {@linkcode Inbox}. */
export interface InboxOptions {
  /** Whether this side opens streams with even ids (the server); the peer then uses odd ones. */
  readonly role: "server" | "client";
  readonly limits: Pick<SessionLimits, "windowBytes" | "maxResetsPerSecond">;
  readonly pool: BufferPool;
  readonly counters: Counters;
  /** Milliseconds on a monotonic scale. */
  readonly now: () => number;
}

/** Parses, checks and demultiplexes what arrives. */
export class Inbox implements FrameHandler {
  /** Streams that this side closed and the peer has not. */
  readonly closedStreams = new ClosedStreams();
  readonly #host: InboxHost;
  readonly #counters: Counters;
  readonly #parser: FrameParser = new FrameParser(this);
  readonly #slabs: SlabReader;
  readonly #orphans: TokenBucket;
  readonly #refusedOpens: TokenBucket;
  readonly #busyRefusals: TokenBucket;
  readonly #chatter: TokenBucket;
  readonly #resets: TokenBucket;
  readonly #peerParity: number;
  readonly #windowBytes: number;
  #highestPeerId: number;
  /** See {@linkcode MAX_OVERTAKEN_IDS}. */
  readonly #overtakenIds = new Set<number>();
  #slab: Slab | undefined;
  /** The stream that the payload now being parsed belongs to; undefined: it is dropped. */
  #current: MuxStream | undefined;
  #currentEnds = false;
  /** Data since a heartbeat was last earned. */
  #earningBytes = 0;
  /** Size of the last data frame. */
  #frameBytes = DATA_HEADER_BYTES;
  #stopped = false;

  /** @param host The session. @param options Role and what is shared. */
  constructor(host: InboxHost, options: InboxOptions) {
    this.#host = host;
    this.#counters = options.counters;
    this.#slabs = new SlabReader(options.pool);
    this.#orphans = new TokenBucket(ORPHAN_BUDGET, options.now);
    this.#refusedOpens = new TokenBucket(REFUSED_OPEN_BUDGET, options.now);
    this.#busyRefusals = new TokenBucket(BUSY_REFUSAL_BUDGET, options.now);
    this.#chatter = new TokenBucket(CHATTER_BUDGET, options.now);
    const { windowBytes, maxResetsPerSecond } = options.limits;
    this.#resets = new TokenBucket({ burst: maxResetsPerSecond, perSecond: maxResetsPerSecond }, options.now);
    this.#peerParity = options.role === "server" ? 1 : 0;
    this.#highestPeerId = this.#peerParity === 1 ? -1 : 0; // The first id is two above.
    this.#windowBytes = windowBytes;
  }

  /** Whether a control frame has begun and is not complete. */
  get midControlFrame(): boolean {
    return this.#parser.midControlFrame;
  }

  /** Accepts frames other than control from now on; those of our own too if `extended`. */
  establish(extended: boolean): void {
    this.#parser.authenticated = true;
    this.#parser.extensions = extended;
  }

  /** Where the next bytes go. */
  space(): Uint8Array {
    return this.#slabs.space(this.#parser.payloadLeft, this.#frameBytes);
  }

  /** Bytes have arrived. @throws {ProtocolError} when they break a rule */
  push(chunk: Uint8Array): void {
    this.#slab = this.#slabs.arrived(chunk);
    this.#parser.push(chunk);
  }

  /** A stream is over; some frames for it may be late. */
  streamEnded(): void {
    this.#orphans.give(LATE_FRAMES_PER_STREAM);
  }

  /** The session is over: what else is in the chunk being parsed is dropped. */
  stop(): void {
    this.#stopped = true;
  }

  /** The connection is closed: nothing is read into the memory any more. */
  close(): void {
    this.#slabs.close();
  }

  /** @inheritdoc */
  control(message: ControlMessage): void {
    if (this.#stopped) return;
    switch (message.type) {
      case "open_stream":
        return this.#openStream(message);
      case "stream_ack":
        return this.#streamAck(message.streamId, message.status === "accepted");
      case "close_stream":
        return this.#closeStream(message.streamId, message.reason);
      case "heartbeat":
        if (!this.#chatter.take()) throw new ProtocolError("heartbeat_flood", "Received too many heartbeats");
        return this.#host.message(message);
      default:
        return this.#host.message(message as Exclude<ControlMessage, StreamMessage>);
    }
  }

  /** @inheritdoc */
  dataHeader(header: Readonly<DataHeader>): void {
    const { streamId, payloadBytes, end } = header;
    const stream = this.#host.stream(streamId);
    this.#current = undefined;
    if (this.#stopped) return;
    if (stream === undefined) return this.#unexpectedData(header);
    if (stream.remoteEnded) {
      stream.reset({ kind: "protocol_violation" });
      this.closedStreams.add(streamId, PEER_HAS_ENDED);
      return;
    }
    stream.headerReceived(payloadBytes);
    if (payloadBytes === 0) {
      if (end && stream.knowsHalfClose) stream.endReceived();
      else if (!this.#chatter.take()) {
        throw new ProtocolError("empty_frame_flood", "Received too many empty frames");
      }
      return;
    }
    this.#current = stream;
    this.#currentEnds = end && stream.knowsHalfClose;
    this.#counters.bytesReceived += payloadBytes;
    this.#frameBytes = DATA_HEADER_BYTES + payloadBytes;
    this.#earningBytes += payloadBytes;
    if (this.#earningBytes < HEARTBEAT_BYTES) return;
    this.#chatter.give(Math.floor(this.#earningBytes / HEARTBEAT_BYTES));
    this.#earningBytes %= HEARTBEAT_BYTES;
  }

  /** @inheritdoc */
  data(piece: Uint8Array, last: boolean): void {
    const stream = this.#current;
    if (stream === undefined) return;
    stream.dataReceived(piece, this.#slab as Slab);
    if (!last || !this.#currentEnds) return;
    if (stream.closed) this.closedStreams.confirm(stream.id);
    else stream.endReceived();
  }

  /** @inheritdoc */
  windowUpdate(streamId: number, increment: number): void {
    if (this.#stopped) return;
    if (increment < TINY_CREDIT_BYTES && !this.#chatter.take()) {
      throw new ProtocolError("credit_flood", "Received too many tiny credits");
    }
    const stream = this.#host.stream(streamId);
    if (stream !== undefined) stream.creditReceived(increment);
    else this.#orphan(streamId, this.closedStreams.has(streamId));
  }

  /** @inheritdoc */
  goAway(code: GoAwayCode): void {
    if (!this.#stopped) this.#host.goAway(code);
  }

  #openStream(message: OpenStream): void {
    const { streamId } = message;
    if (!this.#parser.authenticated) throw unauthenticated(message.type);
    if (streamId === 0 || streamId % 2 !== this.#peerParity) {
      throw new ProtocolError("stream_id_parity", `Stream id ${streamId} is not one that the peer may open`);
    }
    this.#checkOrder(streamId);
    const refusal = this.#host.peerOpens(message);
    if (refusal === undefined) return;
    if (!(refusal.busy ? this.#busyRefusals : this.#refusedOpens).take()) {
      throw new ProtocolError("open_flood", "Opened too many streams that were refused");
    }
    this.#host.send({ type: "close_stream", streamId, reason: { kind: "error", message: refusal.text } });
    this.closedStreams.add(streamId, this.#parser.extensions ? this.#windowBytes : Infinity);
  }

  /** @throws {ProtocolError} rule `stream_id_reused` */
  #checkOrder(streamId: number): void {
    if (this.#overtakenIds.delete(streamId)) return;
    if (streamId <= this.#highestPeerId) {
      throw new ProtocolError(
        "stream_id_reused",
        `Stream id ${streamId} is not above ${this.#highestPeerId}`,
      );
    }
    if (!this.#parser.extensions) this.#overtake(streamId);
    this.#highestPeerId = streamId;
  }

  #overtake(streamId: number): void {
    const first = Math.max(this.#highestPeerId + 2, streamId - 2 * MAX_OVERTAKEN_IDS);
    for (let id = first; id < streamId; id += 2) this.#overtakenIds.add(id);
    for (const id of this.#overtakenIds) { // The oldest first.
      if (this.#overtakenIds.size <= MAX_OVERTAKEN_IDS) return;
      this.#overtakenIds.delete(id);
    }
  }

  #streamAck(streamId: number, accepted: boolean): void {
    if (!this.#parser.authenticated) throw unauthenticated("stream_ack");
    const stream = this.#host.stream(streamId);
    if (stream === undefined) return this.#orphan(streamId, this.closedStreams.has(streamId));
    if (accepted) stream.acceptReceived();
    else this.#closeStream(streamId, { kind: "error", message: "The peer rejected the stream" });
  }

  #closeStream(streamId: number, reason: CloseReason): void {
    if (!this.#parser.authenticated) throw unauthenticated("close_stream");
    const stream = this.#host.stream(streamId);
    if (stream === undefined) return this.#orphan(streamId, this.closedStreams.confirm(streamId));
    if (this.#parser.extensions) {
      this.#host.send({ type: "close_stream", streamId, reason: { kind: "normal" } });
    }
    this.#countReset(stream, reason);
    stream.closeReceived(reason);
  }

  /**
   * To open and cancel costs a peer two frames, and this side a connection to a service. In version 1 a close before the
   * acceptance is the end of what the peer had to say.
   */
  #countReset(stream: MuxStream, reason: CloseReason): void {
    const early = !stream.acceptSent && stream.knowsHalfClose;
    if (stream.opener || (reason.kind === "normal" && !early) || this.#resets.take()) return;
    throw new ProtocolError("reset_flood", "Opened and reset too many streams");
  }

  #unexpectedData(header: Readonly<DataHeader>): void {
    const { streamId, payloadBytes, end } = header;
    const expected = this.closedStreams.receive(streamId, payloadBytes);
    this.#orphan(streamId, expected);
    if (end && expected) this.closedStreams.confirm(streamId);
  }

  /** A frame for a stream that is not open: dropped when it once was, counted when it was not to be expected. */
  #orphan(streamId: number, expected: boolean): void {
    if (expected) return;
    const issued = streamId % 2 === this.#peerParity
      ? streamId <= this.#highestPeerId && !this.#overtakenIds.has(streamId)
      : this.#host.opened(streamId);
    if (!issued) throw new ProtocolError("unknown_stream", `Stream id ${streamId} was never opened`);
    this.#counters.add("orphan_frames");
    if (!this.#orphans.take()) {
      throw new ProtocolError("orphan_flood", "Received too many frames for closed streams");
    }
  }
}

function unauthenticated(type: string): ProtocolError {
  return new ProtocolError("not_authenticated", `Received ${type} before the handshake was over`);
}
