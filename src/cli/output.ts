/**
 * Standard output and standard error, written without waiting: a terminal that is stopped or a pipe that nobody reads
 * must not stop the tunnel. What does not fit into the queue is dropped and counted.
 *
 * @module
 */
import { systemClock } from "../clock.ts";

/** Bytes that may wait to be written; the rest is dropped. */
const MAX_QUEUED_BYTES = 1024 * 1024;
/** How long a full pipe is left alone before the next attempt. */
const RETRY_MS = 20;

/** Writes bytes somewhere without holding anything else up; resolves with how many were taken, 0 for "not now". */
export type WriteBytes = (bytes: Uint8Array) => Promise<number>;

/**
 * One stream of text.
 *
 * @example
 * ```ts
 * import { runtime } from "../runtime/mod.ts";
 * import { Output } from "./output.ts";
 *
 * const output = new Output((bytes) => runtime.writeOutput(1, bytes));
 * output.line("listening");
 * await output.flush(1000);
 * ```
 */
export class Output {
  readonly #write: WriteBytes;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #droppedLines = 0;
  #busy = false;
  #idle: (() => void)[] = [];

  /** @param write Writes to where the text goes. */
  constructor(write: WriteBytes) {
    this.#write = write;
  }

  /** Writes text and a line end. */
  line(text: string): void {
    this.text(`${text}\n`);
  }

  /** Writes text. */
  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#droppedLines++;
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.#busy) this.#pump();
  }

  /**
   * Waits until everything is written.
   *
   * @param timeoutMs How long at most.
   */
  flush(timeoutMs: number): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = systemClock.setTimer(resolve, timeoutMs);
      this.#idle.push(() => {
        cancel();
        resolve();
      });
    });
  }

  #pump(): void {
    this.#busy = true;
    this.#drain().catch(() => {
      // The descriptor is closed, its reader gone or the disk full: nobody can be told now, perhaps later.
      this.#droppedLines += this.#queue.length;
      this.#queue.length = 0;
      this.#queuedBytes = 0;
    }).finally(() => {
      this.#busy = false;
      // What came since the queue was seen empty would else wait for the next line.
      if (this.#queue.length > 0) return this.#pump();
      for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  async #drain(): Promise<void> {
    for (let bytes = this.#queue[0]; bytes !== undefined; bytes = this.#queue[0]) {
      const written = await this.#write(bytes);
      if (written === 0) await new Promise<void>((resolve) => systemClock.setTimer(resolve, RETRY_MS));
      this.#queuedBytes -= written;
      if (written < bytes.length) {
        this.#queue[0] = bytes.subarray(written);
        continue;
      }
      this.#queue.shift();
      if (this.#queue.length === 0 && this.#droppedLines > 0) {
        const dropped = this.#droppedLines;
        this.#droppedLines = 0;
        this.line(`${dropped} lines were dropped because this output was blocked or full`);
      }
    }
  }
}
