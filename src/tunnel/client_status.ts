/**
 * Puts the state of a client's connections into words.
 *
 * @module
 */
import type { ConnectionKeeper } from "./connection_keeper.ts";
import type { ClientStatus } from "./status.ts";

/** One row for each connection, and what they come to together. */
export function connectionsStatus(
  keepers: readonly ConnectionKeeper[],
): Pick<ClientStatus, "streams" | "bufferedBytes" | "rttMs" | "connections"> {
  const connections = keepers.map(({ member, current }) => ({
    member,
    connected: current !== undefined,
    streams: current?.session.streamCount ?? 0,
    bufferedBytes: current?.session.bufferedBytes ?? 0,
    rttMs: current?.session.rttMs,
  }));
  return {
    streams: connections.reduce((sum, { streams }) => sum + streams, 0),
    bufferedBytes: connections.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0),
    rttMs: connections.find(({ rttMs }) => rttMs !== undefined)?.rttMs,
    connections,
  };
}
