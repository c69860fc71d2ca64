/**
 * Puts a client together.
 *
 * @module
 */
import { loggerOrDefault } from "../log.ts";
import { runtime as currentRuntime } from "../runtime/mod.ts";
import { type ClientDependencies, TunnelClient } from "../tunnel/client.ts";
import type { ClientOptions } from "../tunnel/options.ts";

/** What a program can hand to {@linkcode startClient}. */
export type StartClientOptions = Partial<ClientDependencies>;

/**
 * Starts a client. It dials at once, and again for ever when the connection is lost.
 *
 * @param options What it is told.
 * @param dependencies Logger, clock, counters and who is told of events; each has a default.
 * @returns the client; await its `ready` to know where the services are
 * @throws {TypeError} for options that cannot be used
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
export function startClient(options: ClientOptions, dependencies: StartClientOptions = {}): TunnelClient {
  const client = new TunnelClient(options, {
    ...dependencies,
    runtime: dependencies.runtime ?? currentRuntime,
    logger: loggerOrDefault(dependencies.logger),
  });
  client.start();
  return client;
}
