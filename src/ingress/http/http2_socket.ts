/**
 * A way for bytes, as the Node stream that `node:http2` wants to run over.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { SocketDuplex, type WriteCallback } from "../../socket_duplex.ts";

/** What may wait for HTTP/2 to take it; it takes it at once unless its session is over. */
const WAITING_BYTES = 256 * 1024;
const HIGH_WATER_BYTES = 64 * 1024;

/** What a {@linkcode Http2Socket} runs over: a visitor's connection, or a stream to a client. */
export interface Http2Transport {
  /** More may be delivered, after a delivery that was answered with `false`. */
  resume(): void;
  /** Sends all of `bytes`. Not called again before `sent`. @param sent The memory is free again */
  write(bytes: Uint8Array, sent: () => void): void;
  /** Ends this direction, after what was written. */
  closeWrite(): void;
  /** Ends both directions. @param error Why, unless that is no failure */
  close(error: Error | undefined): void;
}

/**
 * The stream.
 *
 * @example
 * ```ts
 * import { connect } from "node:http2";
 * import { Http2Socket, type Http2Transport } from "./http2_socket.ts";
 *
 * function speak(transport: Http2Transport): void {
 *   const socket = new Http2Socket(transport);
 *   connect("http://service", { createConnection: () => socket });
 *   socket.deliver(new Uint8Array(9)); // What comes from the other side.
 * }
 * ```
 */
export class Http2Socket extends SocketDuplex {
  readonly #transport: Http2Transport;
  #waitingBytes = 0;
  #held = false;
  #writing = false;
  #over = false;

  /** @param transport Owned by the stream from now on. */
  constructor(transport: Http2Transport) {
    super({ allowHalfOpen: true, readableHighWaterMark: HIGH_WATER_BYTES });
    this.#transport = transport;
    // A session that was given up may still fail to write.
    this.on("error", () => {});
  }

  /** Whether something that was written has not left yet. */
  get writing(): boolean {
    return this.#writing;
  }

  /** Takes what has come, which belongs to it from now on. @returns whether more is wanted before `resume` */
  deliver(bytes: Uint8Array): boolean {
    this.#waitingBytes += bytes.length;
    this.#held = this.#waitingBytes + this.readableLength >= WAITING_BYTES;
    const wantsMore = !this.#held;
    // What HTTP/2 on Bun is given during the call that brought it, it answers into nothing.
    queueMicrotask(() => {
      this.#waitingBytes -= bytes.length;
      if (!this.destroyed) this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    });
    return wantsMore;
  }

  /** Nothing more will come. */
  deliverEnd(): void {
    queueMicrotask(() => {
      if (!this.destroyed) this.push(null);
    });
  }

  /** The transport is over. */
  deliverClose(): void {
    this.#over = true;
    this.destroy();
  }

  override _read(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#transport.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, written: WriteCallback): void {
    this.#writing = true;
    this.#transport.write(chunk, () => {
      this.#writing = false;
      written();
    });
  }

  override _final(written: WriteCallback): void {
    if (!this.#over) this.#transport.closeWrite();
    written();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#over) this.#transport.close(error ?? undefined);
    this.#over = true;
    done(null);
  }
}
