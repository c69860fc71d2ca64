/**
 * Puts a server's state into words.
 *
 * @module
 */
import { formatAddress } from "../format_address.ts";
import type { SocketAddress } from "../runtime/types.ts";
import type { ServerSession } from "./server_session.ts";
import type { ServiceBinder } from "./service_binder.ts";
import type { ServerStatus } from "./status.ts";

/** What {@linkcode clientRows} looks at. */
export interface ClientRowsOptions {
  readonly sessions: Iterable<ServerSession>;
  /** The clock's time. */
  readonly now: number;
}

/** One row for each connection of a client. */
export function clientRows({ sessions, now }: ClientRowsOptions): ServerStatus["clients"] {
  return [...sessions].map(({ session, since, identity, member, team }) => ({
    tunnelId: identity?.tunnelId ?? "",
    token: identity?.tokenName ?? "",
    remote: formatAddress(session.connection.remote),
    member,
    connectedForMs: Math.round(now - since),
    streams: session.streamCount,
    bufferedBytes: session.bufferedBytes,
    rttMs: session.rttMs,
    extended: session.extended,
    direct: { idle: team?.direct?.idle ?? 0, visitors: team?.direct?.visitors ?? 0 },
  }));
}

/** One row for each service. */
export function serviceRows(binder: ServiceBinder): ServerStatus["services"] {
  return [...binder.registry.claims()].map((claim) => {
    const { name, identity, owner, binding } = claim;
    const place = binder.placeOf(claim);
    return {
      name,
      kind: binding?.kind === "http" ? "http" as const : "tcp" as const,
      mode: owner?.direct !== undefined && owner.directServices.has(name)
        ? "direct" as const
        : "multiplexed" as const,
      tunnelId: identity.tunnelId,
      online: owner !== undefined,
      address: place === undefined ? undefined : formatAddress(place.address),
      publicUrl: place?.publicUrl,
      hosts: binding?.kind === "http" ? binding.http.hosts : [],
      paths: binding?.kind === "http" ? binding.http.paths : [],
    };
  });
}

/** An address as text, if there is one. */
export function addressText(address: SocketAddress | undefined): string | undefined {
  return address === undefined ? undefined : formatAddress(address);
}
