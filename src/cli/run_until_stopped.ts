/**
 * Runs a server or a client, with its admin endpoint, until it is asked to stop.
 *
 * @module
 */
import type { AdminEndpoint } from "../admin/mod.ts";
import type { AdminSettings, ConfigChange } from "../config/mod.ts";
import { formatAddress } from "../format_address.ts";
import type { Logger } from "../log.ts";
import { adminTarget, type Observable } from "./admin_target.ts";
import type { CliContext } from "./context.ts";
import { Reloader } from "./reloader.ts";
import { type Stoppable, StopSignals } from "./stop_signals.ts";

/** Options of {@linkcode runUntilStopped}. */
export interface RunUntilStoppedOptions {
  /** The world. */
  readonly context: CliContext;
  /** The program's logger. */
  readonly logger: Logger;
  /** The admin endpoint; undefined when it is not served. */
  readonly admin: AdminSettings | undefined;
  /** Starts the server or client, and prints where it is. */
  readonly start: () => Promise<Stoppable & Observable>;
  /** Reads the configuration again and has what runs take it; see {@linkcode Reloader}. */
  readonly reload: () => Promise<readonly ConfigChange[]>;
}

/**
 * Starts everything, waits for the end, stops everything.
 *
 * @param options What runs.
 * @throws {TunnelError} when something cannot be bound, or whatever ended what ran.
 */
export async function runUntilStopped(options: RunUntilStoppedOptions): Promise<void> {
  const { context: { runtime }, logger } = options;
  // Before anything is printed: whoever reads that the program runs may at once ask it to stop.
  const signals = new StopSignals({ runtime, logger });
  try {
    const running = await options.start();
    const reloader = new Reloader({ runtime, logger, reload: options.reload });
    try {
      const endpoint = await startEndpoint(options, running, reloader);
      try {
        await signals.wait(running);
      } finally {
        await endpoint?.stop();
      }
    } finally {
      reloader.close();
    }
  } finally {
    signals.close();
  }
}

async function startEndpoint(
  { context: { runtime, out }, logger, admin }: RunUntilStoppedOptions,
  running: Stoppable & Observable,
  reloader: Reloader,
): Promise<AdminEndpoint | undefined> {
  if (admin === undefined) return undefined;
  try {
    // Loaded late: most calls serve no admin endpoint.
    const { startAdmin } = await import("../admin/mod.ts");
    const endpoint = await startAdmin(adminTarget(running, () => reloader.now()), {
      ...admin,
      token: admin.token,
    }, {
      runtime,
      logger,
    });
    out.line(`admin      http://${formatAddress(endpoint.address)}/`);
    if (admin.token === undefined) {
      logger.warn("The admin endpoint has no token: it tells only whether the program is alive and ready");
    }
    return endpoint;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
