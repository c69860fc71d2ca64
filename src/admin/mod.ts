/**
 * The admin endpoint: health, readiness, status and metrics over HTTP, on a port of its own.
 *
 * @module
 */
import type { Hono } from "hono";
import { TunnelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Runtime, SocketAddress } from "../runtime/types.ts";
import { VERSION } from "../version.ts";
import { createAdminApp } from "./app.ts";
import { bracketed, isLoopback } from "./hosts.ts";
import type { AdminTarget } from "./target.ts";

export type { AdminTarget, GaugeReading, ReloadOutcome } from "./target.ts";

/** Options of {@linkcode startAdmin}. */
export interface AdminOptions {
  /** Where to listen; port 0 lets the system choose. */
  readonly bind: SocketAddress;
  /** The token that opens the pages; undefined leaves all but `/healthz` and `/readyz` shut. */
  readonly token: string | undefined;
  /** Permits a `bind` that other machines can reach, which needs a token as well. */
  readonly allowRemote: boolean;
}

/** What {@linkcode startAdmin} works with. */
export interface AdminDependencies {
  /** Serves the requests. */
  readonly runtime: Runtime;
  /** Hears of failures. */
  readonly logger: Logger;
}

/** An admin endpoint that runs. */
export interface AdminEndpoint {
  /** Where it listens, with the real port. */
  readonly address: SocketAddress;
  /** Stops it. Resolves when the port is free. */
  stop(): Promise<void>;
}

/**
 * Starts the admin endpoint.
 *
 * @param target What it shows.
 * @param options Address, token, and whether other machines may reach it.
 * @param dependencies Runtime and logger.
 * @returns The endpoint.
 * @throws {TunnelError} code `CONFIG` when the address can be reached from other machines and that is not permitted, or
 * there is no token; code `BIND` when the address cannot be bound.
 */
export async function startAdmin(
  target: AdminTarget,
  options: AdminOptions,
  dependencies: AdminDependencies,
): Promise<AdminEndpoint> {
  const { runtime, logger } = dependencies;
  checkExposure(options);
  // The allowed Host fields carry the real port, so the application exists only once the port is known.
  const app = Promise.withResolvers<Hono>();
  const listener = await runtime.serveHttp({
    ...options.bind,
    fetch: async (request) => (await app.promise).fetch(request),
    onError: (error) => logger.error("Admin endpoint failed: {error}", { error }),
  });
  app.resolve(createAdminApp(target, {
    address: listener.address,
    token: options.token,
    facts: { version: VERSION, runtime, residentBytes: () => runtime.residentBytes() },
    onError: (error) => logger.error("Answering an admin request failed: {error}", { error }),
  }));
  const { hostname, port } = listener.address;
  logger.info("Admin endpoint at {url}", { url: `http://${bracketed(hostname)}:${port}` });
  return { address: listener.address, stop: () => listener.close() };
}

function checkExposure({ bind, token, allowRemote }: AdminOptions): void {
  if (isLoopback(bind.hostname)) return;
  const at = `Cannot open the admin endpoint on ${bracketed(bind.hostname)}:${bind.port}`;
  if (!allowRemote) {
    throw new TunnelError(
      "CONFIG",
      `${at}: other machines can reach it. Bind 127.0.0.1, or set --admin-allow-remote (admin.allowRemote)`,
    );
  }
  if (token === undefined || token === "") {
    throw new TunnelError(
      "CONFIG",
      `${at}: remote access needs a token. Set FERROTUNNEL_ADMIN_TOKEN or --admin-token-file`,
    );
  }
}
