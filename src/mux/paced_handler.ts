/**
 * Paces a stream between its session and its handler: what arrives is handed on, and what is to be sent is asked for, no
 * faster than a rate allows.
 *
 * @module
 */
import type { CloseReason } from "../wire/messages.ts";
import type { Flow, Pacer } from "./pacer.ts";
import { type Slab, SlabReader } from "./slabs.ts";
import type { MuxStream } from "./stream.ts";
import type { StreamHandler } from "./stream_types.ts";
import type { BufferPool } from "./buffer_pool.ts";

/** Bytes that have to wait are copied if they are fewer, so that they do not keep a whole slab from being reused. */
const COPY_BELOW_BYTES = 16 * 1024;

/** The rates of one token: one for each direction. */
export interface Pacers {
  /** Towards the peer. */
  readonly sent: Pacer;
  /** From the peer. */
  readonly received: Pacer;
}

/** Options of {@linkcode PacedHandler}. */
export interface PacedHandlerOptions {
  readonly stream: MuxStream;
  /** Who handles the stream. */
  readonly handler: StreamHandler;
  readonly pacers: Pacers;
  /** Lends memory. */
  readonly pool: BufferPool;
}

interface Held {
  readonly piece: Uint8Array;
  readonly slab: Slab;
}

/**
 * Stands in front of a handler. What arrives waits here, within the stream's window, until it is its turn. What was sent is
 * paid for before the handler is asked for more.
 */
export class PacedHandler implements StreamHandler {
  readonly #stream: MuxStream;
  readonly #handler: StreamHandler;
  readonly #pacers: Pacers;
  readonly #copies: SlabReader;
  readonly #held: Held[] = [];
  /** Bytes of the first that have been handed on. */
  #heldStart = 0;
  #endHeld = false;
  /** Whether the stream has asked for the next chunk while the last one is not paid for. */
  #sendableHeld = false;
  #closed = false;
  readonly #receiving: Flow = { wanted: 0, granted: (bytes) => this.#handOn(bytes) };
  readonly #sending: Flow = { wanted: 0, granted: () => this.#paid() };

  /** @param options Stream, handler and rates. */
  constructor({ stream, handler, pacers, pool }: PacedHandlerOptions) {
    this.#stream = stream;
    this.#handler = handler;
    this.#pacers = pacers;
    this.#copies = new SlabReader(pool);
  }

  /** @inheritdoc */
  data(piece: Uint8Array, slab: Slab): void {
    this.#held.push(this.#hold(piece, slab));
    this.#pacers.received.want(this.#receiving, piece.length);
  }

  /** @inheritdoc */
  end(): void {
    if (this.#held.length > 0) this.#endHeld = true;
    else this.#handler.end();
  }

  /** @inheritdoc */
  sendable(): void {
    const bytes = this.#stream.takeSentBytes();
    this.#sendableHeld = true;
    if (bytes === 0) this.#paid();
    else this.#pacers.sent.want(this.#sending, bytes);
  }

  /** @inheritdoc */
  accepted(): void {
    this.#handler.accepted();
  }

  /** @inheritdoc */
  close(reason: CloseReason | undefined): void {
    // The last bytes may have been what the stream waited for: its end goes before its close.
    if (this.#held.length === 0) this.#endIfHeld();
    this.#closed = true;
    this.#pacers.received.forget(this.#receiving);
    this.#pacers.sent.forget(this.#sending);
    for (const { slab } of this.#held.splice(0)) slab.release();
    this.#handler.close(reason);
  }

  #hold(piece: Uint8Array, slab: Slab): Held {
    const kept = piece.length >= COPY_BELOW_BYTES && slab.mayPin;
    const copy = kept ? piece : piece.slice();
    const owner = kept ? slab : this.#copies.arrived(copy);
    owner.retain();
    return { piece: copy, slab: owner };
  }

  #handOn(bytes: number): void {
    let left = bytes;
    while (left > 0 && !this.#closed) {
      const first = this.#held[0];
      if (first === undefined) return;
      const { piece, slab } = first;
      const start = this.#heldStart;
      const end = Math.min(piece.length, start + left);
      left -= end - start;
      this.#heldStart = end;
      if (end === piece.length) {
        this.#held.shift();
        this.#heldStart = 0;
      }
      this.#handler.data(start === 0 && end === piece.length ? piece : piece.subarray(start, end), slab);
      if (end === piece.length) slab.release();
    }
    if (this.#held.length === 0 && !this.#closed) this.#endIfHeld();
  }

  #endIfHeld(): void {
    if (!this.#endHeld) return;
    this.#endHeld = false;
    this.#handler.end();
  }

  #paid(): void {
    if (this.#sending.wanted > 0 || !this.#sendableHeld || this.#closed) return;
    this.#sendableHeld = false;
    this.#handler.sendable();
  }
}
