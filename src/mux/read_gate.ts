/**
 * Whether a session may go on reading and have more streams, by how much waits in memory.
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
/** A session that holds less than this is not made to wait because others have used up the memory of the process. */
export const INNOCENT_BYTES = 256 * 1024;
/** With more of the process' memory in use than this, a session that is not innocent gets no further streams. */
export const PRESSURE_SHARE = 0.8;
/**
 * With more than this, no session does. Those that hold much read nothing once all is in use, so what comes on top is what
 * innocent ones hold.
 */
export const OVERLOAD_SHARE = 1.25;

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

  /**
   * Says why there is no room for another stream, and counts it. What is left of the process' memory is for sessions that hold
   * little, so that nobody can shut the visitors of others out by letting his own wait.
   *
   * @returns undefined when there is room
   */
  lackOfRoom(streams: number, maxStreams: number): string | undefined {
    if (streams >= maxStreams) {
      this.#counters.add("limits_hit", { label: "max_streams" });
      return `As many streams are open as there may be, ${streams}`;
    }
    const share = this.#memory.widestShare;
    const innocent = this.#memory.usedBytes <= INNOCENT_BYTES;
    if (share <= (innocent ? OVERLOAD_SHARE : PRESSURE_SHARE)) return undefined;
    this.#counters.add("limits_hit", { label: "process_buffer" });
    return `${Math.round(share * 100)}% of the memory for what slow readers leave waiting is in use`;
  }

  /** Bytes of a stream came to wait (positive) or have left (negative). `stream.bufferedBytes` is the new count. */
  changed(stream: MuxStream, bytes: number, controlled: boolean): void {
    if (!controlled) this.#uncontrolledChanged(stream.bufferedBytes, bytes);
    if (bytes > 0) this.#memory.add(bytes);
    else {
      this.#memory.release(-bytes);
      if (this.#paused) this.#settle();
    }
  }

  /** Bytes came to wait for the peer's credit (positive) or do so no longer (negative). */
  stalledSendChanged(bytes: number): void {
    if (bytes > 0) this.#memory.add(bytes);
    else this.#memory.release(-bytes);
  }

  /** Called after each read. */
  check(): void {
    if (!this.#paused && this.#exceeded) this.#shed();
    this.#settle();
  }

  /** Called now and then: readers stall in the course of time, and other sessions share the wider budget. */
  sweep(): void {
    if (this.#exceeded) this.#shed();
    this.#settle();
  }

  get #exceeded(): boolean {
    const memory = this.#memory;
    return memory.exceeded || (memory.parentExceeded && memory.usedBytes > INNOCENT_BYTES);
  }

  #settle(): void {
    const pause = this.#fullQueues > 0 || this.#exceeded;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#counters.add("reads_paused");
    else this.#host.resume();
  }

  #shed(): void {
    const heldBy = (stream: MuxStream): number => stream.bufferedBytes + stream.stalledSendBytes;
    const stalled = [...this.#host.streams()]
      .filter((stream) => stream.waits.reader >= SHED_AFTER_MS || stream.stalledSendBytes > 0)
      .sort((a, b) => heldBy(b) - heldBy(a));
    for (const stream of stalled) {
      if (!this.#exceeded) return;
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
