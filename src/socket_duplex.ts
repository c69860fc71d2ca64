/**
 * What Node's TLS and HTTP/2 expect of the stream that they run over.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";

/** Told when a chunk was written. */
export type WriteCallback = (error?: Error | null) => void;

/** A stream with the methods of a socket, which do nothing: what they are about is set on the connection underneath. */
export abstract class SocketDuplex extends Duplex {
  /** Writes one chunk. */
  abstract override _write(chunk: Uint8Array, encoding: string, written: WriteCallback): void;

  override _writev(chunks: { chunk: Uint8Array }[], written: WriteCallback): void {
    this._write(Buffer.concat(chunks.map((entry) => entry.chunk)), "", written);
  }

  /** Does nothing. */
  setTimeout(): this {
    return this;
  }

  /** Does nothing. */
  setNoDelay(): this {
    return this;
  }

  /** Does nothing. */
  setKeepAlive(): this {
    return this;
  }

  /** Does nothing. */
  ref(): this {
    return this;
  }

  /** Does nothing. */
  unref(): this {
    return this;
  }
}
