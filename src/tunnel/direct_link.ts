/**
 * One end of a connection for one visitor, as long as messages are exchanged on it.
 *
 * @module
 */
import { type BufferPool, MIN_BUFFER_BYTES } from "../mux/buffer_pool.ts";
import { describeError } from "../errors.ts";
import type { ConnectionHandler } from "../runtime/types.ts";
import { encodeControl } from "../wire/control.ts";
import type { ControlMessage } from "../wire/messages.ts";
import { ControlReader } from "./control_reader.ts";
import type { HandoverConnection } from "./handover_connection.ts";

/** The stream id in OpenStream and its answer. The connection has only one. */
export const DIRECT_STREAM_ID = 2;

/** Who hears of a {@linkcode DirectLink}. One call at a time. */
export interface DirectLinkOwner {
  /**
   * A message came, and `rest` behind it, a view that is valid during the call.
   *
   * @returns whether the next message is wanted at once
   * @throws {ProtocolError} for what may not come now; the connection is then reset
   */
  message(message: ControlMessage, rest: Uint8Array): boolean;
  /** The connection is over. Called once, unless it was taken. */
  over(reason: string): void;
}

/** Sends and receives single control messages, until the connection is taken for something else. */
export class DirectLink implements ConnectionHandler {
  /** The connection underneath. */
  readonly connection: HandoverConnection;
  readonly #pool: BufferPool;
  readonly #owner: DirectLinkOwner;
  #reader: ControlReader | undefined;
  #buffer: Uint8Array | undefined;
  readonly #queue: Uint8Array[] = [];
  #writing = false;
  #whenWritten: (() => void) | undefined;
  #over = false;

  /** Begins to read. @param connection Not started yet. @param pool For its buffer. @param owner Who is told. */
  constructor(connection: HandoverConnection, pool: BufferPool, owner: DirectLinkOwner) {
    this.connection = connection;
    this.#pool = pool;
    this.#owner = owner;
    connection.start(this);
  }

  /** Sends a message. */
  send(message: ControlMessage): void {
    if (this.#over) return;
    this.#queue.push(encodeControl(message));
    if (!this.#writing) this.#writeNext();
  }

  /** Calls `then` when everything has been written; not at all when the connection ends before. */
  whenWritten(then: () => void): void {
    if (this.#over) return;
    if (this.#writing) this.#whenWritten = then;
    else then();
  }

  /** Takes the connection for something else. Everything must have been written. The new owner starts it at once. */
  take(): HandoverConnection {
    this.#over = true;
    return this.connection.take();
  }

  /** Sends a last message and closes. */
  refuse(message: ControlMessage): void {
    this.send(message);
    this.whenWritten(() => this.connection.close());
  }

  space(): Uint8Array {
    return this.#buffer ??= this.#pool.take(MIN_BUFFER_BYTES);
  }

  data(chunk: Uint8Array): boolean {
    let bytes = chunk;
    try {
      while (!this.#over) {
        const reader = this.#reader ??= new ControlReader();
        const read = reader.push(bytes);
        if (read === undefined) return true;
        // Kept only while a message is incomplete, so that idle connections hold none.
        this.#reader = undefined;
        if (!this.#owner.message(read.message, read.rest)) return false;
        bytes = read.rest;
        if (bytes.length === 0) return true;
      }
      return false;
    } catch (error) {
      this.#end(describeError(error));
      this.connection.reset();
      return false;
    }
  }

  end(): void {
    this.#end("The other side has ended the connection");
    this.connection.close();
  }

  drain(): void {
    this.#writing = false;
    this.#writeNext();
  }

  close(error?: Error): void {
    if (this.#buffer !== undefined) this.#pool.give(this.#buffer);
    this.#buffer = undefined;
    this.#end(error === undefined ? "The connection was closed" : describeError(error));
  }

  #writeNext(): void {
    while (!this.#writing) {
      const bytes = this.#queue.shift();
      if (bytes === undefined) break;
      this.#writing = !this.connection.write(bytes);
    }
    if (this.#writing) return;
    const then = this.#whenWritten;
    this.#whenWritten = undefined;
    then?.();
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#owner.over(reason);
  }
}
