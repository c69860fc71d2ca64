/**
 * What waits for a visitor's socket: small pieces gathered into one write, large ones as views of the memory they came in.
 *
 * @module
 */
import { type BufferPool, MAX_BUFFER_BYTES } from "../../mux/buffer_pool.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { Connection } from "../../runtime/types.ts";
import type { PieceSource } from "./sides.ts";

/** Size of a gathered write; a head that is larger gets a buffer of its own. */
const GATHER_BYTES = 16 * 1024;
/** Size at first: most answers fit. */
const SMALL_GATHER_BYTES = 4 * 1024;
/** Pieces up to this size are copied; above it, a write of their own is cheaper than the copy. */
const COPY_UP_TO_BYTES = 8 * 1024;

/** Bytes that wait. */
interface Entry {
  readonly buffer: Uint8Array;
  end: number;
  /** What `buffer` is a view of; undefined when it is from the pool, or belongs to nobody. */
  readonly slab: Slab | undefined;
  readonly pooled: boolean;
  /** Who is told how many bytes have left. */
  source: PieceSource | undefined;
  credit: number;
}

/** Writes to a connection, in order. Nothing is written before {@linkcode Output.flush}. */
export class Output {
  readonly #connection: Connection;
  readonly #pool: BufferPool;
  readonly #onEmpty: () => void;
  #gather: Entry | undefined;
  #queue: Entry[] = [];
  #writing: Entry | undefined;
  #closed = false;

  /** @param connection Where to. @param pool Lends memory. @param onEmpty Everything that was flushed is with the kernel. */
  constructor(connection: Connection, pool: BufferPool, onEmpty: () => void) {
    this.#connection = connection;
    this.#pool = pool;
    this.#onEmpty = onEmpty;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#writing === undefined && this.#gather === undefined && this.#queue.length === 0;
  }

  /**
   * Lends room for at most `bytes` at the end of what is gathered; {@linkcode Output.used} says how many were written.
   *
   * @returns the buffer, of which the room begins at `start`
   */
  room(bytes: number): { readonly buffer: Uint8Array; readonly start: number } {
    const entry = this.#roomFor(bytes);
    return { buffer: entry.buffer, start: entry.end };
  }

  /** Bytes of the room that was lent last. */
  used(bytes: number): void {
    if (this.#gather !== undefined) this.#gather.end += bytes;
  }

  /** Copies bytes. */
  copy(bytes: Uint8Array): void {
    const entry = this.#roomFor(bytes.length);
    entry.buffer.set(bytes, entry.end);
    entry.end += bytes.length;
  }

  /**
   * Takes a piece of a body.
   *
   * @param piece Not empty.
   * @param slab What it is a view of; undefined when it belongs to the output from now on.
   * @param source Who is told when it has left.
   */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void {
    if (this.#closed) return;
    const bytes = piece.length;
    if (bytes <= COPY_UP_TO_BYTES || (slab !== undefined && !slab.mayPin)) {
      const gather = this.#gather;
      // One entry has one source: what another exchange left there goes first.
      if (gather?.source !== undefined && gather.source !== source) this.#closeGather();
      const entry = this.#roomFor(bytes);
      entry.buffer.set(piece, entry.end);
      entry.end += bytes;
      entry.source = source;
      entry.credit += bytes;
      return;
    }
    this.#closeGather();
    slab?.retain();
    this.#queue.push({ buffer: piece, end: bytes, slab, pooled: false, source, credit: bytes });
  }

  /** Writes what was gathered, now or when the kernel takes it. */
  flush(): void {
    if (this.#writing !== undefined || this.#closed) return;
    this.#writeNext();
  }

  /** The connection has taken the write that was in flight. */
  drained(): void {
    const entry = this.#writing;
    if (entry === undefined) return;
    this.#writing = undefined;
    this.#done(entry);
    this.#writeNext();
  }

  /** The connection is gone: what waits is dropped. */
  close(): void {
    this.#closed = true;
    const waiting = this.#queue;
    this.#queue = [];
    if (this.#writing !== undefined) this.#free(this.#writing);
    for (const entry of waiting) this.#free(entry);
    if (this.#gather !== undefined) this.#free(this.#gather);
    this.#writing = this.#gather = undefined;
  }

  #writeNext(): void {
    while (this.#writing === undefined && !this.#closed) {
      let entry = this.#queue.shift();
      if (entry === undefined) {
        entry = this.#gather;
        this.#gather = undefined;
      }
      if (entry === undefined) return this.#onEmpty();
      this.#writing = entry;
      const { buffer, end } = entry;
      if (!this.#connection.write(end === buffer.length ? buffer : buffer.subarray(0, end))) return;
      this.#writing = undefined;
      this.#done(entry);
    }
  }

  #done(entry: Entry): void {
    this.#free(entry);
    if (entry.credit > 0) entry.source?.consumed(entry.credit);
  }

  #free(entry: Entry): void {
    entry.slab?.release();
    if (entry.pooled) this.#pool.give(entry.buffer);
  }

  #closeGather(): void {
    if (this.#gather !== undefined) this.#queue.push(this.#gather);
    this.#gather = undefined;
  }

  #roomFor(bytes: number): Entry {
    const gather = this.#gather;
    if (gather !== undefined && gather.buffer.length - gather.end >= bytes) return gather;
    this.#closeGather();
    const size = gather === undefined && bytes <= SMALL_GATHER_BYTES ? bytes : Math.max(bytes, GATHER_BYTES);
    const pooled = size <= MAX_BUFFER_BYTES && !this.#closed;
    return this.#gather = {
      buffer: pooled ? this.#pool.take(size) : new Uint8Array(size),
      end: 0,
      slab: undefined,
      pooled,
      source: undefined,
      credit: 0,
    };
  }
}
