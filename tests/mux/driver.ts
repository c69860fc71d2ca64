/**
 * A stream's handler for tests. What it sends is a function of stream, direction and position, so that the other side knows
 * every byte that must come; it touches memory again as early as the contract allows, so that a use after that shows.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Slab } from "../../src/mux/slabs.ts";
import type { MuxStream, StreamHandler } from "../../src/mux/stream.ts";
import type { CloseReason } from "../../src/wire/messages.ts";

const HEADROOM_BYTES = 16;

interface Piece {
  readonly bytes: Uint8Array;
  readonly slab: Slab | undefined;
}

/** The byte at a position of what one side sends on a stream. */
function byteAt(streamId: number, sender: "opener" | "acceptor", position: number): number {
  const salt = streamId * 31 + (sender === "opener" ? 0 : 17);
  return (position + (position >>> 8) * 7 + (position >>> 16) * 13 + salt) & 0xff;
}

/** Drives one side of one stream. */
export class Driver implements StreamHandler {
  /** The stream. */
  readonly stream: MuxStream;
  /** How often the peer accepted it. */
  acceptances = 0;
  /** Bytes handed to `send` whose memory is free again. */
  sentBytes = 0;
  /** Bytes that arrived, consumed or not. */
  receivedBytes = 0;
  /** Bytes that were consumed. */
  consumedBytes = 0;
  /** Whether what arrives is consumed at once. */
  eager = true;
  /** Whether what arrives is compared with what the other side's driver sends. */
  checks = true;
  /** Most bytes of one chunk. */
  chunkBytes = 64 * 1024;
  /** Whether chunks have room for a header in front. */
  headroom = true;
  /** Whether the peer's direction has ended. */
  ended = false;
  /** Every call of `close`. */
  readonly closes: (CloseReason | undefined)[] = [];
  readonly #opener: boolean;
  #backlog = 0;
  #offset = 0;
  #chunk: Uint8Array | undefined;
  #chunkBytes = 0;
  #endWanted = false;
  #waiting: Piece[] = [];

  /** Attaches itself. @param stream The stream. @param opener Who opened it. */
  constructor(stream: MuxStream, opener: "local" | "peer") {
    this.stream = stream;
    this.#opener = opener === "local";
    stream.attach(this);
  }

  /** For messages. */
  get name(): string {
    return `stream ${this.stream.id} of its ${this.#opener ? "opener" : "acceptor"}`;
  }

  /** Bytes that were asked to be sent. */
  get queuedBytes(): number {
    return this.#offset + this.#backlog;
  }

  /** Whether the stream is over. */
  get closed(): boolean {
    return this.closes.length > 0;
  }

  /** Whether both directions ended as they should. */
  get clean(): boolean {
    return this.closes.length === 1 && this.closes[0] === undefined;
  }

  /** Sends so many bytes more. */
  send(bytes: number): void {
    if (this.#endWanted) return;
    this.#backlog += bytes;
    this.#pump();
  }

  /** @inheritdoc */
  end(): void {
    assert(!this.ended, `${this.name}: a second end`);
    assert.equal(this.closes.length, 0, `${this.name}: an end after the close`);
    this.ended = true;
  }

  /** Ends this direction after what was sent. */
  finish(): void {
    if (this.#endWanted) return;
    this.#endWanted = true;
    this.#pump();
  }

  /** Resets the stream. */
  reset(): void {
    this.stream.reset({ kind: "error", message: "reset by the test" });
  }

  /** Consumes up to `bytes` of what waits. */
  consume(bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const piece = this.#waiting[0];
      if (piece === undefined) return;
      const part = piece.bytes.subarray(0, left);
      left -= part.length;
      this.#check(part);
      if (part.length === piece.bytes.length) {
        this.#waiting.shift();
        piece.slab?.release();
      } else this.#waiting[0] = { bytes: piece.bytes.subarray(part.length), slab: piece.slab };
      this.stream.consumed(part.length);
    }
  }

  /** Consumes everything, now and from now on. */
  relax(): void {
    this.eager = true;
    this.consume(Infinity);
  }

  /** @inheritdoc */
  data(bytes: Uint8Array, slab: Slab): void {
    assert(!this.ended, `${this.name}: data after the end`);
    assert.equal(this.closes.length, 0, `${this.name}: data after the close`);
    this.receivedBytes += bytes.length;
    if (this.eager && this.#waiting.length === 0) {
      this.#check(bytes);
      return this.stream.consumed(bytes.length);
    }
    if (slab.mayPin) {
      slab.retain();
      this.#waiting.push({ bytes, slab });
    } else this.#waiting.push({ bytes: bytes.slice(), slab: undefined });
  }

  /** @inheritdoc */
  sendable(): void {
    assert.equal(this.closes.length, 0, `${this.name}: sendable after the close`);
    assert(!this.#endWanted || this.#chunk !== undefined, `${this.name}: sendable after its end`);
    this.#chunkDone();
    this.#pump();
  }

  /** @inheritdoc */
  accepted(): void {
    this.acceptances++;
  }

  /** @inheritdoc */
  close(reason: CloseReason | undefined): void {
    this.closes.push(reason);
    if (reason === undefined) {
      assert(this.ended, `${this.name}: a clean close without the peer's end`);
      assert.equal(
        this.consumedBytes,
        this.receivedBytes,
        `${this.name}: a clean close before all was consumed`,
      );
      this.sentBytes = this.#offset;
    }
    for (const piece of this.#waiting) piece.slab?.release();
    this.#waiting = [];
  }

  #pump(): void {
    if (this.closed || this.#chunk !== undefined) return;
    const bytes = Math.min(this.#backlog, this.chunkBytes);
    if (bytes > 0) {
      const start = this.headroom ? HEADROOM_BYTES : 3;
      const chunk = new Uint8Array(start + bytes);
      for (let i = 0; i < bytes; i++) chunk[start + i] = this.#sendByte(this.#offset + i);
      this.#chunk = chunk;
      this.#chunkBytes = bytes;
      this.#backlog -= bytes;
      this.#offset += bytes;
      this.stream.send(chunk, start, this.headroom);
    }
    if (this.#endWanted && this.#backlog === 0) this.stream.endSending();
  }

  #sendByte(position: number): number {
    return byteAt(this.stream.id, this.#opener ? "opener" : "acceptor", position);
  }

  /** The memory is ours again: without headroom it must be as it was, and from now on it holds something else. */
  #chunkDone(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    if (!this.headroom) assert(chunk[0] === 0 && chunk[1] === 0 && chunk[2] === 0, "wrote before the chunk");
    chunk.fill(0xee);
    this.sentBytes += this.#chunkBytes;
    this.#chunk = undefined;
  }

  #check(bytes: Uint8Array): void {
    const sender = this.#opener ? "acceptor" : "opener";
    for (let i = 0; this.checks && i < bytes.length; i++) {
      if (bytes[i] !== byteAt(this.stream.id, sender, this.consumedBytes + i)) {
        assert.fail(`${this.name}: wrong byte at ${this.consumedBytes + i}`);
      }
    }
    this.consumedBytes += bytes.length;
  }
}
