/**
 * How a client reaches its own services, whichever way a visitor has come.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import { formatAddress } from "../format_address.ts";
import type { Logger } from "../log.ts";
import type { Connection, Runtime } from "../runtime/types.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { ClientLimits, ServiceOptions } from "./options.ts";

/** Dials a service. @throws {TunnelError} as {@linkcode Runtime.connect} */
export function dialService(
  { local }: ServiceOptions,
  { runtime, limits }: { readonly runtime: Runtime; readonly limits: ClientLimits },
): Promise<Connection> {
  return runtime.connect({ ...local, timeoutMs: limits.localConnectTimeoutMs });
}

/** Counts that a service was not reached, and says why. */
export function reportUnreachable(
  { name, local }: ServiceOptions,
  { environment, logger, error }: {
    readonly environment: TunnelEnvironment;
    readonly logger: Logger;
    readonly error: unknown;
  },
): void {
  environment.counters.add("local_connect_failed", { label: name });
  logger.warn("Service {service} at {local} cannot be reached: {reason}", {
    service: name,
    local: formatAddress(local),
    reason: describeError(error),
  });
}
