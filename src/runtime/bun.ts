/**
 * Bun: its own TCP for plain connections, `node:tls` for TLS, and what else the program asks of it.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { write } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import process from "node:process";
import { TunnelError } from "../errors.ts";
import { socketAddress } from "./_address.ts";
import { BunConnection, SOCKET_EVENTS } from "./_bun_connection.ts";
import { bunGlobal, type BunListener, type BunServer, type BunSocketHandlers } from "./_bun_types.ts";
import { dialInTurn } from "./_dial_in_turn.ts";
import { connectError, connectTimeout, listenError } from "./_errors.ts";
import { askForPlace, handOver } from "./_hand_over.ts";
import { importModule } from "./_import_module.ts";
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
  userId: () => process.getuid?.(),
  env: (name) => process.env[name],
  readTextFile: (path) => bunGlobal().file(path).text(),
  importModule,
  args: () => process.argv.slice(2),
  isTerminal: () => process.stderr.isTTY === true,
  writeOutput,
  onSignal,
  exit: (code) => process.exit(code),
  maxOpenFiles,
  residentBytes,
};

async function connect(options: ConnectOptions): Promise<Connection> {
  if (options.tls !== undefined) return await connectTls(options);
  const { hostname, port, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const startedAt = performance.now();
  const inTime = <Result>(result: Promise<Result>, shareMs: number, giveUp = () => {}): Promise<Result> =>
    withDeadline(result, shareMs, () => {
      giveUp();
      return connectTimeout(options, timeoutMs);
    });
  const attempt = async (address: string, shareMs: number): Promise<Connection> => {
    const connection = new BunConnection({ hostname: address, port });
    // Bun cannot take back a connect; the socket is closed when it comes into being, or fails by itself.
    await inTime(dial(connection), shareMs, () => connection.abandon());
    return connection;
  };
  try {
    if (isIP(hostname) !== 0) return await attempt(hostname, timeoutMs);
    const addresses = await inTime(resolve(hostname), timeoutMs);
    const leftMs = timeoutMs - (performance.now() - startedAt);
    return await dialInTurn(addresses, { timeoutMs: leftMs, now: () => performance.now(), attempt });
  } catch (error) {
    throw error instanceof TunnelError ? error : connectError(options, error);
  }
}

async function dial(connection: BunConnection): Promise<void> {
  const { hostname, port } = connection.remote;
  await bunGlobal().connect({ hostname, port, allowHalfOpen: true, data: connection, socket: SOCKET_EVENTS });
}

/** Bun.connect remembers for half a minute what a name resolved to; this does not. */
async function resolve(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map((found) => found.address);
}

/** @throws what `onTimeout` returns, when the deadline passes first */
async function withDeadline<Result>(
  result: Promise<Result>,
  timeoutMs: number,
  onTimeout: () => Error,
): Promise<Result> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(onTimeout()), timeoutMs);
  });
  try {
    return await Promise.race([result, timeout]);
  } finally {
    clearTimeout(timer);
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
      const leave = askForPlace(options, connection.remote);
      if (leave === undefined) return connection.close();
      handOver(connection, options, leave);
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

function writeOutput(descriptor: 1 | 2, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null) resolve(written);
      else if (error.code === "EAGAIN") resolve(0);
      else reject(error);
    });
  });
}

function onSignal(signal: Signal, handler: () => void): () => void {
  process.on(signal, handler);
  return () => process.off(signal, handler);
}

function maxOpenFiles(): number | undefined {
  const report: unknown = process.report.getReport();
  const { userLimits } = report as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  const files = Number(userLimits?.open_files?.soft); // A number, or "unlimited".
  return Number.isSafeInteger(files) ? files : undefined;
}

function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    // Out of descriptors: Bun opens a file to find out.
    return undefined;
  }
}
