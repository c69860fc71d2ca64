/**
 * One stream inside a session: two directions, each with its own end and its own credit.
 *
 * @module
 */
import type { CloseReason, Priority, Protocol } from "../wire/messages.ts";
import type { ReceiveWindow, SendCredit } from "./credit.ts";
import type { Sender } from "./outbox.ts";
import type { Slab } from "./slabs.ts";
import type { StreamHandler, StreamOptions, StreamWaits } from "./stream_types.ts";

export type { StreamHandler, StreamOptions, StreamWaits };

/** What a stream needs of its session. */
export interface StreamHost {
  /** The stream has something to send; `atOnce` if nothing else is expected that could leave together with it. */
  wantsToSend(stream: MuxStream, atOnce: boolean): void;
  /** Gives the peer credit. */
  giveCredit(stream: MuxStream, bytes: number): void;
  /** Tells the peer that the stream was accepted. */
  sendAccepted(stream: MuxStream): void;
  /** Tells the peer that the stream is closed. */
  sendClose(stream: MuxStream, reason: CloseReason): void;
  /** Tells a peer that knows no END that this direction has ended. */
  sendEndAsClose(stream: MuxStream): void;
  /** The stream is over; nothing of it is needed any more. */
  forget(stream: MuxStream, reason: CloseReason | undefined): void;
  /** Bytes of payload are being sent. */
  sending(bytes: number): void;
  /** Bytes of the stream wait in memory (positive) or have left it (negative). */
  bufferedChanged(stream: MuxStream, bytes: number): void;
  /** Bytes wait for the peer to give credit (positive), or do so no longer (negative). */
  stalledSendChanged(bytes: number): void;
  /** Who stands between the stream and its handler, if its rate is limited. */
  paced(stream: MuxStream, handler: StreamHandler): StreamHandler | undefined;
}

const NO_HEADERS: StreamOptions["headers"] = [];

/**
 * With less credit than this, or than an eighth of the peer's first window, no new chunk is asked for: a few bytes left of a
 * window would make a frame of their own, and a read and a write at either end. The peer cannot be waiting for them: it
 * gives credit back when half a window has been consumed, and all of the window but these few bytes is with it.
 */
const LEAST_CREDIT_BYTES = 4096;

/** A stream. Made by a session; used through a {@linkcode StreamHandler}. */
export class MuxStream implements Sender {
  readonly id: number;
  readonly protocol: Protocol;
  readonly priority: Priority;
  /** This and the next six are told of in {@linkcode Sender}. */
  chunk: Uint8Array | undefined;
  chunkStart = 0;
  headroom = false;
  endQueued = false;
  meanBytes = 0;
  queued = false;
  next: Sender | undefined;
  /** Whether this side has accepted what the peer opened. */
  acceptSent = false;
  /** For the session's timer. */
  readonly waits: StreamWaits = { accept: 0, reader: 0, idle: 0 };

  readonly #host: StreamHost;
  readonly #sendCredit: SendCredit;
  readonly #leastCreditBytes: number;
  readonly #receiveWindow: ReceiveWindow | undefined;
  #handler: StreamHandler | undefined;
  #headers: StreamOptions["headers"];
  readonly #opener: boolean;
  readonly #halfClose: boolean;
  #awaitsAccept: boolean;
  #localEnded = false;
  #remoteEnded = false;
  #closed = false;
  #wantsCredit = false;
  #bufferedBytes = 0;
  #stalledSendBytes = 0;
  #sentBytes = 0;
  /** Set by a normal close that waits for what has arrived. */
  #closeReason: CloseReason | undefined;

  /** @param host The session. @param options What is known from the start. */
  constructor(host: StreamHost, options: StreamOptions) {
    this.#host = host;
    this.id = options.id;
    this.protocol = options.protocol;
    this.priority = options.priority;
    this.#headers = options.headers;
    this.#sendCredit = options.sendCredit;
    this.#leastCreditBytes = Math.min(LEAST_CREDIT_BYTES, options.sendCredit.available / 8);
    this.#receiveWindow = options.receiveWindow;
    this.#awaitsAccept = options.awaitsAccept;
    this.#opener = options.opener;
    this.#halfClose = options.halfClose;
  }

  /** Bytes that the peer's window allows now. */
  get creditBytes(): number {
    return this.#sendCredit.available;
  }

  /** Bytes the peer may still send. Unlimited without flow control. */
  get receiveCreditBytes(): number {
    return this.#receiveWindow?.creditBytes ?? Infinity;
  }

  /** Whether the peer knows END, and answers a CloseStream. In version 1 each side's CloseStream is its END. */
  get knowsHalfClose(): boolean {
    return this.#halfClose;
  }

  /** Whether this side opened it. */
  get opener(): boolean {
    return this.#opener;
  }

  /** Bytes that arrived and were not consumed. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Bytes that were found to wait for credit when the session's timer last looked. */
  get stalledSendBytes(): number {
    return this.#stalledSendBytes;
  }

  /** Whether the peer has not answered the opening yet. */
  get awaitsAccept(): boolean {
    return this.#awaitsAccept;
  }

  /** Whether exactly one direction has ended. */
  get halfClosed(): boolean {
    return this.#localEnded !== this.#remoteEnded;
  }

  /** Whether this side's direction has ended. */
  get localEnded(): boolean {
    return this.#localEnded;
  }

  /** Whether the peer's direction has ended. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Whether the stream is over. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Says who handles the stream. Called once, by whoever opened it or in the call that told of it. */
  attach(handler: StreamHandler): void {
    this.#handler = this.#host.paced(this, handler) ?? handler;
  }

  /** Bytes that were sent since this was asked last. */
  takeSentBytes(): number {
    const bytes = this.#sentBytes;
    this.#sentBytes = 0;
    return bytes;
  }

  /** Names and values from the OpenStream; none after the call that told of the stream. */
  get headers(): StreamOptions["headers"] {
    return this.#headers;
  }

  /** Nobody asks for the headers any more: of thousands of idle streams they would be a good part of the memory. */
  forgetHeaders(): void {
    this.#headers = NO_HEADERS;
  }

  /** The value of a header of the OpenStream. */
  header(name: string): string | undefined {
    return this.headers.find(([key]) => key === name)?.[1];
  }

  /** Accepts a stream that the peer opened. A peer of version 1 does not wait for that, and is not told. */
  accept(): void {
    this.acceptSent = true;
    if (!this.#closed && this.#halfClose) this.#host.sendAccepted(this);
  }

  /**
   * Sends `chunk` from `start` to its end, in one frame or several. `sendable` tells when it is done; until then the memory
   * may not change, and `send` may not be called again. After the stream has closed it does nothing.
   *
   * @param chunk Not empty from `start`.
   * @param start Where the payload begins.
   * @param headroom Whether the ten bytes before `start` may be overwritten.
   */
  send(chunk: Uint8Array, start: number, headroom: boolean): void {
    if (this.#take(chunk, start, headroom)) this.#host.wantsToSend(this, false);
  }

  /** Like `send`, but writes before it returns if it can: `sendable` may be called meanwhile. */
  sendNow(chunk: Uint8Array, start: number, headroom: boolean): void {
    if (this.#take(chunk, start, headroom)) this.#host.wantsToSend(this, true);
  }

  /** @returns whether some of it can be sent now */
  #take(chunk: Uint8Array, start: number, headroom: boolean): boolean {
    if (this.#closed || this.#closeReason !== undefined) return false;
    if (this.chunk !== undefined) {
      throw new TypeError(`Cannot send on stream ${this.id}: a chunk is being sent`);
    }
    if (this.endQueued) throw new TypeError(`Cannot send on stream ${this.id}: its direction has ended`);
    this.chunk = chunk;
    this.chunkStart = start;
    this.headroom = headroom;
    return this.creditBytes > 0;
  }

  /** Ends this direction after what was given to `send`. */
  endSending(): void {
    if (this.#closed || this.endQueued || this.#closeReason !== undefined) return;
    this.endQueued = true;
    if (!this.#halfClose) {
      if (this.chunk === undefined) this.#endAsClose();
      return;
    }
    if (this.chunk === undefined || this.creditBytes > 0) this.#host.wantsToSend(this, false);
  }

  /** Ends the stream in both directions at once. What was not sent yet is dropped. */
  reset(reason: CloseReason): void {
    if (this.#closed) return;
    if (this.#closeReason === undefined) this.#host.sendClose(this, reason); // Else the peer has closed it already.
    this.#finish(reason);
  }

  /** Bytes given to `data` have left memory. */
  consumed(bytes: number): void {
    if (this.#closed) return;
    this.#bufferedBytes -= bytes;
    this.waits.reader = 0;
    this.waits.idle = 0;
    this.#host.bufferedChanged(this, -bytes);
    if (this.#remoteEnded) return this.#finishIfDone();
    if (this.#receiveWindow === undefined) return;
    const increment = this.#receiveWindow.consume(bytes);
    if (increment > 0) this.#host.giveCredit(this, increment);
  }

  /**
   * Called by the session's timer: counts what waits for credit. Not counted when it comes, since mostly credit does too,
   * and at once.
   */
  recountStalledSend(): void {
    const waits = this.chunk !== undefined && this.creditBytes === 0;
    this.#setStalledSend(waits ? (this.chunk?.length ?? 0) - this.chunkStart : 0);
  }

  #setStalledSend(bytes: number): void {
    const change = bytes - this.#stalledSendBytes;
    if (change === 0) return;
    this.#stalledSendBytes = bytes;
    this.#host.stalledSendChanged(change);
  }

  /** See {@linkcode Sender}. */
  framed(bytes: number, ended: boolean): void {
    this.chunkStart += bytes;
    this.#sentBytes += bytes;
    this.#sendCredit.spend(bytes);
    this.#host.sending(bytes);
    if (this.#stalledSendBytes > 0) this.#setStalledSend(0);
    this.waits.idle = 0;
    if (ended) this.#localEnded = true;
  }

  /** See {@linkcode Sender}. */
  released(): void {
    if (this.#closed) return;
    if (this.chunk !== undefined && this.chunkStart < this.chunk.length) {
      if (this.creditBytes > 0) this.#host.wantsToSend(this, false);
      return;
    }
    this.chunk = undefined;
    if (this.#localEnded) this.#finishIfDone();
    else if (this.endQueued && !this.#halfClose) this.#endAsClose();
    else if (this.endQueued) this.#host.wantsToSend(this, false);
    else if (this.creditBytes >= this.#leastCreditBytes) this.#handler?.sendable();
    else this.#wantsCredit = true;
  }

  /** The session received credit for this stream. */
  creditReceived(bytes: number): void {
    this.#sendCredit.grant(bytes);
    if (this.chunk !== undefined) this.#host.wantsToSend(this, false);
    else if (this.#wantsCredit && this.creditBytes >= this.#leastCreditBytes) {
      this.#wantsCredit = false;
      this.#handler?.sendable();
    }
  }

  /** The session received the header of a data frame. @throws {ProtocolError} beyond the window */
  headerReceived(payloadBytes: number): void {
    this.#receiveWindow?.receive(payloadBytes);
  }

  /** The session received payload. */
  dataReceived(piece: Uint8Array, slab: Slab): void {
    if (this.#closed) return;
    this.#bufferedBytes += piece.length;
    this.waits.idle = 0;
    this.#host.bufferedChanged(this, piece.length);
    this.#handler?.data(piece, slab);
  }

  /** The session received the end of the peer's direction. */
  endReceived(): void {
    if (this.#closed) return;
    this.#remoteEnded = true;
    this.#handler?.end();
    this.#finishIfDone();
  }

  /** The session received the peer's acceptance. */
  acceptReceived(): void {
    if (this.#closed || !this.#awaitsAccept) return;
    this.#awaitsAccept = false;
    this.#handler?.accepted();
  }

  /**
   * The peer closed the stream. After a normal close, what has arrived is still delivered; the stream counts until then.
   */
  closeReceived(reason: CloseReason): void {
    if (this.#closed) return;
    if (!this.#halfClose) return this.#closeReceivedAsEnd(reason);
    if (reason.kind !== "normal") return this.#finish(reason);
    this.#closeReason = reason;
    this.#localEnded = true;
    this.chunk = undefined;
    this.endQueued = false;
    if (!this.#remoteEnded) this.endReceived();
    else this.#finishIfDone();
  }

  /** The session is over. If the peer had said everything, what waits for the reader is still delivered. */
  sessionEnded(reason: CloseReason): void {
    if (this.#closed) return;
    if (!this.#remoteEnded) return this.#finish(reason);
    if (!this.#localEnded) this.#closeReason = { kind: "normal" };
    this.#localEnded = true;
    this.chunk = undefined;
    this.endQueued = false;
    this.#finishIfDone();
  }

  /**
   * In version 1 CloseStream is what ends a direction: its receiver reads nothing more, but goes on sending until it has
   * sent its own. So a service sees its visitor's end, and its answer still arrives.
   */
  #endAsClose(): void {
    this.#localEnded = true;
    this.waits.idle = 0;
    this.#host.sendEndAsClose(this);
    this.#finishIfDone();
  }

  /** The other side of {@linkcode MuxStream.#endAsClose}. The peer keeps the stream until it has this side's close. */
  #closeReceivedAsEnd(reason: CloseReason): void {
    if (reason.kind === "normal") {
      if (!this.#remoteEnded) this.endReceived();
      return;
    }
    this.#remoteEnded = true;
    if (!this.#localEnded) this.#host.sendEndAsClose(this);
    this.#finish(reason);
  }

  /** Both directions have ended, and every byte is where it belongs. */
  #finishIfDone(): void {
    if (this.#closed || !this.#localEnded || !this.#remoteEnded) return;
    if (this.chunk === undefined && this.#bufferedBytes === 0) this.#finish(this.#closeReason);
  }

  #finish(reason: CloseReason | undefined): void {
    this.#closed = true;
    this.chunk = undefined;
    this.endQueued = false;
    this.#receiveWindow?.close();
    this.#setStalledSend(0);
    const bufferedBytes = this.#bufferedBytes;
    this.#bufferedBytes = 0;
    this.#host.bufferedChanged(this, -bufferedBytes);
    this.#host.forget(this, reason);
    this.#handler?.close(reason);
  }
}
