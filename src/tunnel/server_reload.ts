/**
 * Other tokens, keys, rules and limits for a server that runs.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { Doorkeeper } from "./doorkeeper.ts";
import type { Grant } from "./grant.ts";
import type { HttpPorts } from "./http_ports.ts";
import { RESTART_LIMITS } from "./live_limits.ts";
import {
  DEFAULT_ALLOW_PORTS,
  DEFAULT_SERVER_LIMITS,
  type ServerLimits,
  type ServerOptions,
} from "./options.ts";
import { scopeRefusal } from "./scope.ts";
import type { ServiceBinder, ServiceClaim } from "./service_binder.ts";
import type { UnnamedClients } from "./unnamed_clients.ts";

/** What a server takes while it runs: the same as at its start, in place of what it has. */
export type ServerChanges = Pick<
  ServerOptions,
  "tokens" | "keys" | "allowPorts" | "publicHost" | "limits" | "http"
>;

/** The parts of a server that change. */
export interface ReloadedServer {
  readonly doorkeeper: Doorkeeper;
  /** Everybody who asks for a limit asks here: it is changed in place. */
  readonly limits: ServerLimits;
  readonly binder: ServiceBinder;
  readonly unnamed: Pick<UnnamedClients, "holdToRules">;
  /** Undefined for a server without HTTP ports. */
  readonly http: Pick<HttpPorts, "prepare"> | undefined;
  readonly logger: Logger;
}

/** Makes a server take changes, one after the other. */
export class ServerReload {
  readonly #server: ReloadedServer;
  /** The last one, which never rejects; the next one waits for it. */
  #last: Promise<void> = Promise.resolve();

  /** @param server What changes. */
  constructor(server: ReloadedServer) {
    this.#server = server;
  }

  /**
   * Makes the server take changes: all at once, or none.
   *
   * @param changes What holds from now on.
   * @throws {TypeError} for tokens, keys and HTTP options that cannot be used; then nothing has changed
   * @throws {TunnelError} `CONFIG` for a plugin that cannot be made; then nothing has changed
   */
  take(changes: ServerChanges): Promise<void> {
    const taken = this.#last.then(() => this.#take(changes));
    this.#last = taken.catch(() => {});
    return taken;
  }

  async #take(changes: ServerChanges): Promise<void> {
    const { doorkeeper, binder, limits, unnamed } = this.#server;
    const { tokens, keys, publicHost, allowPorts = DEFAULT_ALLOW_PORTS } = changes;
    const wanted = { ...DEFAULT_SERVER_LIMITS, ...changes.limits };
    const http = await this.#server.http?.prepare(changes.http, wanted);
    let grants: ReturnType<Doorkeeper["grants"]["replace"]>;
    try {
      grants = doorkeeper.grants.replace({ tokens, keys });
    } catch (error) {
      await http?.discard();
      throw error;
    }
    changeLimits(limits, wanted);
    binder.change({ publicHost, allowPorts, maxServices: limits.maxServices });
    http?.take();
    for (const name of grants.gone) binder.registry.releaseToken(name);
    holdToRules(this.#server);
    for (const grant of grants.kept) holdToScope(grant, this.#server);
    unnamed.holdToRules();
  }
}

function changeLimits(limits: ServerLimits, wanted: ServerLimits): void {
  const live = Object.entries(wanted).filter(([name]) => !RESTART_LIMITS.has(name));
  Object.assign(limits, Object.fromEntries(live));
}

/** Whoever has what the server does not allow any more has to go. */
function holdToRules(server: ReloadedServer): void {
  for (const claim of [...server.binder.registry.claims()]) {
    const refusal = server.binder.ruleRefusal(claim);
    if (refusal !== undefined) takeAway(claim, { server, by: "The server", refusal });
  }
}

/** Whoever has more than is permitted now has to go; what is kept for clients that are away is given up. */
function holdToScope(grant: Grant, server: ReloadedServer): void {
  const { binder } = server;
  for (const claim of [...binder.registry.claims()]) {
    if (claim.identity.tokenName !== grant.name) continue;
    const refusal = scopeRefusal(grant.scope, binder.scopedService(claim));
    if (refusal !== undefined) takeAway(claim, { server, by: `The ${grant.kind} ${grant.name}`, refusal });
  }
  const { maxConnections } = grant.scope;
  if (maxConnections !== undefined && grant.sessions.size > maxConnections) {
    grant.endSessions(
      `The ${grant.kind} ${grant.name} permits only ${maxConnections} connections`,
      maxConnections,
    );
  }
}

function takeAway(
  claim: ServiceClaim,
  { server: { binder, logger }, by, refusal }: { server: ReloadedServer; by: string; refusal: string },
): void {
  const reason = `${by} does not permit service ${claim.name} any more: ${refusal}`;
  logger.warn("{reason}", { reason });
  const members = [...claim.owner?.members() ?? []];
  binder.registry.releaseClaim(claim);
  for (const member of members) member.revoke(reason);
}
