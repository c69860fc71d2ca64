/**
 * Puts a server together.
 *
 * @module
 */
import { TcpIngress } from "../ingress/tcp.ts";
import type { Clock } from "../clock.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import { runtime as currentRuntime } from "../runtime/mod.ts";
import type { Runtime, SocketAddress } from "../runtime/types.ts";
import type { ServerEvent } from "../tunnel/events.ts";
import type { ServerOptions } from "../tunnel/options.ts";
import { TunnelServer } from "../tunnel/server.ts";
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
 * @throws {TunnelError} `BIND` when a port cannot be bound
 * @throws {TypeError} for tokens that cannot be used
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
  const server = new TunnelServer(options, {
    ...dependencies,
    runtime,
    logger,
    ingress: (environment, { maxConnections }) => {
      const ingress = new TcpIngress({ runtime, environment, logger, maxConnections });
      return (address, target) => ingress.bind(address, target);
    },
  });
  await server.start();
  return server;
}
