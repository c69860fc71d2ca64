/**
 * Writes what waits in an outbox, one write at a time.
 *
 * @module
 */
import type { Connection } from "../runtime/types.ts";
import { Flight } from "./flight.ts";
import { LinkRate, MIN_FRAME_BYTES } from "./link_rate.ts";
import { Outbox } from "./outbox.ts";

/** Hurried messages of which one is followed by a look whether more of them come in one turn of the event loop. */
const TURNS_TO_GATHER_AGAIN = 16;

/** Options of a {@linkcode Transmitter}. */
export interface TransmitterOptions {
  /** Milliseconds on a monotonic scale. */
  readonly now: () => number;
  /** A write is done. */
  readonly onWritten: () => void;
  /** The peer is known to have read more of what was written. */
  readonly onRead: () => void;
  /** Queues a heartbeat. @returns its timestamp */
  readonly beat: () => bigint;
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
  /** Undefined while the peer is not known to answer heartbeats. */
  #flight: Flight | undefined;
  #scheduled = false;
  /** Whether `flush` is on the stack; it takes along whatever is queued meanwhile. */
  #flushing = false;
  /** Whether the present turn's hurried messages, but for the first, are being gathered. */
  #gathering = false;
  /** Whether there were any when that was last tried. */
  #crowded = false;
  #sinceGathering = 0;
  #writing = false;
  #writes = 0;
  #startedAt = 0;
  #bytes = 0;
  #stopped = false;
  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    const before = this.#writes;
    this.flush();
    if (this.#gathering) this.#crowded = this.#writes !== before;
    this.#gathering = false;
  };

  /** @param connection Where to. @param options Clock, and who is told. */
  constructor(connection: Connection, options: TransmitterOptions) {
    this.#connection = connection;
    this.#options = options;
    this.outbox = new Outbox(() => this.#frameBytes());
  }

  /** From now on, no more bulk is on its way than keeps the link busy. The peer must answer heartbeats with their timestamp. */
  limitFlight(): void {
    this.#flight = new Flight();
  }

  /** The peer has answered a heartbeat. @returns whether it was one of this transmitter's */
  answered(timestamp: bigint): boolean {
    const { holds, smallFrames } = this.outbox;
    if (this.#flight?.answered(timestamp, this.#options.now(), smallFrames) !== true) return false;
    this.#options.onRead();
    if (holds) this.schedule();
    return true;
  }

  /** Whether something waits for the kernel or the peer to take what was sent before. */
  get waiting(): boolean {
    return this.#writing || this.outbox.holds;
  }

  /** Whether the peer has not said yet that it has read what was written some time ago. */
  get unread(): boolean {
    return this.#flight?.unanswered ?? false;
  }

  /** Something waits. */
  schedule(): void {
    if (this.#scheduled || this.#writing || this.#flushing) return;
    this.#scheduled = true;
    const { afterTurn } = this.#connection;
    if (afterTurn === undefined) queueMicrotask(this.#flushScheduled);
    else afterTurn(this.#flushScheduled);
  }

  /** Something waits, and nothing is expected that could leave together with it. */
  hurry(): void {
    // What is scheduled takes it along: it was queued earlier and may not be overtaken by so much as a turn.
    if (this.#scheduled || this.#flushing) return;
    this.flush();
    // Where microtasks run after each event, another one may be waiting: all but the first then share a write. To find
    // out costs a lone message 6 µs, so it is tried for one in sixteen, and for all while it gathers anything.
    if (this.#connection.afterTurn === undefined) return;
    if (!this.#crowded && ++this.#sinceGathering < TURNS_TO_GATHER_AGAIN) return;
    this.#sinceGathering = 0;
    this.#gathering = true;
    this.schedule();
  }

  /** Writes until nothing waits or the kernel is full. */
  flush(): void {
    this.#flushing = true;
    this.#writeAll();
    this.#flushing = false;
  }

  #writeAll(): void {
    while (!this.#writing && !this.#stopped) {
      const bytes = this.outbox.next(this.#flight?.open);
      if (bytes === undefined) return;
      if (this.#flight?.sent(bytes.length) === true) {
        this.#flight.marked(this.#options.beat(), this.#options.now());
      }
      this.#bytes = bytes.length;
      // A small write tells the cost of the call, not the link's rate; it is not even worth asking for the time.
      if (bytes.length >= MIN_FRAME_BYTES) this.#startedAt = this.#options.now();
      this.#writing = true;
      this.#writes++;
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

  #frameBytes(): number {
    const { frameBytes } = this.#rate;
    // The rate is that of the kernel, whose buffers may be faster than the link for long.
    return this.#flight === undefined ? frameBytes : Math.min(frameBytes, this.#flight.frameBytes);
  }

  #done(): void {
    this.#writing = false;
    if (this.#bytes >= MIN_FRAME_BYTES) this.#rate.wrote(this.#bytes, this.#options.now() - this.#startedAt);
    this.#options.onWritten();
    this.outbox.written();
  }
}
