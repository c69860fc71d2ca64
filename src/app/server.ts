/**
 * Puts a server together.
 *
 * @module
 */
import { HttpIngress } from "../ingress/http/ingress.ts";
import { TcpIngress } from "../ingress/tcp.ts";
import { VisitorPlaces } from "../ingress/visitor_places.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import { Counters } from "../observe/counters.ts";
import { PluginKeeper } from "../plugins/plugin_keeper.ts";
import { runtime as currentRuntime } from "../runtime/mod.ts";
import type { Runtime, SocketAddress } from "../runtime/types.ts";
import type { ServerEvent } from "../tunnel/events.ts";
import {
  type CertificateOptions,
  DEFAULT_SERVER_LIMITS,
  type ServerLimits,
  type ServerOptions,
  type TlsFiles,
} from "../tunnel/options.ts";
import { TunnelServer } from "../tunnel/server.ts";
import type { ServerChanges } from "../tunnel/server_reload.ts";
import { withIdentity } from "./own_identity.ts";
import type { ServerStatus } from "../tunnel/status.ts";

/** What a program can hand to {@linkcode startServer}. */
export interface StartServerOptions {
  /** What the server runs on. @default the current runtime */
  readonly runtime?: Runtime;
  /** Takes the log. @default LogTape's logger for "ferrotunnel" */
  readonly logger?: Logger;
  /** Tells time and sets timers. @default the machine's clock */
  readonly clock?: Clock;
  /** Counts what happens. @default a set of its own */
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ServerEvent) => void;
}

/** A server that is running. */
export interface RunningServer {
  /** Where clients connect, with the real port. */
  readonly address: SocketAddress;
  /** The shared public port, with the real port, if there is one. */
  readonly tcpAddress: SocketAddress | undefined;
  /** The port for visitors over HTTP, with the real port, if there is one. */
  readonly httpAddress: SocketAddress | undefined;
  /** The port for visitors over HTTPS, with the real port, if there is one. */
  readonly httpsAddress: SocketAddress | undefined;
  /**
   * Takes other certificates for visitors over HTTPS, from the next handshake on; connections go on with what they have.
   * Without HTTPS it does nothing.
   *
   * @throws {TunnelError} `CONFIG` for one that cannot be used; then nothing has changed
   */
  setCertificates(certificates: readonly CertificateOptions[]): void;
  /** Fingerprint of the key by which clients know the server, for them to pin; undefined without TLS. */
  readonly fingerprint: string | undefined;
  /**
   * Takes other TLS files for clients, from the next handshake on; connections go on with what they have. What is left out
   * stays as it is.
   *
   * @throws {TunnelError} `CONFIG` for files that cannot be used; then nothing has changed
   * @throws {TypeError} for a server without TLS, and for `ca` when it had none
   */
  setTls(files: TlsFiles): void;
  /**
   * Takes other tokens, keys, allowed ports, public host, HTTP options and limits while it runs, in place of those it has.
   * Clients that have what is not permitted any more are told so and disconnected; everybody else notices nothing. Without
   * `http` the HTTP options stay. Ports and certificates, `processBufferBytes` and `reclaimGraceMs` stay in any case; limits of
   * sessions count for new ones, HTTP options and limits for requests that begin from then on.
   *
   * @throws {TypeError} for tokens, keys and HTTP options that cannot be used; then nothing has changed
   * @throws {TunnelError} `CONFIG` for a plugin that cannot be made; then nothing has changed
   */
  reload(changes: ServerChanges): Promise<void>;
  /** Whether clients are taken. */
  readonly ready: boolean;
  /** Counts of what happened. */
  readonly counters: Counters;
  /** What the server is doing, as plain values that JSON can carry. */
  status(): ServerStatus;
  /**
   * Takes no more clients and visitors at once, lets open streams go on until they end or `limits.drainTimeoutMs` has
   * passed, and closes everything. Calling it again returns the same promise.
   */
  stop(): Promise<void>;
}

/**
 * Starts a server.
 *
 * @param options What it is told.
 * @param dependencies Logger, clock, counters and who is told of events; each has a default.
 * @returns the server, with its ports bound
 * @throws {TunnelError} `BIND` when a port cannot be bound; `CONFIG` when a plugin cannot be made, or a TLS key not be kept
 * @throws {TypeError} for tokens or HTTP options that cannot be used
 *
 * @example
 * ```ts
 * import { startServer } from "./server.ts";
 *
 * const server = await startServer({
 *   bind: { hostname: "127.0.0.1", port: 0 },
 *   tokens: [{ name: "example", token: "correct horse battery staple" }],
 * });
 * console.log(server.address.port);
 * await server.stop();
 * ```
 */
export async function startServer(
  options: ServerOptions,
  dependencies: StartServerOptions = {},
): Promise<RunningServer> {
  const runtime: Runtime = dependencies.runtime ?? currentRuntime;
  const logger = loggerOrDefault(dependencies.logger);
  let places: VisitorPlaces | undefined;
  const { clock = systemClock, counters = new Counters() } = dependencies;
  const placesOf = (limits: ServerLimits): VisitorPlaces =>
    new VisitorPlaces({ limits, counters, logger, maxOpenFiles: runtime.maxOpenFiles() });
  const plugins = await startPlugins(options, { clock, logger, counters });
  try {
    const server = new TunnelServer(await withIdentity(options, { runtime, logger }), {
      ...dependencies,
      runtime,
      logger,
      clock,
      counters,
      onStopped: async () => await plugins?.close(),
      ingress: (environment, limits) => {
        places ??= placesOf(limits);
        const ingress = new TcpIngress({ runtime, environment, logger, places });
        return (address, target) => ingress.bind(address, target);
      },
      httpIngress: (environment, limits) => {
        places ??= placesOf(limits);
        const shared = { runtime, environment, logger, limits, places };
        return new HttpIngress({ ...shared, ...(plugins && { plugins }) });
      },
    });
    await server.start();
    return server;
  } catch (error) {
    await plugins?.close();
    throw error;
  }
}

/** The server's plugins; undefined when it has no HTTP ports. */
async function startPlugins(
  { http, limits }: ServerOptions,
  dependencies: { readonly clock: Clock; readonly logger: Logger; readonly counters: Counters },
): Promise<PluginKeeper | undefined> {
  if (http === undefined) return undefined;
  const keeper = new PluginKeeper(dependencies);
  const { pluginTimeoutMs } = { ...DEFAULT_SERVER_LIMITS, ...limits };
  (await keeper.prepare(http, pluginTimeoutMs)).take();
  return keeper;
}
