/**
 * A connection handler for tests: keeps what arrives, and turns events into promises.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Connection, ConnectionHandler } from "../../src/runtime/types.ts";

/** Name of a handler's method that was called; "after close" is never allowed. */
export type EventName = "data" | "end" | "drain" | "close";

interface Waiter {
  readonly until: () => boolean;
  readonly resolve: () => void;
}

/**
 * Records. `onEvent` may react from within an event, and `wantsMore` is what `data` answers.
 */
export class Recorder implements ConnectionHandler {
  readonly events: EventName[] = [];
  receivedBytes = 0;
  wantsMore = true;
  error: Error | undefined;
  onEvent: ((event: EventName) => void) | undefined;
  readonly #chunks: Uint8Array[] = [];
  readonly #space = new Uint8Array(64 * 1024);
  #waiters: Waiter[] = [];

  space(): Uint8Array {
    return this.#space;
  }

  data(chunk: Uint8Array): boolean {
    this.receivedBytes += chunk.length;
    const lent = chunk.buffer === this.#space.buffer;
    this.#chunks.push(lent ? chunk.slice() : chunk);
    this.#note("data");
    return this.wantsMore;
  }

  end(): void {
    this.#note("end");
  }

  drain(): void {
    this.#note("drain");
  }

  close(error?: Error): void {
    this.error = error;
    this.#note("close");
  }

  /** How often an event happened. */
  count(event: EventName): number {
    return this.events.filter((name) => name === event).length;
  }

  /** Everything that arrived. */
  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves once `until` is true, checked after each event. */
  when(until: () => boolean): Promise<void> {
    if (until()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ until, resolve }));
  }

  ended(): Promise<void> {
    return this.when(() => this.count("end") > 0);
  }

  /** @returns the error that `close` was given */
  async closed(): Promise<Error | undefined> {
    await this.when(() => this.count("close") > 0);
    return this.error;
  }

  /** Writes and waits until the kernel has it all, or the connection is over. */
  async send(connection: Connection, bytes: Uint8Array): Promise<void> {
    const drains = this.count("drain");
    if (connection.write(bytes)) return;
    await this.when(() => this.count("drain") > drains || this.count("close") > 0);
  }

  #note(event: EventName): void {
    this.events.push(event);
    this.onEvent?.(event);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.until()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  }
}

/** Bytes whose every position can be told from its neighbours. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

/** Whether two byte sequences are the same; quick for megabytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.compare(actual, expected) === 0;
}
