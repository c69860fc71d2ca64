/**
 * What waits to be sent on a stream: a head with the beginning of its body in one frame, then pieces as they are.
 *
 * @module
 */
import type { ForwardedRequest } from "../../http/forward.ts";
import { requestHeadBytes, writeRequestHead } from "../../http/head_encoder.ts";
import { type BufferPool, MAX_BUFFER_BYTES } from "../../mux/buffer_pool.ts";
import type { MuxStream } from "../../mux/stream.ts";
import { HEADROOM_BYTES } from "../../tunnel/read_buffer.ts";

/** Pieces up to this size go together with what waits already. */
const JOIN_UP_TO_BYTES = 8 * 1024;

/** Who is told that there is room. */
export interface SenderOwner {
  requestMore(): void;
}

interface Piece {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly headroom: boolean;
}

/** Sends on one stream. Nothing is sent before {@linkcode OriginSender.flush}. */
export class OriginSender {
  readonly #stream: MuxStream;
  readonly #pool: BufferPool;
  readonly #owner: SenderOwner;
  /** Head, and small pieces behind it. */
  #gather: Uint8Array | undefined;
  #gatherEnd = 0;
  /** Chunks that were made here. */
  #own: Uint8Array[] = [];
  /** A piece that is lent. */
  #lent: Piece | undefined;
  #sending: "nothing" | "gather" | "own" | "lent" = "nothing";
  #endWanted = false;
  #closed = false;

  /** @param stream Where to. @param pool Lends memory. @param owner Who is told that there is room. */
  constructor(stream: MuxStream, pool: BufferPool, owner: SenderOwner) {
    this.#stream = stream;
    this.#pool = pool;
    this.#owner = owner;
  }

  /** Whether nothing waits or is under way. */
  get idle(): boolean {
    return this.#sending === "nothing" && this.#gather === undefined && this.#lent === undefined &&
      this.#own.length === 0;
  }

  /** Writes a head. Only while idle. @throws {TypeError} when something in it cannot stand in a head */
  head(request: ForwardedRequest): void {
    const bytes = HEADROOM_BYTES + requestHeadBytes(request);
    const buffer = bytes <= MAX_BUFFER_BYTES ? this.#pool.take(bytes) : new Uint8Array(bytes);
    this.#gatherEnd = writeRequestHead(request, buffer, HEADROOM_BYTES);
    this.#gather = buffer;
  }

  /** Takes a piece. @returns whether it was copied; otherwise its memory is lent */
  piece(buffer: Uint8Array, start: number, headroom: boolean): boolean {
    if (this.#closed) return true;
    const bytes = buffer.length - start;
    const gather = this.#gather;
    const joins = this.#sending === "nothing" && gather !== undefined && bytes <= JOIN_UP_TO_BYTES &&
      gather.length - this.#gatherEnd >= bytes;
    if (joins) {
      gather.set(start === 0 ? buffer : buffer.subarray(start), this.#gatherEnd);
      this.#gatherEnd += bytes;
      return true;
    }
    this.#lent = { buffer, start, headroom };
    return false;
  }

  /** Takes bytes that belong to it from now on; `requestMore` tells when they have gone. */
  own(bytes: Uint8Array): void {
    if (!this.#closed) this.#own.push(bytes);
  }

  /** Ends the direction after what waits. */
  end(): void {
    this.#endWanted = true;
  }

  /** Sends what waits, now or when the stream takes it. */
  flush(): void {
    if (this.#sending !== "nothing" || this.#closed) return;
    const gather = this.#gather;
    const own = this.#own[0];
    const lent = this.#lent;
    if (gather !== undefined) {
      this.#sending = "gather";
      this.#stream.send(gather.subarray(0, this.#gatherEnd), HEADROOM_BYTES, true);
    } else if (own !== undefined) {
      this.#sending = "own";
      this.#stream.send(own, 0, false);
    } else if (lent !== undefined) {
      this.#sending = "lent";
      this.#stream.send(lent.buffer, lent.start, lent.headroom);
    } else if (this.#endWanted) {
      this.#endWanted = false;
      this.#stream.endSending();
    }
  }

  /** The stream has sent what it was given last. */
  sent(): void {
    const sent = this.#sending;
    this.#sending = "nothing";
    if (sent === "gather") {
      if (this.#gather !== undefined) this.#give(this.#gather);
      this.#gather = undefined;
    } else if (sent === "own") this.#own.shift();
    else if (sent === "lent") this.#lent = undefined;
    this.flush();
    if (this.#sending === "nothing" && !this.#closed && sent !== "gather") this.#owner.requestMore();
  }

  /** The stream is over. What is being sent may still be in use: its memory is left to the garbage collector. */
  close(): void {
    this.#closed = true;
    if (this.#gather !== undefined && this.#sending !== "gather") this.#give(this.#gather);
    this.#gather = this.#lent = undefined;
    this.#own = [];
  }

  #give(buffer: Uint8Array): void {
    if (buffer.length <= MAX_BUFFER_BYTES) this.#pool.give(buffer);
  }
}
