/**
 * The measurements: what each asks of the load, and which rows it fills.
 *
 * @module
 */
import type { BenchOptions } from "./arguments.ts";
import type { Load, Service } from "./load.ts";
import { cpuSeconds } from "./programs.ts";
import { COST_SUFFIX, type Measure } from "./results.ts";
import type { Tunnel } from "./targets/types.ts";

/** Connections that are opened at a time where new connections are counted. */
const CONNECT_LANES = 8;

/** Bytes of the first transfer, which shows how many fit into a measurement. */
const FIRST_BYTES = 64e6;

/** A run of round trips needs more time than others: the slowest in a thousand shall be more than one. */
const PING_FACTOR = 2;

/** What is measured. */
export interface Subject {
  readonly load: Load;
  readonly service: Service;
  readonly tunnel: Tunnel;
}

/** A measurement that is made in every round. */
export interface Scenario {
  readonly id: string;
  readonly measures: readonly Measure[];
  /** Whether it is made with TLS, too. */
  readonly withTls: boolean;
  /**
   * Measures once.
   *
   * @param subject What.
   * @returns A sample for each measure's id; one that this system cannot tell is missing.
   * @throws {Error} when a byte was wrong or missing.
   */
  measure(subject: Subject): Promise<Readonly<Record<string, number>>>;
}

/**
 * Lists the measurements.
 *
 * @param options The bench's options.
 */
export function scenariosFor(options: BenchOptions): readonly Scenario[] {
  return [
    ...(["up", "down"] as const).flatMap((direction) =>
      options.streams.map((streams) => bulk(direction, streams, options.sampleMs))
    ),
    ping(options.sampleMs * PING_FACTOR),
    connect(options.sampleMs),
  ];
}

function bulk(direction: "up" | "down", streams: number, forMs: number): Scenario {
  const name = `${direction}, ${streams} ${streams === 1 ? "stream" : "streams"}`;
  const speed: Measure = {
    id: `${direction}-${streams}`,
    label: `${name}, MB/s`,
    better: "more",
    digits: 0,
  };
  const cost: Measure = {
    id: `${direction}-${streams}${COST_SUFFIX}`,
    label: `CPU seconds per GB, ${name}`,
    better: "less",
    digits: 2,
  };
  // How much a tunnel carries is learnt from the transfer before, so that a slow one takes no longer than a fast one.
  const bytesPerMs = new Map<Tunnel, number>();
  return {
    id: speed.id,
    measures: [speed, cost],
    withTls: true,
    measure: async ({ load, service, tunnel }) => {
      const known = bytesPerMs.get(tunnel);
      const bytesEach = Math.ceil((known === undefined ? FIRST_BYTES : known * forMs) / streams);
      const programs = [tunnel.server, tunnel.client].filter((program) => program !== undefined);
      // Without a tunnel the load's own cost is told: that of its two sides.
      const pids = (programs.length > 0 ? programs : [service.program]).map(({ pid }) => pid);
      const before = totalCpuSeconds(pids);
      const { bytes = 0, seconds = NaN, cpuSeconds: ofVisitors = NaN } = await load.bulk(direction, {
        port: tunnel.port,
        bytesEach,
        streams,
      });
      const used = totalCpuSeconds(pids) - before + (programs.length > 0 ? 0 : ofVisitors);
      bytesPerMs.set(tunnel, bytes / seconds / 1000);
      return { [speed.id]: bytes / 1e6 / seconds, [cost.id]: used / (bytes / 1e9) };
    },
  };
}

/** NaN where the system does not tell. */
function totalCpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? NaN), 0);
}

function ping(forMs: number): Scenario {
  const measures = (["p50", "p99", "p99.9"] as const).map((name): Measure => ({
    id: `round-trip-${name}`,
    label: `round trip of 64 bytes, ${name}, µs`,
    better: "less",
    digits: 0,
  }));
  return {
    id: "round-trip",
    measures,
    withTls: true,
    measure: async ({ load, tunnel }) => {
      const { p50Us = NaN, p99Us = NaN, p999Us = NaN } = await load.ping({ port: tunnel.port, forMs });
      return { "round-trip-p50": p50Us, "round-trip-p99": p99Us, "round-trip-p99.9": p999Us };
    },
  };
}

function connect(forMs: number): Scenario {
  return {
    id: "connect",
    measures: [{ id: "connect", label: "new connections per second", better: "more", digits: 0 }],
    withTls: false,
    measure: async ({ load, tunnel }) => {
      const { count = NaN, seconds = NaN } = await load.connect({
        port: tunnel.port,
        forMs,
        lanes: CONNECT_LANES,
      });
      return { connect: count / seconds };
    },
  };
}
