/**
 * The connection contract over Deno's own TCP.
 *
 * @module
 */
import { socketAddress } from "./_address.ts";
import { lostError, toError } from "./_errors.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** Goes on in the next microtask. */
const NEXT_MICROTASK = Promise.resolve();
const NO_SPACE = new Uint8Array(0);

/**
 * Pulls with one read and pushes with one write at a time. Reading ends when the handler wants no more, and is begun
 * anew by `resume`, so that a paused connection holds no promise and no buffer. `close` of the handler waits until
 * the pending read and write have given their buffers back.
 *
 * Thousands of these wait in a read at once. Hence callbacks, no loop that awaits, and addresses that are made when asked for.
 */
export class DenoConnection implements Connection {
  readonly lendsSpace = true;
  bytesTaken = 0;
  readonly #conn: Deno.TcpConn;
  #handler: ConnectionHandler | undefined;
  /** What the pending read fills. */
  #space: Uint8Array = NO_SPACE;
  #reading = false;
  #writing = false;
  #paused = false;
  #readEnded = false;
  #finWanted = false;
  #writeEnded = false;
  #closed = false;
  #closeDelivered = false;
  #error: Error | undefined;
  readonly #read = (): void => {
    const handler = this.#handler;
    if (this.#closed || handler === undefined) return this.#endReading();
    try {
      this.#space = handler.space();
    } catch (error) {
      this.#fail(toError(error));
      return this.#endReading();
    }
    this.#conn.read(this.#space).then(this.#arrived, this.#readFailed);
  };
  readonly #arrived = (count: number | null): void => {
    const space = this.#space;
    this.#space = NO_SPACE;
    const handler = this.#handler;
    if (this.#closed || handler === undefined) return this.#endReading();
    try {
      if (count === null) {
        this.#readEnded = true;
        handler.end();
      } else if (handler.data(count === space.length ? space : space.subarray(0, count))) {
        return this.#read();
      } else this.#paused = true;
    } catch (error) {
      this.#fail(toError(error));
    }
    this.#endReading();
  };
  readonly #readFailed = (error: unknown): void => {
    this.#space = NO_SPACE;
    this.#lost(error);
    this.#endReading();
  };

  /** @param conn A connected socket, owned by the new object from now on. */
  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    try {
      conn.setNoDelay(true);
      conn.setKeepAlive(true);
    } catch {
      // The peer is gone already; the first read says so.
    }
  }

  get remote(): SocketAddress {
    const { hostname, port } = this.#conn.remoteAddr;
    return socketAddress(hostname, port);
  }

  get local(): SocketAddress {
    const { hostname, port } = this.#conn.localAddr;
    return socketAddress(hostname, port);
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    if (this.#closed) this.#settleSoon();
    else this.#beginReading();
  }

  resume(): void {
    if (!this.#paused || this.#handler === undefined) return;
    this.#paused = false;
    this.#beginReading();
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

  #beginReading(): void {
    this.#reading = true;
    // One microtask later: neither start() nor resume() may call the handler.
    void NEXT_MICROTASK.then(this.#read);
  }

  #endReading(): void {
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
      this.#lost(error);
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
      if (!this.#readEnded) this.#lost(error);
    }
    this.#writing = false;
    this.#writeEnded = true;
    this.#settle();
  }

  /** The system says so; not to be told when the connection was closed here, since then every pending call fails. */
  #lost(error: unknown): void {
    if (!this.#closed) this.#fail(lostError(this.remote, error));
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
