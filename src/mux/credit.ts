/**
 * Per-stream flow control, pure. A sender spends credit and waits when it has none; a receiver gives credit back when
 * bytes have gone on to the local socket, not when they arrive, so that what waits in memory never exceeds the window.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { MAX_CREDIT } from "../wire/limits.ts";

/** What this side may still send on a stream. */
export class SendCredit {
  #available: number;

  /** @param initialBytes The peer's initial window; Infinity for a peer without flow control. */
  constructor(initialBytes: number) {
    this.#available = initialBytes;
  }

  /** Bytes that may be sent now. */
  get available(): number {
    return this.#available;
  }

  /** Uses up `bytes`. @throws {RangeError} when there is less: a mistake of the caller */
  spend(bytes: number): void {
    if (bytes > this.#available) {
      throw new RangeError(`Cannot spend ${bytes} of ${this.#available} bytes of credit`);
    }
    this.#available -= bytes;
  }

  /** Takes credit from the peer. @throws {ProtocolError} rule `credit_overflow` over 2³¹ − 1 bytes in all */
  grant(bytes: number): void {
    if (this.#available + bytes > MAX_CREDIT) {
      throw new ProtocolError(
        "credit_overflow",
        `Credit of ${this.#available} + ${bytes} bytes is over ${MAX_CREDIT}`,
      );
    }
    this.#available += bytes;
  }
}

/** What decides whether a window may grow. */
export interface WindowGrowth {
  /** Milliseconds on a monotonic scale. */
  now(): number;
  /** The round trip in milliseconds, or undefined before the first measurement. */
  rttMs(): number | undefined;
  /** Asks the session's budget for `bytes` more window. */
  reserve(bytes: number): boolean;
  /** Returns what `reserve` gave. */
  release(bytes: number): void;
}

/** Sizes of a {@linkcode ReceiveWindow}. */
export interface ReceiveWindowOptions {
  /** Bytes the peer may send at first. */
  readonly initialBytes: number;
  /** How far the window may grow. */
  readonly maxBytes: number;
}

/**
 * What the peer may still send on a stream.
 *
 * Credit is returned once half a window was consumed: often enough that the sender does not run dry, seldom enough that
 * updates cost nothing. If that half went through in less than two round trips, the window itself is what limits
 * the stream (a window allows at most one window a round trip), and it doubles.
 */
export class ReceiveWindow {
  readonly #growth: WindowGrowth;
  readonly #initialBytes: number;
  readonly #maxBytes: number;
  #windowBytes: number;
  #creditBytes: number;
  #consumedBytes = 0;
  #updatedAt: number;

  /** @param options Sizes. @param growth Clock, round trip and budget. */
  constructor(options: ReceiveWindowOptions, growth: WindowGrowth) {
    this.#growth = growth;
    this.#initialBytes = options.initialBytes;
    this.#maxBytes = options.maxBytes;
    this.#windowBytes = options.initialBytes;
    this.#creditBytes = options.initialBytes;
    this.#updatedAt = growth.now();
  }

  /** The window's present size in bytes. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Bytes the peer may send before it is given more. */
  get creditBytes(): number {
    return this.#creditBytes;
  }

  /** Bytes arrived. @throws {ProtocolError} rule `window_exceeded` when the peer had no credit for them */
  receive(bytes: number): void {
    if (bytes > this.#creditBytes) {
      throw new ProtocolError(
        "window_exceeded",
        `Received ${bytes} bytes with ${this.#creditBytes} bytes of credit left`,
      );
    }
    this.#creditBytes -= bytes;
  }

  /** Bytes left memory. @returns the credit to give to the peer now; 0 means none yet */
  consume(bytes: number): number {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes * 2 < this.#windowBytes) return 0;
    const now = this.#growth.now();
    const increment = this.#consumedBytes + this.#grow(now - this.#updatedAt);
    this.#consumedBytes = 0;
    this.#updatedAt = now;
    this.#creditBytes += increment;
    return increment;
  }

  /** Gives the growth back to the budget; the window is not used afterwards. */
  close(): void {
    this.#growth.release(this.#windowBytes - this.#initialBytes);
    this.#windowBytes = this.#initialBytes;
  }

  #grow(elapsedMs: number): number {
    const rttMs = this.#growth.rttMs();
    const more = Math.min(this.#windowBytes, this.#maxBytes - this.#windowBytes);
    if (more <= 0 || rttMs === undefined || elapsedMs >= 2 * rttMs || !this.#growth.reserve(more)) return 0;
    this.#windowBytes += more;
    return more;
  }
}
