/**
 * A plain socket for tests: what a visitor or a local service is, and what a frame puppet speaks over. It reads only while
 * it is told to, and every wait has a deadline.
 *
 * @module
 */
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, Listener, SocketAddress } from "../../src/runtime/types.ts";
import { within } from "./deadline.ts";

const LOOPBACK = "127.0.0.1";
const SPACE_BYTES = 64 * 1024;

/** How a socket came to its end. */
export interface SocketEnd {
  /** Undefined when both directions ended cleanly, or this side closed. */
  readonly error: Error | undefined;
}

/** Options of a {@linkcode RawSocket}. */
export interface RawSocketOptions {
  /** See {@linkcode RawSocket.onData}. */
  readonly onData?: (chunk: Uint8Array) => void;
  /** Reads nothing until `resume`. @default false */
  readonly paused?: boolean;
}

/** A connected socket. */
export class RawSocket {
  readonly connection: Connection;
  /** Resolves when the socket is over in both directions. */
  readonly closed: Promise<SocketEnd>;
  /** Resolves when the peer has ended its direction, or the socket is over. */
  readonly ended: Promise<void>;
  /** Bytes that have arrived. */
  bytesReceived = 0;
  /** Takes what arrives, valid only during the call. @default it is kept for `read` */
  onData: (chunk: Uint8Array) => void;
  #space: Uint8Array | undefined;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #paused: boolean;
  #started = false;
  #isEnded = false;
  #isClosed = false;
  /** Told of each arrival and of the end. */
  #awaited: (() => void) | undefined;
  #writes: Promise<boolean> = Promise.resolve(true);
  #written: ((taken: boolean) => void) | undefined;
  #resolveClosed: (end: SocketEnd) => void = () => {};
  #resolveEnded: () => void = () => {};

  /** @param connection Not started yet. @param options Who takes what arrives, and when. */
  constructor(connection: Connection, options: RawSocketOptions = {}) {
    this.connection = connection;
    this.onData = options.onData ?? ((chunk) => this.#keep(chunk));
    this.#paused = options.paused ?? false;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.ended = new Promise((resolve) => this.#resolveEnded = resolve);
    if (!this.#paused) this.start();
  }

  /** Whether the peer has ended its direction, or the socket is over. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Whether the socket is over. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes the next `count` bytes. @throws {Error} when the peer ends before, or they do not come */
  async read(count: number, deadlineMs?: number): Promise<Uint8Array> {
    const enough = new Promise<void>((resolve) => {
      this.#awaited = () => {
        if (this.#keptBytes >= count || this.#isEnded) resolve();
      };
      this.#awaited();
    });
    await within(enough, `${count} bytes`, deadlineMs);
    this.#awaited = undefined;
    if (this.#keptBytes < count) throw new Error(`The peer ended after ${this.#keptBytes} of ${count} bytes`);
    const all = this.#takeKept();
    if (all.length > count) this.#keep(all.subarray(count));
    return all.subarray(0, count);
  }

  /** Takes everything up to the peer's end. @throws {Error} when it does not come, or the socket breaks */
  async readToEnd(deadlineMs?: number): Promise<Uint8Array> {
    await within(this.ended, "the end of the peer's direction", deadlineMs);
    const error = this.#isClosed ? (await this.closed).error : undefined;
    if (error !== undefined) throw error;
    return this.#takeKept();
  }

  /** Writes all of `bytes`. Resolves with whether the kernel has taken them; false: the socket is over. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#writes = this.#writes.then((open) => {
      if (!open || this.#isClosed) return false;
      if (bytes.length === 0 || this.connection.write(bytes)) return true;
      if (this.#isClosed) return false;
      return new Promise<boolean>((resolve) => this.#written = resolve);
    });
  }

  /** Ends this direction, after what was written. */
  async end(): Promise<void> {
    await this.#writes;
    this.connection.closeWrite();
  }

  /** Reads no more, once what the runtime has read already is here. */
  pause(): void {
    this.#paused = true;
  }

  /** Reads again. */
  resume(): void {
    this.#paused = false;
    if (this.#started) this.connection.resume();
    else this.start();
  }

  /** Closes, and waits until that is done. */
  async close(): Promise<void> {
    this.start();
    this.connection.close();
    await within(this.closed, "a socket to close");
  }

  /** Closes as abruptly as the runtime can, and waits until that is done. */
  async reset(): Promise<void> {
    this.start();
    this.connection.reset();
    await within(this.closed, "a socket to close");
  }

  /** Lets a paused socket write: it then reads the first chunk that comes, and no more. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.connection.start({
      space: () => this.#space ??= new Uint8Array(SPACE_BYTES),
      data: (chunk) => this.#arrived(chunk),
      end: () => this.#peerEnded(),
      drain: () => this.#wrote(true),
      close: (error) => this.#over(error),
    });
  }

  #arrived(chunk: Uint8Array): boolean {
    this.bytesReceived += chunk.length;
    this.onData(chunk);
    this.#awaited?.();
    return !this.#paused;
  }

  #keep(chunk: Uint8Array): void {
    this.#kept.push(chunk.slice());
    this.#keptBytes += chunk.length;
  }

  #takeKept(): Uint8Array {
    const all = new Uint8Array(this.#keptBytes);
    let at = 0;
    for (const chunk of this.#kept) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#kept = [];
    this.#keptBytes = 0;
    return all;
  }

  #peerEnded(): void {
    this.#isEnded = true;
    this.#resolveEnded();
    this.#awaited?.();
  }

  #over(error: Error | undefined): void {
    this.#isClosed = true;
    this.#resolveClosed({ error });
    this.#peerEnded();
    this.#wrote(false);
  }

  #wrote(taken: boolean): void {
    const resolve = this.#written;
    this.#written = undefined;
    resolve?.(taken);
  }
}

/** Connects to a port of this machine. */
export async function connectSocket(
  address: SocketAddress,
  options: RawSocketOptions = {},
): Promise<RawSocket> {
  return new RawSocket(await runtime.connect({ hostname: LOOPBACK, port: address.port }), options);
}

/** A listener for tests. */
export interface TestListener {
  readonly address: SocketAddress;
  /** The next connection that was accepted, in order. */
  next(): Promise<RawSocket>;
  /** Stops accepting, and closes every socket that was accepted. */
  close(): Promise<void>;
}

/** Options of {@linkcode listenSockets}. */
export interface ListenSocketsOptions {
  /** How accepted sockets read. */
  readonly socket?: RawSocketOptions;
  /** Plays a service: told of each socket. Without it `next` hands them out. */
  readonly onSocket?: (socket: RawSocket) => void;
}

/** Listens on a free port of this machine. */
export async function listenSockets(options: ListenSocketsOptions = {}): Promise<TestListener> {
  /** Those that are not over: a listener may serve very many, one after the other. */
  const sockets = new Set<RawSocket>();
  const waiting: RawSocket[] = [];
  let awaited: ((socket: RawSocket) => void) | undefined;
  const listener: Listener = await runtime.listen({
    hostname: LOOPBACK,
    port: 0,
    onConnection: (connection) => {
      const socket = new RawSocket(connection, options.socket);
      sockets.add(socket);
      void socket.closed.then(() => sockets.delete(socket));
      if (options.onSocket !== undefined) return options.onSocket(socket);
      if (awaited === undefined) waiting.push(socket);
      else awaited(socket);
      awaited = undefined;
    },
  });
  return {
    address: listener.address,
    next: () => {
      const first = waiting.shift();
      if (first !== undefined) return Promise.resolve(first);
      return within(new Promise<RawSocket>((resolve) => awaited = resolve), "a connection to be accepted");
    },
    close: async () => {
      await listener.close();
      await Promise.all([...sockets].map((socket) => socket.close()));
    },
  };
}
