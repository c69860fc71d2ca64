/**
 * What sits at the far end of a relayed socket: it sends bytes that are a function of their position, and knows those that
 * must come.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Connection, ConnectionHandler } from "../../src/runtime/types.ts";

/** The byte at a position, for one of two directions. */
function byteAt(salt: number, position: number): number {
  return (position + (position >>> 8) * 7 + (position >>> 16) * 13 + salt) & 0xff;
}

/** A visitor or a service. */
export class Plug implements ConnectionHandler {
  /** Bytes handed to the connection. */
  sentBytes = 0;
  /** Bytes that came. */
  receivedBytes = 0;
  /** Whether the other direction has ended. */
  ended = false;
  /** Whether the connection is over, and with which error. */
  closed: { readonly error: Error | undefined } | undefined;
  /** Whether bytes are taken. */
  #takes = true;
  readonly #connection: Connection;
  readonly #salts: { readonly mine: number; readonly theirs: number };
  readonly #space = new Uint8Array(8192);
  #backlog = 0;
  #writing: Uint8Array | undefined;
  #endWanted = false;

  /** Starts the connection. @param connection Its end. @param salts Tell the two directions apart. */
  constructor(connection: Connection, salts: { readonly mine: number; readonly theirs: number }) {
    this.#connection = connection;
    this.#salts = salts;
    connection.start(this);
  }

  /** Bytes that were asked to be sent. */
  get queuedBytes(): number {
    return this.sentBytes + this.#backlog;
  }

  /** Sends so many bytes more. */
  send(bytes: number): void {
    if (this.#endWanted) return;
    this.#backlog += bytes;
    this.#pump();
  }

  /** Ends this direction after what was sent. */
  finish(): void {
    if (this.#endWanted) return;
    this.#endWanted = true;
    this.#pump();
  }

  /** Aborts the connection. */
  abort(): void {
    this.#connection.reset();
  }

  /** Takes bytes, or takes none. */
  set takes(value: boolean) {
    if (value && !this.#takes) this.#connection.resume();
    this.#takes = value;
  }

  /** @inheritdoc */
  space(): Uint8Array {
    return this.#space;
  }

  /** @inheritdoc */
  data(chunk: Uint8Array): boolean {
    for (let i = 0; i < chunk.length; i++) {
      const position = this.receivedBytes + i;
      if (chunk[i] !== byteAt(this.#salts.theirs, position)) assert.fail(`wrong byte at ${position}`);
    }
    this.receivedBytes += chunk.length;
    return this.#takes;
  }

  /** @inheritdoc */
  end(): void {
    this.ended = true;
  }

  /** @inheritdoc */
  drain(): void {
    this.#writing?.fill(0xdd);
    this.#writing = undefined;
    this.#pump();
  }

  /** @inheritdoc */
  close(error?: Error): void {
    this.closed = { error };
  }

  #pump(): void {
    while (this.#writing === undefined && this.#backlog > 0 && this.closed === undefined) {
      const bytes = new Uint8Array(Math.min(this.#backlog, 20_000));
      for (let i = 0; i < bytes.length; i++) bytes[i] = byteAt(this.#salts.mine, this.sentBytes + i);
      this.#backlog -= bytes.length;
      this.sentBytes += bytes.length;
      if (!this.#connection.write(bytes)) this.#writing = bytes;
    }
    if (this.#endWanted && this.#backlog === 0 && this.#writing === undefined) this.#connection.closeWrite();
  }
}
