/**
 * Joins two connections: what arrives on one leaves on the other, in both directions, without a copy.
 *
 * @module
 */
import type { Pacers } from "../mux/paced_handler.ts";
import type { Flow, Pacer } from "../mux/pacer.ts";
import type { Counters } from "../observe/counters.ts";
import type { Connection, ConnectionHandler } from "../runtime/types.ts";
import { ReadBuffer, type RelayEnvironment } from "./read_buffer.ts";

/** Options of {@linkcode Splice}. */
export interface SpliceOptions {
  readonly environment: RelayEnvironment & { readonly counters: Counters };
  /** The connection of a visitor or a service, not started yet. */
  readonly local: Connection;
  /** The connection between client and server, not started yet. */
  readonly tunnel: Connection;
  /** Bytes that have been read from `tunnel` already. */
  readonly read?: Uint8Array;
  /** Rates for what is sent through the tunnel, and for what is received. @default there is no limit */
  readonly pacers?: Pacers | undefined;
  /** Called once, when both are closed. */
  readonly onClosed: () => void;
}

/**
 * Two connections. Each direction has one chunk outstanding: the next is read when the other side's kernel has it all. The end of
 * a direction is passed on, and so is a reset.
 */
export class Splice {
  readonly #local: SpliceSide;
  readonly #tunnel: SpliceSide;
  readonly #onClosed: () => void;
  #moved = false;

  /** Begins at once. @param options The connections, and what all share. */
  constructor({ environment, local, tunnel, read, pacers, onClosed }: SpliceOptions) {
    this.#onClosed = onClosed;
    const { counters } = environment;
    this.#local = new SpliceSide(local, environment, (bytes) => {
      counters.bytesSent += bytes;
      this.#moved = true;
    });
    this.#tunnel = new SpliceSide(tunnel, environment, (bytes) => {
      counters.bytesReceived += bytes;
      this.#moved = true;
    });
    this.#local.pacer = pacers?.sent;
    this.#tunnel.pacer = pacers?.received;
    const closed = (): void => this.#closed();
    this.#local.join(this.#tunnel, closed);
    this.#tunnel.join(this.#local, closed);
    local.start(this.#local);
    tunnel.start(this.#tunnel);
    if (read !== undefined && read.length > 0) this.#tunnel.deliver(read);
  }

  /** Whether exactly one direction has ended. */
  get halfClosed(): boolean {
    return this.#local.ended !== this.#tunnel.ended;
  }

  /** Whether one of the connections has bytes that it cannot get rid of. */
  get stalled(): boolean {
    return this.#local.waits || this.#tunnel.waits;
  }

  /** Whether bytes have moved since this was asked last. */
  takeMoved(): boolean {
    const moved = this.#moved;
    this.#moved = false;
    return moved;
  }

  /** Ends both at once, so that nobody takes it for a clean end. */
  reset(): void {
    this.#local.reset();
    this.#tunnel.reset();
  }

  #closed(): void {
    if (this.#local.closed && this.#tunnel.closed) this.#onClosed();
  }
}

/** One of the two connections, and the direction that begins there. */
class SpliceSide implements ConnectionHandler {
  /** Whether the peer has ended its direction. */
  ended = false;
  /** Whether the connection is over. */
  closed = false;
  /** Whether the other connection still writes what was read here. */
  waits = false;
  /** The rate at which is read here. */
  pacer: Pacer | undefined;
  readonly #flow: Flow = { wanted: 0, granted: () => this.#granted() };
  readonly #connection: Connection;
  readonly #reads: ReadBuffer;
  readonly #count: (bytes: number) => void;
  #other: SpliceSide | undefined;
  #onClosed: () => void = () => {};
  /** What came although what was read before the join is not through yet. */
  #held: Uint8Array | undefined;
  /** An end that has to wait for what was read before it. */
  #endWaits = false;

  constructor(connection: Connection, environment: RelayEnvironment, count: (bytes: number) => void) {
    this.#connection = connection;
    this.#reads = new ReadBuffer(environment, 0);
    this.#count = count;
  }

  join(other: SpliceSide, onClosed: () => void): void {
    this.#other = other;
    this.#onClosed = onClosed;
  }

  /** Passes on what was read before the connection was joined. Nothing more is read until it is through. */
  deliver(bytes: Uint8Array): void {
    this.#count(bytes.length);
    this.#pass(bytes);
  }

  write(bytes: Uint8Array): boolean {
    return this.#connection.write(bytes);
  }

  closeWrite(): void {
    this.#connection.closeWrite();
  }

  reset(): void {
    this.#connection.reset();
  }

  space(): Uint8Array {
    return this.#reads.space(Infinity);
  }

  data(chunk: Uint8Array): boolean {
    this.#count(chunk.length);
    if (this.waits) {
      this.#held = chunk;
      return false;
    }
    this.#reads.arrived(chunk.length);
    // Passed on first: who is granted bytes while they are still written must not read into the same memory.
    const passed = this.#pass(chunk);
    this.pacer?.want(this.#flow, chunk.length);
    return passed && this.#flow.wanted === 0;
  }

  end(): void {
    this.ended = true;
    if (this.waits) this.#endWaits = true;
    else this.#other?.closeWrite();
  }

  drain(): void {
    this.#other?.written();
  }

  close(error?: Error): void {
    this.closed = true;
    this.pacer?.forget(this.#flow);
    this.#reads.release(this.waits); // While it waits, the other connection still writes what was read here.
    this.#held = undefined;
    if (error !== undefined) this.#other?.reset();
    this.#onClosed();
  }

  /** The other connection has written what was read here. */
  written(): void {
    this.waits = false;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && !this.#pass(held)) return;
    if (this.#endWaits) {
      this.#endWaits = false;
      this.#other?.closeWrite();
    } else if (this.#flow.wanted === 0) this.#connection.resume();
  }

  /** Some of what was read last is paid for. */
  #granted(): void {
    if (this.#flow.wanted === 0 && !this.waits && !this.closed) this.#connection.resume();
  }

  /** @returns whether the other connection has it all */
  #pass(bytes: Uint8Array): boolean {
    this.waits = this.#other?.write(bytes) !== true;
    return !this.waits;
  }
}
