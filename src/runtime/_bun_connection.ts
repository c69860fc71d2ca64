/**
 * The connection contract over Bun's own TCP.
 *
 * @module
 */
import { socketAddress } from "./_address.ts";
import { afterTurn } from "./_after_turn.ts";
import { lostError, toError } from "./_errors.ts";
import type { BunSocket, BunSocketHandlers } from "./_bun_types.ts";
import type { Connection, ConnectionHandler, SocketAddress } from "./types.ts";

/** Idle time after which the kernel asks whether the peer still lives. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** A chunk of this size is one of many: the next is on its way, and would only have to be kept. */
const PAUSE_AT_ONCE_BYTES = 64 * 1024;

const UNKNOWN = socketAddress(undefined, undefined);

/** A socket of Bun that carries its connection. */
export type ConnectionSocket = BunSocket<BunConnection>;

/**
 * Takes Bun's events from {@linkcode SOCKET_EVENTS} and hands them on. What Bun may still deliver after `pause`, or before
 * `start`, is kept and delivered later; what it calls from within `write`, `end` or `shutdown` is put off by a microtask.
 */
export class BunConnection implements Connection {
  remote: SocketAddress;
  readonly lendsSpace = false;
  readonly afterTurn = afterTurn;
  bytesTaken = 0;
  #socket: ConnectionSocket | undefined;
  #handler: ConnectionHandler | undefined;
  /** Paused until started. */
  #paused = true;
  #socketPaused = false;
  /** Data that came although paused. */
  #held: Uint8Array[] | undefined;
  #endSeen = false;
  #endDelivered = false;
  #closeDelivered = false;
  /** Bun has closed the socket. */
  #over = false;
  #closedHere = false;
  #error: Error | undefined;
  /** The part of a write that the kernel has not taken yet. */
  #rest: Uint8Array | undefined;
  #restOffset = 0;
  /** The kernel refused a write. That has taken the socket's error, so that what Bun reads next looks like a plain end. */
  #writeFailed = false;
  #finWanted = false;
  #finSent = false;
  #abandoned = false;

  /** @param remote The other end, where it is dialled; asked for when the socket is there, otherwise. */
  constructor(remote: SocketAddress = UNKNOWN) {
    this.remote = remote;
  }

  get local(): SocketAddress {
    return socketAddress(this.#socket?.localAddress, this.#socket?.localPort);
  }

  /** Takes the socket that has just been opened. */
  attach(socket: ConnectionSocket): void {
    this.#socket = socket;
    socket.data = this;
    if (this.#abandoned) {
      socket.terminate();
      return;
    }
    if (this.remote === UNKNOWN) this.remote = socketAddress(socket.remoteAddress, socket.remotePort);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  }

  /** Nobody waits for the connection any more: it is reset when it comes into being, or now. */
  abandon(): void {
    this.#abandoned = true;
    this.#socket?.terminate();
  }

  start(handler: ConnectionHandler): void {
    this.#handler = handler;
    this.#paused = false;
    this.#resumeSocket();
    this.#deliverSoon();
  }

  resume(): void {
    if (!this.#paused || this.#handler === undefined) return;
    this.#paused = false;
    if (!this.#over) this.#resumeSocket();
    if (this.#held !== undefined || this.#endSeen || this.#over) this.#deliverSoon();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined || this.#over || this.#closedHere || this.#finWanted) return false;
    const taken = socket.write(bytes, 0, bytes.length);
    this.bytesTaken += Math.max(taken, 0);
    if (taken === bytes.length) return true;
    if (taken < 0) this.#writeFailed = true;
    this.#rest = bytes;
    this.#restOffset = Math.max(taken, 0);
    return false;
  }

  closeWrite(): void {
    if (this.#finWanted || this.#over || this.#closedHere) return;
    this.#finWanted = true;
    if (this.#rest === undefined) this.#sendFin();
  }

  close(): void {
    this.#closeHere("end");
  }

  reset(): void {
    this.#closeHere("terminate");
  }

  #closeHere(how: "end" | "terminate"): void {
    if (this.#closedHere) return;
    this.#closedHere = true;
    // Bun may have closed it while the handler wants no more: then nobody waits for what is held any more.
    if (this.#over) this.#deliverSoon();
    else this.#socket?.[how]();
  }

  /** Bun has read. */
  onData(chunk: Uint8Array): void {
    if (!this.#paused) {
      if (this.#closedHere || this.#handler?.data(chunk) !== false) return;
      this.#paused = true;
      // After a small chunk the socket itself is paused only if more comes before `resume`: mostly none does, and to pause
      // and resume for every message would cost two system calls each.
      if (chunk.length >= PAUSE_AT_ONCE_BYTES) this.#pauseSocket();
      return;
    }
    (this.#held ??= []).push(chunk);
    this.#pauseSocket();
  }

  /** Bun can write again. */
  onDrain(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#closedHere || this.#socket === undefined) return;
    const left = rest.length - this.#restOffset;
    const taken = this.#socket.write(rest, this.#restOffset, left);
    this.bytesTaken += Math.max(taken, 0);
    if (taken < left) {
      if (taken < 0) this.#writeFailed = true;
      this.#restOffset += Math.max(taken, 0);
      return;
    }
    this.#rest = undefined;
    if (this.#finWanted) this.#sendFin();
    this.#handler?.drain();
  }

  /** Bun has read FIN. */
  onEnd(): void {
    if (this.#writeFailed) {
      this.#error ??= lostError(this.remote, undefined);
      this.#socket?.terminate();
      return;
    }
    this.#endSeen = true;
    this.#deliver();
  }

  /** Bun has closed the socket. */
  onClose(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#rest = undefined;
    if (!this.#closedHere && this.#error === undefined) {
      if (error !== undefined && error !== null) this.#error = lostError(this.remote, error);
      // With FIN sent Bun closes the socket as soon as the peer's FIN is read, and leaves out `end`.
      else if (this.#finSent && !this.#writeFailed) this.#endSeen = true;
      else this.#error = lostError(this.remote, undefined);
    }
    this.#deliverSoon();
  }

  /** A function of the handler threw. */
  onThrown(error: unknown): void {
    if (this.#closedHere || this.#over) return;
    this.#error = toError(error);
    this.#socket?.terminate();
  }

  #sendFin(): void {
    this.#finSent = true;
    this.#socket?.shutdown();
  }

  #pauseSocket(): void {
    if (this.#socketPaused || this.#over) return;
    this.#socketPaused = true;
    this.#socket?.pause();
  }

  #resumeSocket(): void {
    if (!this.#socketPaused || this.#held !== undefined) return;
    this.#socketPaused = false;
    this.#socket?.resume();
  }

  #deliverSoon(): void {
    queueMicrotask(() => {
      try {
        this.#deliver();
      } catch (error) {
        this.onThrown(error);
      }
    });
  }

  /** Hands on what is held, then the end, then the close, as far as the handler wants it. */
  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined || this.#closeDelivered) return;
    if (!this.#closedHere && this.#error === undefined) {
      if (!this.#deliverHeld(handler)) return;
      if (this.#endSeen && !this.#endDelivered) {
        this.#endDelivered = true;
        handler.end();
      }
    }
    if (!this.#over) return;
    this.#closeDelivered = true;
    this.#held = undefined;
    handler.close(this.#error);
  }

  /** @returns whether the handler would take more */
  #deliverHeld(handler: ConnectionHandler): boolean {
    while (this.#held !== undefined && !this.#paused && !this.#closedHere) {
      const chunk = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (chunk !== undefined && !handler.data(chunk)) this.#paused = true;
    }
    if (!this.#paused && !this.#over) this.#resumeSocket();
    return !this.#paused;
  }
}

/** The events of every socket whose `data` is a {@linkcode BunConnection}: no closure per socket or event. */
export const SOCKET_EVENTS: BunSocketHandlers<BunConnection> = {
  open: (socket) => socket.data.attach(socket),
  data: (socket, chunk) => socket.data.onData(chunk),
  drain: (socket) => socket.data.onDrain(),
  end: (socket) => socket.data.onEnd(),
  close: (socket, error) => socket.data.onClose(error),
  error: (socket, error) => socket.data.onThrown(error),
  connectError: () => {},
};
