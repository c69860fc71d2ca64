/**
 * The connection contract over a TLS socket of `node:tls`.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { socketAddress } from "./_address.ts";
import { afterTurn } from "./_after_turn.ts";
import { lostError, toError } from "./_errors.ts";
import { agreedProtocol, askedName, peerFingerprint } from "./_tls_facts.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** Idle time after which the kernel asks whether the peer still lives. */
const KEEP_ALIVE_DELAY_MS = 60_000;
/** How long a close waits for the kernel to take what was written, and the last record. */
const CLOSE_NOTIFY_TIMEOUT_MS = 1_000;

/** Bun does not tell how much of a write the kernel has taken, so that a large one goes out in pieces of this size. */
const PIECE_BYTES = 64 * 1024;

/**
 * Speaks for one TLS socket whose handshake is over. The socket's stream does not flow before `start`, because nobody
 * listens to its data. A write is done when its callback has been called; one is outstanding at a time.
 */
export class TlsSocketConnection implements Connection {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly alpn: string | undefined;
  readonly serverName: string | undefined;
  readonly lendsSpace = false;
  readonly afterTurn = afterTurn;
  bytesTaken = 0;
  readonly #socket: TLSSocket;
  #handler: ConnectionHandler | undefined;
  #paused = false;
  #writing = false;
  /** The piece of a write that is on its way, and what comes after it. */
  #pieceBytes = 0;
  #rest: Uint8Array | undefined;
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
    this.alpn = agreedProtocol(socket);
    this.serverName = askedName(socket);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.on("error", (error) => this.#fail(lostError(this.remote, error)));
    socket.on("close", () => {
      this.#over = true;
      clearTimeout(this.#closeTimer);
      this.#deliverClose();
    });
  }

  get peerFingerprint(): string | undefined {
    return peerFingerprint(this.#socket);
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
    this.#writePiece(bytes);
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
    // What was written goes out first, then a close_notify, unless the kernel takes none because the peer has stopped reading.
    this.#closeTimer = setTimeout(() => this.#socket.destroy(), CLOSE_NOTIFY_TIMEOUT_MS);
    if (!this.#writing) this.#socket.destroySoon();
  }

  reset(): void {
    if (this.#over || this.#closedHere) return;
    this.#closedHere = true;
    this.#rest = undefined;
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

  #writePiece(bytes: Uint8Array): void {
    const piece = bytes.length <= PIECE_BYTES ? bytes : bytes.subarray(0, PIECE_BYTES);
    this.#rest = piece === bytes ? undefined : bytes.subarray(PIECE_BYTES);
    this.#pieceBytes = piece.length;
    this.#socket.write(piece, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    // A failed write is followed by the socket's `close`.
    if (this.#over || (error !== undefined && error !== null)) return;
    this.bytesTaken += this.#pieceBytes;
    if (this.#rest !== undefined) return this.#writePiece(this.#rest);
    this.#writing = false;
    if (this.#closedHere) return this.#socket.destroySoon();
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
