/**
 * Puts a client together.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { type Logger, loggerOrDefault } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import { runtime as currentRuntime } from "../runtime/mod.ts";
import type { Runtime } from "../runtime/types.ts";
import { type ServiceState, TunnelClient } from "../tunnel/client.ts";
import type { ReadTlsFiles } from "../tunnel/dialler.ts";
import type { ClientEvent } from "../tunnel/events.ts";
import type { ClientOptions } from "../tunnel/options.ts";
import type { ClientStatus } from "../tunnel/status.ts";

/** What a program can hand to {@linkcode startClient}. */
export interface StartClientOptions {
  /** What the client runs on. @default the current runtime */
  readonly runtime?: Runtime;
  /** Takes the log. @default LogTape's logger for "ferrotunnel" */
  readonly logger?: Logger;
  /** Tells time and sets timers. @default the machine's clock */
  readonly clock?: Clock;
  /** Counts what happens. @default a set of its own */
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** A number from 0 to 1, for the jitter between attempts to connect. @default Math.random */
  readonly random?: () => number;
  /**
   * Reads the TLS files before a dial, at most once a second. When that fails, or they cannot be used, the former ones stay.
   * @default they stay as they are in the options
   */
  readonly readTls?: ReadTlsFiles;
}

/** A client that is running. */
export interface RunningClient {
  /**
   * Resolves when the server has answered for every service for the first time. Rejects with a TunnelError when the
   * client gives up or is stopped before.
   */
  readonly ready: Promise<readonly ServiceState[]>;
  /** Resolves when the client was stopped. Rejects with a TunnelError when it gave up, never for network trouble. */
  readonly closed: Promise<void>;
  /** Whether the client is connected and the server has answered for its services. */
  readonly connected: boolean;
  /** The id by which the server knows this client. */
  readonly tunnelId: string;
  /** Counts of what happened. */
  readonly counters: Counters;
  /**
   * Shows these services from now on, in place of those it has. Visitors of services that stay as they are notice nothing, and
   * those of one that is gone may stay until they leave. Resolves when the server has answered, or at once without a
   * connection.
   *
   * @throws {TypeError} for services that cannot be shown; then nothing has changed
   */
  reload(changes: Pick<ClientOptions, "services">): Promise<void>;
  /** What the client is doing, as plain values that JSON can carry. */
  status(): ClientStatus;
  /**
   * Takes no new visitors, lets open streams go on until they end or `limits.drainTimeoutMs` has passed, and closes
   * everything. Calling it again returns the same promise.
   */
  stop(): Promise<void>;
}

/**
 * Starts a client. It dials at once, and again for ever when the connection is lost.
 *
 * @param options What it is told.
 * @param dependencies Logger, clock, counters and who is told of events; each has a default.
 * @returns the client; await its `ready` to know where the services are
 * @throws {TypeError} for options that cannot be used, among them `skipVerify` for a server that is not on this machine
 *
 * @example
 * ```ts
 * import { startClient } from "./client.ts";
 *
 * const client = startClient({
 *   server: { hostname: "127.0.0.1", port: 7835 },
 *   token: "correct horse battery staple",
 *   services: [{ name: "ssh", kind: "tcp", local: { hostname: "127.0.0.1", port: 22 }, remotePort: 0 }],
 * });
 * await client.stop();
 * ```
 */
export function startClient(options: ClientOptions, dependencies: StartClientOptions = {}): RunningClient {
  const client = new TunnelClient(options, {
    ...dependencies,
    runtime: dependencies.runtime ?? currentRuntime,
    logger: loggerOrDefault(dependencies.logger),
  });
  client.start();
  return client;
}
