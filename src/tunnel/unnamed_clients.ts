/**
 * Clients that cannot name a service, as those of protocol version 1: where visitors find them.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { HttpServices } from "./http_services.ts";
import type { ServerSession } from "./server_session.ts";
import type { SharedPort } from "./shared_port.ts";
import type { VisitorTarget } from "./visitors.ts";

/** Options of {@linkcode UnnamedClients}. */
export interface UnnamedClientsOptions {
  readonly logger: Logger;
  /** The shared public port. */
  readonly shared: SharedPort<VisitorTarget>;
  /** Whether it is bound. */
  readonly hasSharedPort: () => boolean;
  /** Why the client may not have the shared port. */
  readonly refusal: (session: ServerSession) => string | undefined;
  /** The HTTP ports; undefined without any. */
  readonly http: HttpServices | undefined;
}

/** Leads the shared port, or the queue for it, and requests for their tunnel ids to such clients. */
export class UnnamedClients {
  readonly #options: UnnamedClientsOptions;
  readonly #sessions = new Set<ServerSession>();
  readonly #holders = new Map<ServerSession, { target: () => VisitorTarget | undefined }>();

  /** @param options Where visitors come in. */
  constructor(options: UnnamedClientsOptions) {
    this.#options = options;
  }

  /** The client is in. */
  joined(session: ServerSession): void {
    this.#sessions.add(session);
    this.#joinHttp(session);
    if (!this.#options.hasSharedPort()) return;
    const reason = this.#options.refusal(session);
    if (reason !== undefined) {
      const { tunnelId } = session.identity ?? {};
      this.#options.logger.warn("Client {tunnelId} is not reached by the shared port: {reason}", {
        tunnelId,
        reason,
      });
      return;
    }
    const holder = { target: (): VisitorTarget => ({ service: undefined, session }) };
    this.#holders.set(session, holder);
    this.#options.shared.takeOrWait(holder);
  }

  /** The client takes no new visitors. Nothing happens for one that names its services. */
  left(session: ServerSession): void {
    this.#sessions.delete(session);
    if (session.identity !== undefined) this.#options.http?.leaveUnnamed(session.identity, session);
    const holder = this.#holders.get(session);
    if (holder !== undefined) this.#options.shared.leave(holder);
    this.#holders.delete(session);
  }

  /** Tokens permit, or the server allows, something else now: whoever has more than that has to go. */
  holdToRules(): void {
    const { http, logger, refusal } = this.#options;
    for (const session of [...this.#sessions]) {
      const { identity, grant } = session;
      if (identity === undefined || grant === undefined) continue;
      const tooMuch = (this.#holders.has(session) && refusal(session) !== undefined) ||
        http?.hasTooMuch(identity, session) === true;
      if (!tooMuch) continue;
      const reason =
        `The ${grant.kind} ${grant.name}, or the server, does not permit any more how client ${identity.tunnelId} is reached`;
      logger.warn("{reason}", { reason });
      session.revoke(reason);
    }
  }

  /** It is reached over HTTP by its tunnel id. */
  #joinHttp(session: ServerSession): void {
    const { http, logger } = this.#options;
    if (session.identity === undefined || http === undefined) return;
    const urls = http.joinUnnamed(session.identity, session);
    const { tunnelId } = session.identity;
    if (urls.length === 0) {
      logger.warn("Client {tunnelId} is not reached over HTTP: its id is no host that it may have", {
        tunnelId,
      });
    } else logger.info("Client {tunnelId} is at {urls}", { tunnelId, urls: urls.join(" and ") });
  }
}
