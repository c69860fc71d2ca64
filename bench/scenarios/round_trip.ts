/**
 * Round trips of 64 bytes on a stream that has the tunnel for itself, and on one beside a stream of bulk bytes.
 *
 * @module
 */
import type { Measure } from "../results.ts";
import type { Scenario } from "./types.ts";

/** A run of round trips needs more time than others: the slowest in a thousand shall be more than one. */
const PING_FACTOR = 2;

const PERCENTILES = { p50: "p50Us", p99: "p99Us", "p99.9": "p999Us" } as const;

/**
 * Round trips while nothing else is under way.
 *
 * @param sampleMs How long a measurement takes.
 */
export function roundTrip(sampleMs: number): Scenario {
  return {
    id: "round-trip",
    name: "round-trip",
    stage: "loopback",
    measures: measuresOf("round-trip", "round trip of 64 bytes"),
    withTls: true,
    warmUps: 3,
    measure: async ({ load, tunnel }) =>
      samplesOf("round-trip", await load.ping({ port: tunnel.port, forMs: sampleMs * PING_FACTOR })),
  };
}

/**
 * Round trips while another stream carries as many bytes as it can towards the visitor.
 *
 * @param sampleMs How long a measurement takes.
 */
export function besideBulk(sampleMs: number): Scenario {
  return {
    id: "beside",
    name: "beside",
    stage: "loopback",
    measures: measuresOf("beside", "round trip beside a bulk stream"),
    withTls: true,
    cutsStreams: true,
    measure: async ({ load, tunnel }) => {
      const options = { port: tunnel.port, forMs: sampleMs * PING_FACTOR };
      return samplesOf("beside", await load.pingBeside(options));
    },
  };
}

function measuresOf(id: string, label: string): readonly Measure[] {
  return Object.keys(PERCENTILES).map((name): Measure => ({
    id: `${id}-${name}`,
    label: `${label}, ${name}, µs`,
    better: "less",
    digits: 0,
  }));
}

function samplesOf(id: string, visit: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(PERCENTILES).map(([name, field]) => [`${id}-${name}`, visit[field] ?? NaN]),
  );
}
