/**
 * The part of Bun's interface that is used here. Bun's own types would have to be installed, and would hide Deno's.
 *
 * @module
 */

/** A TCP socket. `Data` is what the program hangs on it. */
export interface BunSocket<Data> {
  data: Data;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** @returns how many bytes the kernel took; -1 when the socket is closed or its direction has ended */
  write(bytes: Uint8Array, offset: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Sends FIN. */
  shutdown(): void;
  /** Closes; what the kernel has is still sent. Calls `close` before it returns. */
  end(): void;
  /** Closes with RST. Calls `close` before it returns. */
  terminate(): void;
  setNoDelay(on: boolean): boolean;
  setKeepAlive(on: boolean, initialDelayMs: number): boolean;
}

/** Events of a socket, one object for many sockets. */
export interface BunSocketHandlers<Data> {
  open(socket: BunSocket<Data>): void;
  data(socket: BunSocket<Data>, chunk: Uint8Array): void;
  drain(socket: BunSocket<Data>): void;
  /** The peer sent FIN. */
  end(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>, error?: unknown): void;
  /** One of these functions threw. */
  error(socket: BunSocket<Data>, error: unknown): void;
  connectError(socket: BunSocket<Data>, error: unknown): void;
}

/** A listening socket. */
export interface BunListener {
  readonly hostname: string;
  readonly port: number;
  stop(closeConnections: boolean): void;
}

/** A web server. */
export interface BunServer {
  readonly hostname: string;
  readonly port: number;
  stop(closeConnections: boolean): Promise<void>;
}

/** The global object `Bun`. */
export interface BunGlobal {
  readonly version: string;
  connect<Data>(options: {
    hostname: string;
    port: number;
    allowHalfOpen: boolean;
    data: Data;
    socket: BunSocketHandlers<Data>;
  }): Promise<BunSocket<Data>>;
  listen<Data>(options: {
    hostname: string;
    port: number;
    allowHalfOpen: boolean;
    socket: BunSocketHandlers<Data>;
  }): BunListener;
  serve(options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    fetch: (request: Request) => Response | Promise<Response>;
    error: (error: Error) => Response;
  }): BunServer;
  file(path: string): { text(): Promise<string> };
}

/** Bun's global object. Read at each use: the file that asks is also loaded under Deno. */
export function bunGlobal(): BunGlobal {
  return (globalThis as unknown as { Bun: BunGlobal }).Bun;
}
