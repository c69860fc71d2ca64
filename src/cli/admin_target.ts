/**
 * Shows a server or client to the admin endpoint.
 *
 * @module
 */
import type { AdminTarget, GaugeReading } from "../admin/mod.ts";
import type { Counters } from "../observe/counters.ts";
import type { ClientStatus, ServerStatus } from "../tunnel/status.ts";

/** A server or client, as far as the admin endpoint is concerned. */
export interface Observable {
  /** What it has counted. */
  readonly counters: Counters;
  /** What it is doing. */
  status(): ServerStatus | ClientStatus;
}

/**
 * Makes the admin endpoint's view.
 *
 * @param running The server or client.
 * @param reload Reads its configuration again.
 */
export function adminTarget(running: Observable, reload?: AdminTarget["reload"]): AdminTarget {
  return {
    reload,
    role: running.status().role,
    counters: running.counters,
    ready: () => isReady(running.status()),
    status: () => running.status(),
    gauges: () => readGauges(running.status()),
  };
}

function isReady(status: ServerStatus | ClientStatus): boolean {
  return !status.stopping && (status.role === "server" || status.connected);
}

/** The numbers in a status. None has a label that a peer could choose. */
function readGauges(status: ServerStatus | ClientStatus): GaugeReading[] {
  const sessions = status.role === "server"
    ? status.clients
    : status.connections.filter(({ connected }) => connected);
  const direct = status.role === "server" ? directOfClients(status) : [status.direct];
  const online = status.role === "server"
    ? status.services.filter(({ online }) => online)
    : status.services.filter(({ publicUrl }) => publicUrl !== undefined);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const gauges: GaugeReading[] = [
    { name: "sessions", help: "Sessions now.", value: sessions.length },
    { name: "services", help: "Services that can be reached now.", value: online.length },
    { name: "streams", help: "Streams open now.", value: sum(sessions.map(({ streams }) => streams)) },
    {
      name: "direct_connections_idle",
      help: "Direct connections that wait for a visitor now.",
      value: sum(direct.map(({ idle }) => idle)),
    },
    {
      name: "direct_visitors",
      help: "Visitors with a connection of their own now.",
      value: sum(direct.map(({ visitors }) => visitors)),
    },
    {
      name: "buffered_bytes",
      help: "Bytes that wait for slow readers now.",
      value: sum(sessions.map(({ bufferedBytes }) => bufferedBytes)),
    },
  ];
  if (status.role === "server") {
    gauges.push({
      name: "unauthenticated_connections",
      help: "Connections of clients that have not authenticated.",
      value: status.unauthenticated,
    });
  }
  return gauges;
}

/** Those of a client with parallel connections are shown with each of them, and counted once. */
function directOfClients({ clients }: ServerStatus): ServerStatus["clients"][number]["direct"][] {
  return [...new Map(clients.map(({ tunnelId, direct }) => [tunnelId, direct])).values()];
}
