/**
 * A connection as a Node stream, for `node:tls` to run over.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { SocketDuplex, type WriteCallback } from "../socket_duplex.ts";
import type { Connection } from "./types.ts";

/** Bytes of ciphertext asked for at once. */
const SPACE_BYTES = 64 * 1024;
/** A read that fills less of its space is copied out, so that the space serves again. */
const COPY_BELOW_BYTES = 16 * 1024;

/** The stream. It does not end when the connection's other side has: TLS has an end of its own. */
export class ConnectionDuplex extends SocketDuplex {
  /** Called when the peer's FIN was read. */
  onRawEnd: (() => void) | undefined;
  /** Called when the connection is over. */
  onRawClose: ((error: Error | undefined) => void) | undefined;
  /** Called when everything that was written is with the kernel. */
  onIdle: (() => void) | undefined;
  readonly #connection: Connection;
  #space: Uint8Array | undefined;
  #held = false;
  #written: WriteCallback | undefined;
  #ended = false;
  #over = false;
  #error: Error | undefined;

  /** @param connection Not yet started; owned by the stream from now on. */
  constructor(connection: Connection) {
    super({ allowHalfOpen: true, readableHighWaterMark: SPACE_BYTES });
    this.#connection = connection;
    connection.start({
      space: () => this.#space ??= new Uint8Array(SPACE_BYTES),
      data: (chunk) => this.#take(chunk),
      end: () => {
        this.#ended = true;
        this.onRawEnd?.();
      },
      drain: () => {
        const written = this.#written;
        this.#written = undefined;
        written?.();
        if (this.idle) this.onIdle?.();
      },
      close: (error) => {
        this.#over = true;
        this.#error = error;
        this.onRawClose?.(error);
      },
    });
  }

  /** Whether nothing that was written still waits for the kernel. */
  get idle(): boolean {
    return this.#written === undefined && this.writableLength === 0;
  }

  /** Whether the peer's FIN was read. */
  get rawEnded(): boolean {
    return this.#ended;
  }

  /** Whether the connection is over. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes of ciphertext that the kernel has taken. */
  get bytesTaken(): number {
    return this.#connection.bytesTaken;
  }

  /** Why the connection was lost. */
  get rawError(): Error | undefined {
    return this.#error;
  }

  /** Stops reading from the kernel, or goes on. */
  hold(on: boolean): void {
    this.#held = on;
    if (!on && this.readableLength === 0) this.#connection.resume();
  }

  /** Sends FIN. */
  closeWriteRaw(): void {
    this.#connection.closeWrite();
  }

  /** Closes the connection. */
  closeRaw(): void {
    this.#connection.close();
  }

  /** Closes the connection so that the peer sees an error, where the runtime can. */
  resetRaw(): void {
    this.#connection.reset();
  }

  override _read(): void {
    if (!this.#held) this.#connection.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, written: WriteCallback): void {
    if (this.#connection.write(chunk)) written();
    else this.#written = written;
  }

  override _final(written: WriteCallback): void {
    this.#connection.closeWrite();
    written();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection.close();
    done(error);
  }

  #take(chunk: Uint8Array): boolean {
    let bytes = chunk;
    if (chunk.buffer === this.#space?.buffer) {
      if (chunk.length < COPY_BELOW_BYTES) bytes = chunk.slice();
      else this.#space = undefined;
    }
    const wantsMore = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return wantsMore && !this.#held;
  }
}
