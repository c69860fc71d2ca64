/**
 * The connection contract over Deno's own TCP.
 *
 * @module
 */
import { socketAddress } from "./_address.ts";
import { lostError, toError } from "./_errors.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** Awaited to go on in the next microtask, at the price of no new promise. */
const NEXT_MICROTASK = Promise.resolve();

/**
 * Pulls with one read loop and pushes with one write at a time. The loop ends when the handler wants no more, and is begun
 * anew by `resume`, so that a paused connection holds no promise and no buffer. `close` of the handler waits until
 * the pending read and write have given their buffers back.
 */
export class DenoConnection implements Connection {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly lendsSpace = true;
  bytesTaken = 0;
  readonly #conn: Deno.TcpConn;
  #handler: ConnectionHandler | undefined;
  #reading = false;
  #writing = false;
  #paused = false;
  #readEnded = false;
  #finWanted = false;
  #writeEnded = false;
  #closed = false;
  #closeDelivered = false;
  #error: Error | undefined;

  /** @param conn A connected socket, owned by the new object from now on. */
  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.remote = socketAddress(conn.remoteAddr.hostname, conn.remoteAddr.port);
    this.local = socketAddress(conn.localAddr.hostname, conn.localAddr.port);
    try {
      conn.setNoDelay(true);
      conn.setKeepAlive(true);
    } catch {
      // The peer is gone already; the first read says so.
    }
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#closed) this.#settleSoon();
    else this.#beginReading(handler);
  }

  resume(): void {
    if (!this.#paused || this.#handler === undefined) return;
    this.#paused = false;
    this.#beginReading(this.#handler);
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#finWanted) return false;
    this.#writing = true;
    void this.#writeAll(bytes); // It and its like never reject: what fails closes the connection.
    return false;
  }

  closeWrite(): void {
    if (this.#closed || this.#finWanted) return;
    this.#finWanted = true;
    if (!this.#writing) void this.#sendFin();
  }

  close(): void {
    if (this.#closed) return;
    this.#shut();
    this.#settleSoon();
  }

  reset(): void {
    this.close();
  }

  #beginReading(handler: ConnectionHandler): void {
    this.#reading = true;
    void this.#readLoop(handler);
  }

  async #readLoop(handler: ConnectionHandler): Promise<void> {
    // Begins one microtask later: neither start() nor resume() may call the handler.
    await NEXT_MICROTASK;
    try {
      while (!this.#closed) {
        const space = handler.space();
        let count: number | null;
        try {
          count = await this.#conn.read(space);
        } catch (error) {
          this.#fail(lostError(this.remote, error));
          break;
        }
        if (this.#closed) break;
        if (count === null) {
          this.#readEnded = true;
          handler.end();
          break;
        }
        if (!handler.data(count === space.length ? space : space.subarray(0, count))) {
          this.#paused = true;
          break;
        }
      }
    } catch (error) {
      this.#fail(toError(error));
    }
    this.#reading = false;
    this.#settle();
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    try {
      for (let offset = 0; offset < bytes.length && !this.#closed;) {
        const taken = await this.#conn.write(offset === 0 ? bytes : bytes.subarray(offset));
        offset += taken;
        this.bytesTaken += taken;
      }
    } catch (error) {
      this.#fail(lostError(this.remote, error));
    }
    this.#writing = false;
    if (this.#closed) return this.#settle();
    if (this.#finWanted) void this.#sendFin();
    try {
      this.#handler?.drain();
    } catch (error) {
      this.#fail(toError(error));
      this.#settle();
    }
  }

  async #sendFin(): Promise<void> {
    this.#writing = true;
    try {
      await this.#conn.closeWrite();
    } catch (error) {
      // Fails when the peer has reset the connection. With its end already read nothing is lost by that.
      if (!this.#readEnded) this.#fail(lostError(this.remote, error));
    }
    this.#writing = false;
    this.#writeEnded = true;
    this.#settle();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#error = error;
    this.#shut();
  }

  #shut(): void {
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // Closed by the runtime before.
    }
  }

  #settleSoon(): void {
    queueMicrotask(() => this.#settle());
  }

  #settle(): void {
    if (this.#reading || this.#writing) return;
    if (!this.#closed && this.#readEnded && this.#writeEnded) this.#shut();
    if (!this.#closed || this.#closeDelivered || this.#handler === undefined) return;
    this.#closeDelivered = true;
    this.#handler.close(this.#error);
  }
}
