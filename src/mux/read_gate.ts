/**
 * Whether a session may go on reading, by how much waits in memory.
 *
 * @module
 */
import type { Counters } from "../observe/counters.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import type { MuxStream } from "./stream.ts";

/** Bytes of one stream that may wait when the peer knows no flow control; beyond it the session stops reading. */
export const UNCONTROLLED_QUEUE_BYTES = 1024 * 1024;
/** A stream whose reader took nothing for so long may be reset when memory runs out. */
export const SHED_AFTER_MS = 1_000;

/** What a gate needs of its session. */
export interface ReadGateHost {
  streams(): Iterable<MuxStream>;
  /** Reading may go on. */
  resume(): void;
}

/**
 * Counts what waits for slow readers. When a budget is used up, streams whose readers take nothing are reset, the
 * fullest first; if all of them move, the session stops reading until they have caught up.
 */
export class ReadGate {
  readonly #memory: MemoryBudget;
  readonly #counters: Counters;
  readonly #host: ReadGateHost;
  #paused = false;
  /** Streams over {@linkcode UNCONTROLLED_QUEUE_BYTES}. */
  #fullQueues = 0;

  /** @param memory The session's budget. @param counters Counts pauses and resets. @param host The session. */
  constructor(memory: MemoryBudget, counters: Counters, host: ReadGateHost) {
    this.#memory = memory;
    this.#counters = counters;
    this.#host = host;
  }

  /** Bytes that wait. */
  get bufferedBytes(): number {
    return this.#memory.usedBytes;
  }

  /** Whether the session must not read. */
  get paused(): boolean {
    return this.#paused;
  }

  /** Bytes of a stream came to wait (positive) or have left (negative). `stream.bufferedBytes` is the new count. */
  changed(stream: MuxStream, bytes: number, controlled: boolean): void {
    if (!controlled) this.#uncontrolledChanged(stream.bufferedBytes, bytes);
    if (bytes > 0) this.#memory.add(bytes);
    else {
      this.#memory.release(-bytes);
      if (this.#paused) this.check();
    }
  }

  /** Called after each read, and now and then: other sessions share the wider budget. */
  check(): void {
    if (this.#memory.exceeded) this.#shed();
    if (this.#memory.exceeded || this.#fullQueues > 0) return this.#pause();
    if (!this.#paused) return;
    this.#paused = false;
    this.#host.resume();
  }

  #pause(): void {
    if (!this.#paused) this.#counters.add("reads_paused");
    this.#paused = true;
  }

  #shed(): void {
    const stalled = [...this.#host.streams()]
      .filter((stream) => stream.waits.reader >= SHED_AFTER_MS)
      .sort((a, b) => b.bufferedBytes - a.bufferedBytes);
    for (const stream of stalled) {
      if (!this.#memory.exceeded) return;
      this.#counters.add("streams_shed");
      stream.reset({ kind: "error", message: "Reset because its reader stalled and memory ran out" });
    }
  }

  #uncontrolledChanged(nowBytes: number, changeBytes: number): void {
    const isFull = nowBytes > UNCONTROLLED_QUEUE_BYTES;
    const wasFull = nowBytes - changeBytes > UNCONTROLLED_QUEUE_BYTES;
    if (isFull !== wasFull) this.#fullQueues += isFull ? 1 : -1;
  }
}
