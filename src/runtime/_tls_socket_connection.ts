/**
 * The connection contract over a TLS socket of `node:tls`.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { socketAddress } from "./_address.ts";
import { lostError, toError } from "./_errors.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** Idle time after which the kernel asks whether the peer still lives. */
const KEEP_ALIVE_DELAY_MS = 60_000;
/** How long a close waits for the kernel to take the last record. */
const CLOSE_NOTIFY_TIMEOUT_MS = 1_000;

/**
 * Speaks for one TLS socket whose handshake is over. The socket's stream does not flow before `start`, because nobody
 * listens to its data. A write is done when its callback has been called; one is outstanding at a time.
 */
export class TlsSocketConnection implements Connection {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly lendsSpace = false;
  readonly #socket: TLSSocket;
  #handler: ConnectionHandler | undefined;
  #paused = false;
  #writing = false;
  #finWanted = false;
  #finSent = false;
  #endDelivered = false;
  #closedHere = false;
  #failed = false;
  #over = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #closeDelivered = false;
  #error: Error | undefined;

  /** @param socket A socket made with `allowHalfOpen`, owned by the new object from now on. */
  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.remote = socketAddress(socket.remoteAddress, socket.remotePort);
    this.local = socketAddress(socket.localAddress, socket.localPort);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.on("error", (error) => this.#fail(lostError(this.remote, error)));
    socket.on("close", () => {
      this.#over = true;
      clearTimeout(this.#closeTimer);
      this.#deliverClose();
    });
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.#begin(handler));
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over || this.#closedHere || this.#finWanted) return false;
    this.#writing = true;
    this.#socket.write(bytes, this.#onWritten);
    return false;
  }

  closeWrite(): void {
    if (this.#over || this.#closedHere || this.#finWanted) return;
    this.#finWanted = true;
    if (!this.#writing) this.#sendFin();
  }

  close(): void {
    if (this.#over || this.#closedHere) return;
    this.#closedHere = true;
    if (this.#writing) {
      this.#socket.destroy();
      return;
    }
    // Ends with a close_notify, unless the kernel takes none because the peer has stopped reading.
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), CLOSE_NOTIFY_TIMEOUT_MS);
    this.#socket.destroySoon();
  }

  reset(): void {
    if (this.#over || this.#closedHere) return;
    this.#closedHere = true;
    this.#socket.resetAndDestroy();
  }

  #begin(handler: ConnectionHandler): void {
    if (this.#over) return this.#deliverClose();
    this.#socket.on("end", () =>
      this.#guard(() => {
        if (this.#endDelivered) return;
        this.#endDelivered = true;
        handler.end();
      }));
    this.#socket.on("data", (chunk: Uint8Array) =>
      this.#guard(() => {
        if (handler.data(chunk)) return;
        this.#paused = true;
        this.#socket.pause();
      }));
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#writing = false;
    // A failed write is followed by the socket's `close`.
    if (this.#over || this.#closedHere || (error !== undefined && error !== null)) return;
    if (this.#finWanted) this.#sendFin();
    this.#guard(() => this.#handler?.drain());
  };

  #sendFin(): void {
    this.#finSent = true;
    this.#socket.end();
  }

  #deliverClose(): void {
    const handler = this.#handler;
    if (handler === undefined || this.#closeDelivered) return;
    this.#closeDelivered = true;
    const clean = this.#closedHere || (this.#endDelivered && this.#finSent && !this.#failed);
    handler.close(clean ? undefined : this.#error ?? lostError(this.remote, undefined));
  }

  /** What the handler throws closes the connection. */
  #guard(call: () => void): void {
    if (this.#closedHere || this.#failed) return;
    try {
      call();
    } catch (error) {
      this.#fail(toError(error));
    }
  }

  /** Bun does not close a half-open socket by itself when it fails, and tells of an end. */
  #fail(error: Error): void {
    this.#failed = true;
    this.#error ??= error;
    this.#socket.destroy();
  }
}
