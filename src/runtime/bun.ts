/**
 * Bun: its own TCP for plain connections, `node:tls` for TLS, and what else the program asks of it.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import process from "node:process";
import { socketAddress } from "./_address.ts";
import { BunConnection, SOCKET_EVENTS } from "./_bun_connection.ts";
import { bunGlobal, type BunListener, type BunServer, type BunSocketHandlers } from "./_bun_types.ts";
import { connectError, connectTimeout, listenError, toError } from "./_errors.ts";
import { DEFAULT_CONNECT_TIMEOUT_MS, HTTP_STOP_GRACE_MS } from "./_limits.ts";
import { connectTls, listenTls } from "./_tls_sockets.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Runtime,
  ServeHttpOptions,
  Signal,
  SocketAddress,
} from "./types.ts";

/** Bun closes a connection that was idle for this long. Its largest legal value; event streams must send something sooner. */
const HTTP_IDLE_TIMEOUT_S = 255;

/** Bun as a {@linkcode Runtime}. */
export const bunRuntime: Runtime = {
  name: "bun",
  get version() {
    return bunGlobal().version;
  },
  connect,
  listen,
  serveHttp,
  hostname,
  env: (name) => process.env[name],
  readTextFile: (path) => bunGlobal().file(path).text(),
  args: () => process.argv.slice(2),
  isTerminal: () => process.stderr.isTTY === true,
  onSignal,
  exit: (code) => process.exit(code),
  residentBytes,
};

async function connect(options: ConnectOptions): Promise<Connection> {
  if (options.tls !== undefined) return await connectTls(options);
  const { timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const dial = new Dial(options);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      dial.abandon();
      reject(connectTimeout(options, timeoutMs));
    }, timeoutMs);
  });
  try {
    return await Promise.race([dial.run(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** One attempt to reach a host: its addresses one after the other. */
class Dial {
  readonly #target: SocketAddress;
  #current: BunConnection | undefined;
  #abandoned = false;

  constructor(target: SocketAddress) {
    this.#target = target;
  }

  /** Gives up. Bun cannot take back a connect; the socket is closed when it comes into being, or fails by itself. */
  abandon(): void {
    this.#abandoned = true;
    this.#current?.abandon();
  }

  async run(): Promise<Connection> {
    let lastError: unknown;
    for (const hostname of await this.#resolve()) {
      if (this.#abandoned) break;
      const connection = this.#current = new BunConnection();
      try {
        await bunGlobal().connect({
          hostname,
          port: this.#target.port,
          allowHalfOpen: true,
          data: connection,
          socket: SOCKET_EVENTS,
        });
        return connection;
      } catch (error) {
        lastError = error;
      }
    }
    throw connectError(this.#target, lastError);
  }

  /** Bun.connect remembers for half a minute what a name resolved to; this does not. */
  async #resolve(): Promise<string[]> {
    const { hostname } = this.#target;
    if (isIP(hostname) !== 0) return [hostname];
    try {
      return (await lookup(hostname, { all: true })).map((found) => found.address);
    } catch (error) {
      throw connectError(this.#target, error);
    }
  }
}

async function listen(options: ListenOptions): Promise<Listener> {
  if (options.tls !== undefined) return await listenTls(options);
  const { hostname, port } = options;
  try {
    const listener = bunGlobal().listen({
      hostname,
      port,
      allowHalfOpen: true,
      socket: acceptEvents(options),
    });
    return new BunTcpListener(listener, hostname);
  } catch (error) {
    throw listenError(options, error);
  }
}

function acceptEvents(options: ListenOptions): BunSocketHandlers<BunConnection> {
  return {
    ...SOCKET_EVENTS,
    open: (socket) => {
      const connection = new BunConnection();
      connection.attach(socket);
      try {
        options.onConnection(connection);
      } catch (error) {
        connection.close();
        options.onError?.(toError(error));
      }
      connection.holdUntilStarted();
    },
  };
}

class BunTcpListener implements Listener {
  readonly address: SocketAddress;
  readonly #listener: BunListener;

  constructor(listener: BunListener, hostname: string) {
    this.#listener = listener;
    this.address = socketAddress(listener.hostname || hostname, listener.port);
  }

  close(): Promise<void> {
    this.#listener.stop(false);
    return Promise.resolve();
  }
}

function serveHttp(options: ServeHttpOptions): Promise<Listener> {
  return Promise.resolve().then(() => new BunHttpListener(options));
}

class BunHttpListener implements Listener {
  readonly address: SocketAddress;
  readonly #server: BunServer;

  constructor(options: ServeHttpOptions) {
    const { hostname, port, fetch } = options;
    try {
      this.#server = bunGlobal().serve({
        hostname,
        port,
        idleTimeout: HTTP_IDLE_TIMEOUT_S,
        fetch,
        error: (error) => {
          options.onError?.(error);
          return new Response("Internal server error", { status: 500 });
        },
      });
    } catch (error) {
      throw listenError(options, error);
    }
    this.address = socketAddress(this.#server.hostname, this.#server.port);
  }

  async close(): Promise<void> {
    let graceTimer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => graceTimer = setTimeout(resolve, HTTP_STOP_GRACE_MS));
    await Promise.race([this.#server.stop(false), grace]);
    clearTimeout(graceTimer);
    await this.#server.stop(true);
  }
}

function onSignal(signal: Signal, handler: () => void): () => void {
  process.on(signal, handler);
  return () => process.off(signal, handler);
}

function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    // Out of descriptors: Bun opens a file to find out.
    return undefined;
  }
}
