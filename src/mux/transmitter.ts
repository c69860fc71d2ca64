/**
 * Writes what waits in an outbox, one write at a time.
 *
 * @module
 */
import type { Connection } from "../runtime/types.ts";
import { LinkRate, MIN_FRAME_BYTES } from "./link_rate.ts";
import { Outbox } from "./outbox.ts";

/** Options of a {@linkcode Transmitter}. */
export interface TransmitterOptions {
  /** Milliseconds on a monotonic scale. */
  readonly now: () => number;
  /** A write is done. */
  readonly onWritten: () => void;
}

/**
 * Joins an outbox and a connection. What is queued in the same turn of the event loop, or while a write is in flight,
 * leaves together.
 */
export class Transmitter {
  /** What waits. Whoever adds to it calls `schedule`. */
  readonly outbox: Outbox;
  readonly #connection: Connection;
  readonly #options: TransmitterOptions;
  readonly #rate = new LinkRate();
  #scheduled = false;
  #writing = false;
  #startedAt = 0;
  #bytes = 0;
  #stopped = false;
  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** @param connection Where to. @param options Clock, and who is told. */
  constructor(connection: Connection, options: TransmitterOptions) {
    this.#connection = connection;
    this.#options = options;
    this.outbox = new Outbox(() => this.#rate.frameBytes);
  }

  /** Whether a write is in flight. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Something waits. */
  schedule(): void {
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    queueMicrotask(this.#flushScheduled);
  }

  /** Writes until nothing waits or the kernel is full. */
  flush(): void {
    while (!this.#writing && !this.#stopped) {
      const bytes = this.outbox.next();
      if (bytes === undefined) return;
      this.#bytes = bytes.length;
      // A small write tells the cost of the call, not the link's rate; it is not even worth asking for the time.
      if (bytes.length >= MIN_FRAME_BYTES) this.#startedAt = this.#options.now();
      this.#writing = true;
      if (this.#connection.write(bytes)) this.#done();
    }
  }

  /** The connection has taken the write that was in flight. */
  written(): void {
    if (this.#stopped) return;
    this.#done();
    this.flush();
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#stopped = true;
  }

  #done(): void {
    this.#writing = false;
    if (this.#bytes >= MIN_FRAME_BYTES) this.#rate.wrote(this.#bytes, this.#options.now() - this.#startedAt);
    this.#options.onWritten();
    this.outbox.written();
  }
}
