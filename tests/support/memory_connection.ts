/**
 * A pair of connections without a network. Nothing moves until a test says so, one event at a time; which event, and how
 * many bytes, is drawn at random. What the contract of a connection forbids is written down.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Connection, ConnectionHandler, SocketAddress } from "../../src/runtime/types.ts";

/** Options of a {@linkcode MemoryLink}. */
export interface MemoryLinkOptions {
  /** Draws an integer from 0 to below `bound`. @default always the largest, so that everything moves in order and at once */
  readonly random?: (bound: number) => number;
  /** Whether the ends read into the handler's space. @default true */
  readonly lendsSpace?: boolean;
  /** Bytes that each direction holds before a write has to wait. @default 65536 */
  readonly capacityBytes?: number;
  /** Most bytes that arrive at once. @default 65536 */
  readonly maxChunkBytes?: number;
}

/** Two connections and what lies between them. */
export class MemoryLink {
  /** What was done that the contract of a connection forbids. */
  readonly misuse: string[] = [];
  /** The two ends. */
  readonly ends: readonly [MemoryConnection, MemoryConnection];
  readonly #random: (bound: number) => number;

  /** @param options See {@linkcode MemoryLinkOptions}. */
  constructor(options: MemoryLinkOptions = {}) {
    this.#random = options.random ?? ((bound) => bound - 1);
    const forth = new Pipe(options.capacityBytes ?? 65_536);
    const back = new Pipe(options.capacityBytes ?? 65_536);
    const settings = {
      lendsSpace: options.lendsSpace ?? true,
      maxChunkBytes: options.maxChunkBytes ?? 65_536,
      random: this.#random,
      misuse: this.misuse,
    };
    this.ends = [
      new MemoryConnection(forth, back, settings),
      new MemoryConnection(back, forth, settings),
    ];
  }

  /** Lets one thing happen. @returns false when nothing can */
  step(): boolean {
    const events = [...this.ends[0].events(), ...this.ends[1].events()];
    const event = events[events.length < 2 ? 0 : this.#random(events.length)];
    event?.();
    return event !== undefined;
  }

  /** Bytes that are on their way, in both directions. */
  get bytesUnderWay(): number {
    return this.ends[0].bytesUnderWay + this.ends[1].bytesUnderWay;
  }

  /** Fails when the contract was broken. */
  assertSound(): void {
    assert.deepEqual(this.misuse, []);
  }
}

/** One direction. */
class Pipe {
  readonly chunks: Uint8Array[] = [];
  readonly capacityBytes: number;
  bytes = 0;
  stalled = false;
  ended = false;
  reset = false;
  /** The reading end is gone. */
  deaf = false;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  put(bytes: Uint8Array): void {
    if (this.deaf) return;
    this.chunks.push(bytes.slice());
    this.bytes += bytes.length;
  }

  take(target: Uint8Array): void {
    let taken = 0;
    while (taken < target.length) {
      const chunk = this.chunks[0] as Uint8Array;
      const part = chunk.subarray(0, target.length - taken);
      target.set(part, taken);
      taken += part.length;
      if (part.length === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(part.length);
    }
    this.bytes -= taken;
  }

  clear(): void {
    this.chunks.length = 0;
    this.bytes = 0;
  }
}

interface Settings {
  readonly lendsSpace: boolean;
  readonly maxChunkBytes: number;
  readonly random: (bound: number) => number;
  readonly misuse: string[];
}

/** One end of a {@linkcode MemoryLink}. */
export class MemoryConnection implements Connection {
  readonly remote: SocketAddress = { hostname: "127.0.0.1", port: 1 };
  readonly local: SocketAddress = { hostname: "127.0.0.1", port: 2 };
  readonly lendsSpace: boolean;
  bytesTaken = 0;
  readonly #settings: Settings;
  readonly #out: Pipe;
  readonly #in: Pipe;
  #handler: ConnectionHandler | undefined;
  #lent: Uint8Array | undefined;
  #pending: Uint8Array | undefined;
  #drainDue = false;
  #paused = false;
  #endDelivered = false;
  #finWanted = false;
  #over = false;
  #closeDelivered = false;
  #error: Error | undefined;

  constructor(output: Pipe, input: Pipe, settings: Settings) {
    this.#out = output;
    this.#in = input;
    this.#settings = settings;
    this.lendsSpace = settings.lendsSpace;
  }

  /** While true, nothing that this end writes leaves it or arrives. */
  set stalled(value: boolean) {
    this.#out.stalled = value;
  }

  /** Bytes written here that have not arrived. */
  get bytesUnderWay(): number {
    return this.#out.bytes + (this.#pending?.length ?? 0);
  }

  /** Whether `close` of the handler was called. */
  get closed(): boolean {
    return this.#closeDelivered;
  }

  /** Whether the handler wants no data at the moment. */
  get paused(): boolean {
    return this.#paused;
  }

  start(handler: ConnectionHandler): void {
    if (this.#handler !== undefined) this.#settings.misuse.push("started twice");
    this.#handler = handler;
  }

  resume(): void {
    this.#paused = false;
  }

  write(bytes: Uint8Array): boolean {
    const { misuse, random } = this.#settings;
    if (bytes.length === 0) misuse.push("wrote nothing");
    if (this.#pending !== undefined || this.#drainDue) misuse.push("wrote before drain");
    if (this.#finWanted) misuse.push("wrote after the end");
    if (this.#over) return false;
    if (this.#out.deaf) this.#in.reset = true; // As TCP answers data for a socket that is closed.
    const fits = this.#out.bytes + bytes.length <= this.#out.capacityBytes;
    if (fits && !this.#out.stalled && random(2) === 1) {
      this.#out.put(bytes);
      this.bytesTaken += bytes.length;
      return true;
    }
    this.#pending = bytes;
    return false;
  }

  closeWrite(): void {
    this.#finWanted = true;
  }

  close(): void {
    if (this.#over) return;
    this.#leave(undefined);
    this.#out.ended = true;
  }

  reset(): void {
    if (this.#over) return;
    this.#leave(undefined);
    this.#out.clear();
    this.#out.reset = true;
  }

  /** Loses the connection, as when a cable is cut and the kernel has given up: both ends see an error. */
  break(): void {
    this.#out.reset = this.#in.reset = true;
  }

  /** What could happen next at this end. */
  events(): (() => void)[] {
    const handler = this.#handler;
    if (handler === undefined || this.#closeDelivered) return [];
    if (this.#over) return [() => this.#deliverClose(handler)];
    if (this.#in.reset) return [() => this.#leave(new Error("Connection reset by peer"))];
    const events: (() => void)[] = [];
    const output = this.#out;
    const room = output.deaf ? Infinity : output.capacityBytes - output.bytes;
    const pending = this.#pending;
    if (pending !== undefined && room > 0 && !output.stalled) {
      events.push(() => this.#transmit(pending, room));
    }
    if (this.#drainDue) events.push(() => this.#drain(handler));
    if (this.#finWanted && pending === undefined && !this.#drainDue && !output.ended) {
      events.push(() => void (output.ended = true));
    }
    if (this.#endDelivered && output.ended) events.push(() => this.#leave(undefined));
    if (!this.#paused && !this.#endDelivered) this.#readEvents(handler, events);
    return events;
  }

  #readEvents(handler: ConnectionHandler, events: (() => void)[]): void {
    if (this.lendsSpace && this.#lent === undefined) {
      events.push(() => void (this.#lent = this.#space(handler)));
    } else if (!this.#in.stalled && this.#in.bytes > 0) events.push(() => this.#deliver(handler));
    else if (!this.#in.stalled && this.#in.ended) {
      events.push(() => {
        this.#endDelivered = true;
        this.#lent = undefined;
        handler.end();
      });
    }
  }

  #space(handler: ConnectionHandler): Uint8Array {
    const space = handler.space();
    if (space.length === 0) this.#settings.misuse.push("lent no space");
    return space;
  }

  #deliver(handler: ConnectionHandler): void {
    const { maxChunkBytes, random } = this.#settings;
    const most = Math.min(this.#in.bytes, maxChunkBytes, this.#lent?.length ?? Infinity);
    const bytes = 1 + random(most);
    const chunk = this.#lent?.subarray(0, bytes) ?? new Uint8Array(bytes);
    this.#in.take(chunk);
    this.#lent = undefined;
    if (!handler.data(chunk)) this.#paused = true;
  }

  #transmit(pending: Uint8Array, room: number): void {
    // Read from the writer's memory as late as can be, so that a buffer that is used again too early shows.
    const bytes = 1 + this.#settings.random(Math.min(pending.length, room));
    this.#out.put(pending.subarray(0, bytes));
    this.bytesTaken += bytes;
    if (bytes < pending.length) this.#pending = pending.subarray(bytes);
    else {
      this.#pending = undefined;
      this.#drainDue = true;
    }
  }

  #drain(handler: ConnectionHandler): void {
    this.#drainDue = false;
    handler.drain();
  }

  #leave(error: Error | undefined): void {
    this.#over = true;
    this.#error = error;
    this.#in.deaf = true;
    this.#in.clear();
    this.#pending = undefined;
    this.#drainDue = false;
  }

  #deliverClose(handler: ConnectionHandler): void {
    this.#closeDelivered = true;
    handler.close(this.#error);
  }
}
