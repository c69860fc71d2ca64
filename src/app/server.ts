/**
 * Puts a server together.
 *
 * @module
 */
import { TcpIngress } from "../ingress/tcp.ts";
import { loggerOrDefault } from "../log.ts";
import { runtime as currentRuntime } from "../runtime/mod.ts";
import type { Runtime } from "../runtime/types.ts";
import type { ServerOptions } from "../tunnel/options.ts";
import { type ServerDependencies, TunnelServer } from "../tunnel/server.ts";

/** What a program can hand to {@linkcode startServer}. */
export type StartServerOptions = Partial<Omit<ServerDependencies, "ingress">>;

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
): Promise<TunnelServer> {
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
