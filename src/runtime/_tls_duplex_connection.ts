/**
 * The connection contract over TLS over a connection.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import type { ConnectionDuplex } from "./_tls_duplex.ts";
import { lostError, toError } from "./_errors.ts";
import { agreedProtocol, askedName, peerFingerprint } from "./_tls_facts.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** How long a close waits for the kernel to take what was written, and the last record. */
const CLOSE_NOTIFY_TIMEOUT_MS = 1_000;

/**
 * Speaks for one TLS socket whose handshake is over, and which runs over a {@linkcode ConnectionDuplex}.
 *
 * - The TLS socket itself is never paused. To pause, the duplex stops reading; what TLS has decrypted already is held here.
 * - A write is done when TLS has taken it and the duplex has brought all of its ciphertext to the kernel.
 * - The peer's direction has ended when TLS says so because of a close_notify. A FIN without one is an error.
 */
export class TlsDuplexConnection implements Connection {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly alpn: string | undefined;
  readonly serverName: string | undefined;
  readonly lendsSpace = false;
  readonly #socket: TLSSocket;
  readonly #duplex: ConnectionDuplex;
  #handler: ConnectionHandler | undefined;
  /** Paused until started. */
  #paused = true;
  #held: Uint8Array[] = [];
  #endSeen = false;
  #endDelivered = false;
  /** A write that TLS has not taken, or whose ciphertext is not with the kernel. */
  #writing = false;
  #taken = false;
  #finWanted = false;
  #finSent = false;
  #over = false;
  #closing = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #endTimer: ReturnType<typeof setTimeout> | undefined;
  #closeDelivered = false;
  #error: Error | undefined;

  /**
   * @param socket Owned by the new object from now on, as is `duplex`.
   * @param duplex What the socket runs over.
   * @param raw The connection under both.
   */
  constructor(socket: TLSSocket, duplex: ConnectionDuplex, raw: Connection) {
    this.#socket = socket;
    this.#duplex = duplex;
    this.remote = raw.remote;
    this.local = raw.local;
    this.alpn = agreedProtocol(socket);
    this.serverName = askedName(socket);
    duplex.hold(true);
    duplex.onRawEnd = () => this.#onRawEnd();
    duplex.onRawClose = (error) => error === undefined ? this.#onRawEnd() : this.#finish(error);
    duplex.onIdle = () => this.#onIdle();
    socket.on("error", (error) => this.#finish(duplex.rawError ?? lostError(this.remote, error)));
    socket.on("data", (chunk: Uint8Array) => this.#guard(() => this.#onData(chunk)));
    socket.on("end", () => this.#guard(() => this.#onEnd()));
    if (duplex.rawError !== undefined) this.#finish(duplex.rawError);
    else if (duplex.rawEnded || duplex.over) this.#onRawEnd();
  }

  get bytesTaken(): number {
    return this.#duplex.bytesTaken;
  }

  get peerFingerprint(): string | undefined {
    return peerFingerprint(this.#socket);
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#paused = false;
    this.#deliverSoon();
  }

  resume(): void {
    if (!this.#paused || this.#handler === undefined) return;
    this.#paused = false;
    this.#deliverSoon();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over || this.#closing || this.#finWanted) return false;
    this.#writing = true;
    this.#taken = false;
    this.#socket.write(bytes, this.#onTaken);
    return false;
  }

  closeWrite(): void {
    if (this.#over || this.#closing || this.#finWanted) return;
    this.#finWanted = true;
    if (!this.#writing) this.#sendFin();
  }

  close(): void {
    if (this.#over || this.#closing) return;
    this.#closing = true;
    if (this.#duplex.over || (this.#finSent && this.#duplex.idle)) {
      this.#finish(undefined);
      return;
    }
    this.#closeTimer = setTimeout(() => this.#finish(undefined), CLOSE_NOTIFY_TIMEOUT_MS);
    // What was written goes out first: its ciphertext is nowhere but in this process.
    const finUnderWay = this.#finWanted;
    this.#finWanted = true;
    if (!this.#writing && !finUnderWay) this.#sendFin();
  }

  reset(): void {
    if (this.#over) return;
    this.#closing = true;
    this.#duplex.resetRaw();
    this.#finish(undefined);
  }

  #onData(chunk: Uint8Array): void {
    if (this.#paused || this.#held.length > 0) {
      this.#held.push(chunk);
    } else if (this.#handler?.data(chunk) === false) {
      this.#paused = true;
      this.#duplex.hold(true);
    }
  }

  #onEnd(): void {
    // A lost connection ends the stream too.
    if (this.#duplex.over && this.#duplex.rawError !== undefined) return;
    this.#endSeen = true;
    this.#deliver();
  }

  #onRawEnd(): void {
    // By then TLS has taken what came before, and has told of a close_notify among it.
    if (this.#over) return;
    this.#endTimer ??= setTimeout(() => {
      // What the handler has not asked for yet, and the end behind it, come first; then `#deliver` finishes.
      if (this.#endSeen && !this.#endDelivered && !this.#closing) return;
      // A close that is still sending needs no end of the peer's, only a connection.
      if (this.#duplex.over || !(this.#endSeen || this.#closing)) {
        this.#finish(lostError(this.remote, undefined));
      }
    }, 0);
  }

  readonly #onTaken = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return;
    this.#taken = true;
    if (this.#duplex.idle) this.#onIdle();
  };

  /** The kernel has all ciphertext that there was. */
  #onIdle(): void {
    if (this.#over) return;
    if (this.#finSent) {
      this.#onFinSent();
    } else if (this.#writing && this.#taken) {
      this.#writing = false;
      if (this.#finWanted) this.#sendFin();
      this.#guard(() => this.#handler?.drain());
    }
  }

  #sendFin(): void {
    // From a microtask: there, the stream hands its close_notify on before it finds that both directions have ended and
    // destroys itself; anywhere else it would do that first, and lose the close_notify.
    queueMicrotask(() => {
      if (this.#over) return;
      this.#socket.end(() => {
        this.#finSent = true;
        if (this.#duplex.idle) this.#onFinSent();
      });
    });
  }

  #onFinSent(): void {
    this.#duplex.closeWriteRaw();
    if (this.#closing || this.#endDelivered) this.#finish(undefined);
  }

  #deliverSoon(): void {
    queueMicrotask(() => this.#guard(() => this.#deliver()));
  }

  /** Hands on what is held, then the end, as far as the handler wants it; then lets the duplex read. */
  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    if (this.#over) {
      this.#deliverClose(handler);
      return;
    }
    while (this.#held.length > 0 && !this.#paused) {
      const chunk = this.#held.shift();
      if (chunk !== undefined && !handler.data(chunk)) this.#paused = true;
      if (this.#over || this.#closing) return;
    }
    if (this.#paused) return;
    if (this.#endSeen && !this.#endDelivered) {
      this.#endDelivered = true;
      handler.end();
      // The connection may be over by now, with or without our own end.
      if (this.#duplex.over) this.#finish(lostError(this.remote, undefined));
      else if (this.#finSent && this.#duplex.idle) this.#finish(undefined);
    }
    if (!this.#over) this.#duplex.hold(false);
  }

  /** The connection is over; `error` unless that was asked for or both directions have ended. */
  #finish(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#closeTimer);
    clearTimeout(this.#endTimer);
    if (!this.#closing && !(this.#endSeen && this.#finSent)) this.#error ??= error;
    this.#duplex.closeRaw();
    this.#socket.destroy();
    this.#duplex.destroy();
    this.#deliverSoon();
  }

  #deliverClose(handler: ConnectionHandler): void {
    if (this.#closeDelivered) return;
    this.#closeDelivered = true;
    this.#held = [];
    handler.close(this.#error);
  }

  /** What the handler throws closes the connection. */
  #guard(call: () => void): void {
    if (this.#closing && !this.#over) return;
    try {
      call();
    } catch (error) {
      this.#finish(toError(error));
    }
  }
}
