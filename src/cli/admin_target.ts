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
 */
export function adminTarget(running: Observable): AdminTarget {
  return {
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
  const sessions = status.role === "server" ? status.clients : status.connected ? [status] : [];
  const online = status.role === "server"
    ? status.services.filter(({ online }) => online)
    : status.services.filter(({ publicUrl }) => publicUrl !== undefined);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const gauges: GaugeReading[] = [
    { name: "sessions", help: "Sessions now.", value: sessions.length },
    { name: "services", help: "Services that can be reached now.", value: online.length },
    { name: "streams", help: "Streams open now.", value: sum(sessions.map(({ streams }) => streams)) },
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
