/**
 * Deno: its own TCP for plain connections, `node:tls` for TLS, and what else the program asks of it.
 *
 * @module
 */
import { TunnelError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import { socketAddress } from "./_address.ts";
import { DenoConnection } from "./_deno_connection.ts";
import { connectError, connectTimeout, listenError, toError } from "./_errors.ts";
import { askForPlace, handOver } from "./_hand_over.ts";
import { importModule } from "./_import_module.ts";
import { connectTls, listenTls } from "./_tls_over_duplex.ts";
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
import { DEFAULT_CONNECT_TIMEOUT_MS, HTTP_STOP_GRACE_MS } from "./_limits.ts";

/** Wait before accepting again after a failure: out of descriptors, this costs about 1% of a core and heals at once. */
const ACCEPT_RETRY_MS = 50;
/** Wait before a web server that died is started again. */
const HTTP_RESTART_MS = 500;

/** Deno as a {@linkcode Runtime}. */
export const denoRuntime: Runtime = {
  name: "deno",
  get version() {
    return Deno.version.deno;
  },
  connect,
  listen,
  serveHttp,
  hostname,
  userId,
  env,
  readTextFile: (path) => Deno.readTextFile(path),
  importModule,
  args: () => [...Deno.args],
  isTerminal: () => Deno.stderr.isTerminal(),
  writeOutput,
  onSignal,
  exit: (code) => Deno.exit(code),
  // Only the system's own files tell, and those are shown to programs with every permission.
  maxOpenFiles: () => undefined,
  // Out of descriptors it is told as 0.
  residentBytes: () => Deno.memoryUsage().rss || undefined,
};

async function connect(options: ConnectOptions): Promise<Connection> {
  const { hostname, port, timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  if (options.tls !== undefined) return await connectTls(options, connect);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeoutMs);
  try {
    // With a name, Deno itself tries every address that the name has.
    return new DenoConnection(await Deno.connect({ hostname, port, signal: abort.signal }));
  } catch (error) {
    if (abort.signal.aborted) throw connectTimeout(options, timeoutMs);
    throw connectError(options, isNotCapable(error) ? notPermitted(options) : error);
  } finally {
    clearTimeout(timer);
  }
}

async function listen(options: ListenOptions): Promise<Listener> {
  if (options.tls !== undefined) return await listenTls(options, listen);
  try {
    return new DenoListener(Deno.listen({ hostname: options.hostname, port: options.port }), options);
  } catch (error) {
    throw listenError(options, isNotCapable(error) ? notPermitted(options) : error);
  }
}

function isNotCapable(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable;
}

function notPermitted(address: SocketAddress): Error {
  return new Error(`not permitted; run with --allow-net=${formatAddress(address)}`);
}

class DenoListener implements Listener {
  readonly address: SocketAddress;
  readonly #listener: Deno.TcpListener;
  readonly #options: ListenOptions;
  #closed = false;
  #failing = false;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #loop: Promise<void>;

  constructor(listener: Deno.TcpListener, options: ListenOptions) {
    this.#listener = listener;
    this.#options = options;
    this.address = socketAddress(listener.addr.hostname, listener.addr.port);
    this.#loop = this.#acceptLoop();
  }

  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#retryTimer);
      this.#listener.close();
    }
    // The pending accept holds the port until it has been cancelled.
    await this.#loop;
  }

  async #acceptLoop(): Promise<void> {
    while (!this.#closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (!this.#closed) this.#retryLater(toError(error));
        return;
      }
      this.#failing = false;
      this.#hand(conn);
    }
  }

  #hand(conn: Deno.TcpConn): void {
    let connection: DenoConnection;
    try {
      connection = new DenoConnection(conn);
    } catch (error) {
      conn.close();
      this.#options.onError?.(toError(error));
      return;
    }
    const leave = this.#closed ? undefined : askForPlace(this.#options, connection.remote);
    if (leave === undefined) connection.close();
    else handOver(connection, this.#options, leave);
  }

  #retryLater(error: Error): void {
    // Reported once, not twenty times a second.
    if (!this.#failing) {
      const where = formatAddress(this.address);
      this.#options.onError?.(
        new TunnelError("CONNECTION", `Could not accept a connection on ${where}; trying again`, {
          cause: error,
        }),
      );
    }
    this.#failing = true;
    this.#retryTimer = setTimeout(() => {
      this.#loop = this.#acceptLoop();
    }, ACCEPT_RETRY_MS);
  }
}

function serveHttp(options: ServeHttpOptions): Promise<Listener> {
  return Promise.resolve().then(() => new DenoHttpListener(options));
}

class DenoHttpListener implements Listener {
  readonly address: SocketAddress;
  readonly #options: ServeHttpOptions;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #stopping = false;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ServeHttpOptions) {
    this.#options = options;
    this.#server = this.#serve(options.port);
    this.address = socketAddress(this.#server.addr.hostname, this.#server.addr.port);
  }

  async close(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    let graceTimer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => graceTimer = setTimeout(resolve, HTTP_STOP_GRACE_MS));
    // The port is free as soon as the shutdown has begun; the wait is for requests under way.
    await Promise.race([this.#server.shutdown(), grace]);
    clearTimeout(graceTimer);
  }

  #serve(port: number): Deno.HttpServer<Deno.NetAddr> {
    const options = this.#options;
    try {
      const server = Deno.serve({ hostname: options.hostname, port, onListen: () => {} }, options.fetch);
      // Uncaught, the end of a server that ran out of descriptors would be the end of the process.
      server.finished.catch((error) => this.#restartLater(error));
      return server;
    } catch (error) {
      throw listenError(options, isNotCapable(error) ? notPermitted(options) : error);
    }
  }

  #restartLater(error: unknown): void {
    if (this.#stopping) return;
    this.#options.onError?.(toError(error));
    this.#restartTimer = setTimeout(() => {
      try {
        this.#server = this.#serve(this.address.port);
      } catch (again) {
        this.#restartLater(again);
      }
    }, HTTP_RESTART_MS);
  }
}

function hostname(): string {
  const granted = Deno.permissions.querySync({ name: "sys", kind: "hostname" }).state === "granted";
  return granted ? Deno.hostname() : "localhost";
}

function userId(): number | undefined {
  const granted = Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted";
  return granted ? Deno.uid() ?? undefined : undefined;
}

function env(name: string): string | undefined {
  const granted = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  return granted ? Deno.env.get(name) : undefined;
}

/** `node:fs` would write to these two in the event loop's thread, and stop with them. */
async function writeOutput(descriptor: 1 | 2, bytes: Uint8Array): Promise<number> {
  try {
    return await (descriptor === 1 ? Deno.stdout : Deno.stderr).write(bytes);
  } catch (error) {
    if (error instanceof Deno.errors.WouldBlock) return 0;
    throw error;
  }
}

function onSignal(signal: Signal, handler: () => void): () => void {
  try {
    Deno.addSignalListener(signal, handler);
  } catch {
    // Windows has no SIGTERM.
    return () => {};
  }
  return () => Deno.removeSignalListener(signal, handler);
}
