/**
 * New connections, one after the other.
 *
 * @module
 */
import type { Scenario } from "./types.ts";

/** Connections that are opened at a time. */
const LANES = 8;

/**
 * Counts new connections.
 *
 * @param forMs How long.
 */
export function connect(forMs: number): Scenario {
  return {
    id: "connect",
    name: "connect",
    stage: "loopback",
    measures: [{ id: "connect", label: "new connections per second", better: "more", digits: 0 }],
    withTls: false,
    warmUps: 3,
    measure: async ({ load, tunnel }) => {
      const { count = NaN, seconds = NaN } = await load.connect({ port: tunnel.port, forMs, lanes: LANES });
      return { connect: count / seconds };
    },
  };
}
