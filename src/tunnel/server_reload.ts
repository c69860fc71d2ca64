/**
 * Other tokens, keys and limits for a server that runs.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { Grant } from "./grant.ts";
import { RESTART_LIMITS } from "./live_limits.ts";
import {
  DEFAULT_ALLOW_PORTS,
  DEFAULT_SERVER_LIMITS,
  type ServerLimits,
  type ServerOptions,
} from "./options.ts";
import { scopeRefusal } from "./scope.ts";
import type { ServiceBinder } from "./service_binder.ts";
import type { UnnamedClients } from "./unnamed_clients.ts";

/** What a server takes while it runs: the same as at its start, in place of what it has. */
export type ServerChanges = Pick<
  ServerOptions,
  "tokens" | "keys" | "allowPorts" | "publicHost" | "limits"
>;

/** The parts of a server that change. */
export interface ReloadedServer {
  readonly doorkeeper: Doorkeeper;
  /** Everybody who asks for a limit asks here: it is changed in place. */
  readonly limits: ServerLimits;
  readonly binder: ServiceBinder;
  readonly unnamed: Pick<UnnamedClients, "holdToScope">;
  readonly logger: Logger;
}

/**
 * Makes a server take changes.
 *
 * @param changes What holds from now on.
 * @param server What changes.
 * @throws {TypeError} for tokens and keys that cannot be used; then nothing has changed
 */
export function reloadServer(changes: ServerChanges, server: ReloadedServer): void {
  const { doorkeeper, binder } = server;
  const { tokens, keys, publicHost, allowPorts = DEFAULT_ALLOW_PORTS } = changes;
  const { kept, gone } = doorkeeper.grants.replace({ tokens, keys });
  changeLimits(server.limits, { ...DEFAULT_SERVER_LIMITS, ...changes.limits });
  const { maxServices } = server.limits;
  binder.change({ publicHost, allowPorts, maxServices });
  for (const name of gone) binder.registry.releaseToken(name);
  for (const grant of kept) holdToScope(grant, server);
  server.unnamed.holdToScope();
}

function changeLimits(limits: ServerLimits, wanted: ServerLimits): void {
  const live = Object.entries(wanted).filter(([name]) => !RESTART_LIMITS.has(name));
  Object.assign(limits, Object.fromEntries(live));
}

/** Whoever has more than is permitted now has to go; what is kept for clients that are away is given up. */
function holdToScope(grant: Grant, { binder, logger }: ReloadedServer): void {
  for (const claim of [...binder.registry.claims()]) {
    if (claim.identity.tokenName !== grant.name) continue;
    const refusal = scopeRefusal(grant.scope, binder.scopedService(claim));
    if (refusal === undefined) continue;
    const reason =
      `The ${grant.kind} ${grant.name} does not permit service ${claim.name} any more: ${refusal}`;
    logger.warn("{reason}", { reason });
    const members = [...claim.owner?.members() ?? []];
    binder.registry.releaseClaim(claim);
    for (const member of members) member.revoke(reason);
  }
  const { maxConnections } = grant.scope;
  if (maxConnections !== undefined && grant.sessions.size > maxConnections) {
    grant.endSessions(
      `The ${grant.kind} ${grant.name} permits only ${maxConnections} connections`,
      maxConnections,
    );
  }
}
