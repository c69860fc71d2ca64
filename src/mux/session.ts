/**
 * A session: one connection to a peer and the streams inside it.
 *
 * @module
 */
import { describeError, ProtocolError, TunnelError } from "../errors.ts";
import type { Connection } from "../runtime/types.ts";
import { encodeControl } from "../wire/control.ts";
import { encodeGoAway, type GoAwayCode } from "../wire/frame.ts";
import { MAX_STREAM_ID } from "../wire/limits.ts";
import type { CloseReason, ControlMessage, OpenStream } from "../wire/messages.ts";
import { clipped } from "./clipped.ts";
import { ReceiveWindow, SendCredit, type WindowGrowth } from "./credit.ts";
import { Heart } from "./heart.ts";
import { Inbox, type Refusal, type StreamMessage } from "./inbox.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { MAX_QUEUED_CONTROL_BYTES } from "./outbox.ts";
import { ReadGate } from "./read_gate.ts";
import {
  type OpenStreamOptions,
  RENEW_AT_STREAM_ID,
  type SessionEnd,
  type SessionEndCode,
  type SessionEnvironment,
  type SessionOptions,
  type SessionOwner,
} from "./session_types.ts";
import { MuxStream, type StreamHost } from "./stream.ts";
import { type SessionLimits, Sweeper } from "./sweeper.ts";
import { Transmitter } from "./transmitter.ts";

/** How long a peer is given to answer that it has read a GoAway. */
const GO_AWAY_ROUND_TRIP_MS = 2_000;

/** One connection and its streams. The owner decides what the handshake says and what streams are for. */
export class Session {
  /** The connection underneath. */
  readonly connection: Connection;
  readonly #owner: SessionOwner;
  readonly #environment: SessionEnvironment;
  readonly #limits: SessionLimits;
  readonly #inbox: Inbox;
  readonly #transmitter: Transmitter;
  readonly #gate: ReadGate;
  readonly #growth: WindowGrowth;
  readonly #streams = new Map<number, MuxStream>();
  readonly #heart: Heart;
  readonly #sweeper: Sweeper;
  readonly #streamHost: StreamHost = {
    wantsToSend: (stream, atOnce) => this.#wantsToSend(stream, atOnce),
    giveCredit: (stream, bytes) => {
      this.#transmitter.outbox.windowUpdate(stream.id, bytes);
      this.#transmitter.schedule();
    },
    sendAccepted: (stream) => this.send({ type: "stream_ack", streamId: stream.id, status: "accepted" }),
    sendClose: (stream, reason) => this.#closeStream(stream, reason),
    sendEndAsClose: ({ id }) =>
      this.#sendOwn({ type: "close_stream", streamId: id, reason: { kind: "normal" } }),
    sending: (bytes) => void (this.#environment.counters.bytesSent += bytes),
    forget: (stream, reason) => this.#forget(stream, reason),
    bufferedChanged: (stream, bytes) => this.#gate.changed(stream, bytes, this.extended),
    stalledSendChanged: (bytes) => this.#gate.stalledSendChanged(bytes),
    paced: (stream, handler) => this.#owner.paced?.(stream, handler),
  };
  #nextId: number;
  #peerWindowBytes: number | undefined;
  #established = false;
  /** Whether a chunk from the peer is being worked on. */
  #receiving = false;
  #goAwaySent = false;
  #refusesStreams = false;
  #goAwayReceived = false;
  #ended = false;
  #whenIdle: (() => void)[] = [];

  /**
   * Begins to read.
   *
   * @param connection Not started yet; from now on the session's.
   * @param owner Who is told.
   * @param options Role, limits, and what sessions share.
   */
  constructor(connection: Connection, owner: SessionOwner, options: SessionOptions) {
    const { environment, limits, role } = options;
    const { clock, counters, pool } = environment;
    const now = (): number => clock.now();
    this.connection = connection;
    this.#owner = owner;
    this.#environment = environment;
    this.#limits = limits;
    this.#nextId = environment.firstStreamId ?? (role === "server" ? 2 : 1);
    this.#inbox = new Inbox({
      stream: (streamId) => this.#streams.get(streamId),
      opened: (streamId) => streamId < this.#nextId,
      peerOpens: (message) => this.#peerOpens(message),
      message: (message) => this.#message(message),
      send: (message) => this.send(message),
      goAway: (code) => this.#goAway(code),
    }, { role, limits, pool, counters, now });
    this.#transmitter = new Transmitter(connection, {
      now,
      onWritten: () => this.#sweeper.wroteSomething(),
      onRead: () => this.#sweeper.peerRead(),
      beat: () => this.#heart.mark(),
    });
    const memory = new MemoryBudget(limits.sessionBufferBytes, environment.memory);
    this.#gate = new ReadGate(memory, counters, {
      streams: () => this.#streams.values(),
      resume: () => connection.resume(),
    });
    this.#heart = new Heart(clock, (message) => this.send(message));
    // The other half is for the windows that streams begin with: growth alone must not make stalled streams use up the memory.
    const growth = new MemoryBudget(limits.sessionBufferBytes / 2);
    this.#growth = {
      now,
      rttMs: () => this.#heart.rttForGrowth(),
      reserve: (bytes) => growth.reserve(bytes),
      release: (bytes) => growth.release(bytes),
    };
    this.#sweeper = new Sweeper(clock, limits, {
      streams: () => this.#streams.values(),
      heart: this.#heart,
      writing: () => this.#transmitter.waiting,
      unread: () => this.#transmitter.unread,
      bytesTaken: () => connection.bytesTaken,
      midControlFrame: () => this.#inbox.midControlFrame,
      reading: () => !this.#gate.paused,
      swept: () => this.#gate.sweep(),
      end: (end) => this.#end(end),
    });
    connection.start({
      space: () => this.#inbox.space(),
      data: (chunk) => this.#arrived(chunk),
      end: () => this.#end({ code: "peer_closed", message: "The peer closed the connection" }),
      drain: () => this.#transmitter.written(),
      close: (error) => {
        const message = error === undefined ? "The connection was closed" : describeError(error);
        this.#end({ code: "connection_lost", message });
        this.#inbox.close();
      },
    });
  }

  /** Open streams. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Streams that this side has closed and the peer has not yet. */
  get closingCount(): number {
    return this.#inbox.closedStreams.size;
  }

  /** Bytes that wait for slow readers, here or at the peer. */
  get bufferedBytes(): number {
    return this.#gate.bufferedBytes;
  }

  /** The last measured round trip in milliseconds. */
  get rttMs(): number | undefined {
    return this.#heart.rttMs;
  }

  /** Whether streams can be opened. */
  get open(): boolean {
    return this.#established && !this.#ended && !this.#goAwayReceived && !this.#goAwaySent;
  }

  /** Whether the session is over. */
  get over(): boolean {
    return this.#ended;
  }

  /** Whether the peer knows the stream extensions. */
  get extended(): boolean {
    return this.#peerWindowBytes !== undefined;
  }

  /**
   * The handshake succeeded: streams may be opened from now on, by either side.
   *
   * @param agreement `peerWindowBytes`: the window that the peer grants every new stream, undefined when it knows none of
   * the stream extensions; `beats`: whether to send heartbeats.
   */
  establish(agreement: { readonly peerWindowBytes: number | undefined; readonly beats: boolean }): void {
    this.#established = true;
    this.#peerWindowBytes = agreement.peerWindowBytes;
    this.#inbox.establish(this.extended);
    if (this.extended) this.#transmitter.limitFlight();
    this.#sweeper.established(this.extended, agreement.beats);
  }

  /**
   * Opens a stream; data may be sent on it at once.
   *
   * @param options What it carries.
   * @returns the stream, to which a handler must be attached
   * @throws {TunnelError} `CLOSED` when the session takes no new streams, `LIMIT` when too many are open
   */
  openStream(options: OpenStreamOptions): MuxStream {
    if (!this.open) throw new TunnelError("CLOSED", "The session takes no new streams");
    const full = this.#owner.lackOfRoom?.() ??
      this.#gate.lackOfRoom(this.#streams.size, this.#limits.maxStreams);
    if (full !== undefined) throw new TunnelError("LIMIT", full);
    if (this.#transmitter.outbox.controlBytes > MAX_QUEUED_CONTROL_BYTES / 2) {
      throw new TunnelError(
        "LIMIT",
        "The peer does not read the openings of streams that are queued already",
      );
    }
    const streamId = this.#nextId;
    if (streamId > MAX_STREAM_ID) throw new TunnelError("LIMIT", "The session has used up its stream ids");
    this.#nextId += 2;
    const { protocol, headers = [], priority = "normal" } = options;
    const more = { protocol, headers, bodyHint: undefined, priority };
    const message: OpenStream = { type: "open_stream", streamId, ...more };
    this.#sendOwn(message);
    const stream = this.#addStream(message, true);
    stream.forgetHeaders();
    if (streamId === RENEW_AT_STREAM_ID) this.#owner.idsRunOut?.();
    return stream;
  }

  /** Sends a control message; a text in it that is too long is cut. */
  send(message: ControlMessage): void {
    if (!this.#ended) this.#controlQueued(this.#transmitter.outbox.control(encodeControl(clipped(message))));
  }

  /**
   * Sends what this side's own streams bring about. That is bounded by their number, and may not end the session: visitors
   * who all leave at once say nothing about whether the peer reads.
   */
  #sendOwn(message: ControlMessage): void {
    if (this.#ended) return;
    this.#transmitter.outbox.own(encodeControl(clipped(message)));
    this.#transmitter.schedule();
  }

  /** Asks the peer for a sign of life. Resolves with whether one came within `timeoutMs`. */
  probe(timeoutMs: number): Promise<boolean> {
    return this.#ended ? Promise.resolve(false) : this.#heart.probe(timeoutMs);
  }

  /**
   * Opens no streams from now on, and tells the peer, if it understands, to open none; what it opened before it could know
   * is still taken. Resolves when all streams have ended.
   */
  async drain(code: GoAwayCode): Promise<void> {
    if (!this.#goAwaySent && !this.#ended) {
      this.#goAwaySent = true;
      if (this.extended) {
        this.#controlQueued(this.#transmitter.outbox.control(encodeGoAway(code)));
        await this.#heart.roundTrip(GO_AWAY_ROUND_TRIP_MS);
      }
      this.#refusesStreams = true;
    }
    await this.idle();
  }

  /** Resolves when no stream is open. */
  idle(): Promise<void> {
    if (this.#streams.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /**
   * Ends the session. Control frames that are queued are still sent if the kernel takes them. Streams end with it, except that
   * what a peer had sent to the end is still delivered; `idle` tells when.
   */
  close(message: string, code: SessionEndCode = "closed"): void {
    this.#end({ code, message });
  }

  /** Ends the session and every stream in it at once. */
  destroy(message: string): void {
    this.#end({ code: "closed", message });
    for (const stream of [...this.#streams.values()]) stream.reset({ kind: "error", message });
  }

  #arrived(chunk: Uint8Array): boolean {
    if (this.#ended) return false;
    this.#heart.heard();
    this.#receiving = true;
    try {
      this.#inbox.push(chunk);
    } catch (error) {
      this.#failed(error);
    }
    this.#receiving = false;
    this.#gate.check();
    return !this.#gate.paused && !this.#ended;
  }

  #failed(error: unknown): void {
    const message = describeError(error);
    if (error instanceof ProtocolError) {
      this.#environment.counters.add("protocol_errors", { label: error.rule });
      this.send({ type: "error", streamId: undefined, code: "protocol_error", message });
    }
    this.#end({ code: "protocol_error", message });
  }

  #message(message: Exclude<ControlMessage, StreamMessage>): void {
    if (!this.#established && !message.type.startsWith("handshake") && message.type !== "error") {
      throw new ProtocolError("not_authenticated", `Received ${message.type} before the handshake was over`);
    }
    if (message.type === "heartbeat") this.send({ type: "heartbeat_ack", timestamp: message.timestamp });
    else if (message.type === "heartbeat_ack") {
      if (!this.#transmitter.answered(message.timestamp)) this.#heart.acknowledged(message, this.extended);
    } else this.#owner.message(message);
  }

  #goAway(code: GoAwayCode): void {
    if (this.#goAwayReceived) return; // Once is enough; to act on each would cost more than to send it.
    this.#goAwayReceived = true;
    this.#owner.goAway(code);
  }

  #peerOpens(message: OpenStream): Refusal | undefined {
    if (this.#refusesStreams) return { text: "Stopping", busy: true };
    const full = this.#gate.lackOfRoom(this.#streams.size, this.#limits.maxStreams);
    if (full !== undefined) return { text: full, busy: true };
    const stream = this.#addStream(message, false);
    const text = this.#owner.peerOpened(stream);
    stream.forgetHeaders();
    if (text === undefined) return undefined;
    this.#streams.delete(stream.id);
    return { text, busy: false };
  }

  #addStream(message: OpenStream, local: boolean): MuxStream {
    const { windowBytes, maxWindowBytes } = this.#limits;
    const window = { initialBytes: windowBytes, maxBytes: maxWindowBytes };
    const stream = new MuxStream(this.#streamHost, {
      id: message.streamId,
      protocol: message.protocol,
      priority: message.priority,
      headers: message.headers,
      sendCredit: new SendCredit(this.#peerWindowBytes ?? Infinity),
      receiveWindow: this.extended ? new ReceiveWindow(window, this.#growth) : undefined,
      awaitsAccept: local && this.extended,
      opener: local,
      halfClose: this.extended,
    });
    this.#streams.set(stream.id, stream);
    this.#environment.counters.add("streams_opened", { label: local ? "local" : "peer" });
    return stream;
  }

  #closeStream(stream: MuxStream, reason: CloseReason): void {
    const { extended } = this;
    // A peer of version 1 has had this side's CloseStream when its direction ended.
    if (extended || !stream.localEnded) this.#sendOwn({ type: "close_stream", streamId: stream.id, reason });
    // After both ends the peer may have forgotten the stream and not answer. In version 1 it never answers, and its end was
    // its last word.
    if (stream.remoteEnded && (stream.localEnded || !extended)) return;
    this.#inbox.closedStreams.add(stream.id, stream.receiveCreditBytes);
  }

  #forget(stream: MuxStream, reason: CloseReason | undefined): void {
    this.#streams.delete(stream.id);
    this.#inbox.streamEnded();
    if (reason !== undefined && reason.kind !== "normal") {
      this.#environment.counters.add("streams_reset", { label: reason.kind });
    }
    if (this.#streams.size > 0) return;
    if (this.#ended) this.#sweeper.stop();
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  #wantsToSend(stream: MuxStream, atOnce: boolean): void {
    if (this.#ended) return;
    this.#transmitter.outbox.enqueue(stream);
    // A chunk from the peer may make many streams send: their frames are to leave together.
    if (atOnce && !this.#receiving) this.#transmitter.hurry();
    else this.#transmitter.schedule();
  }

  #controlQueued(fits: boolean): void {
    if (fits) this.#transmitter.schedule();
    else this.#end({ code: "write_stalled", message: "The peer does not read what is sent to it" });
  }

  #end(end: SessionEnd): void {
    if (this.#ended) return;
    this.#transmitter.flush(); // The last control frames say why; more than that is not waited for.
    if (this.#ended) return;
    this.#ended = true;
    this.#transmitter.stop();
    this.#inbox.stop();
    this.#heart.stop();
    const reason: CloseReason = { kind: "error", message: "The tunnel session ended" };
    for (const stream of [...this.#streams.values()]) stream.sessionEnded(reason);
    if (this.#streams.size > 0) this.#sweeper.onlyStreams();
    else this.#sweeper.stop();
    this.connection.close();
    this.#owner.ended(end);
  }
}
