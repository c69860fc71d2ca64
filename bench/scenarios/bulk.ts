/**
 * Bytes in one direction, and what they cost.
 *
 * @module
 */
import { cpuSeconds } from "../programs.ts";
import { COST_SUFFIX, type Measure } from "../results.ts";
import type { Scenario } from "./types.ts";

/** Bytes of the first transfer, which shows how many fit into a measurement. */
const FIRST_BYTES = 32e6;

/**
 * Moves bytes on some streams at once.
 *
 * @param direction `up` from the visitor to the service.
 * @param streams How many.
 * @param forMs How long it should take.
 */
export function bulk(direction: "up" | "down", streams: number, forMs: number): Scenario {
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
  const bytesPerMs = new Map<string, number>();
  return {
    id: speed.id,
    name: "bulk",
    stage: "loopback",
    measures: [speed, cost],
    withTls: true,
    measure: async ({ target, load, service, tunnel }) => {
      const known = bytesPerMs.get(target);
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
      bytesPerMs.set(target, bytes / seconds / 1000);
      return { [speed.id]: bytes / 1e6 / seconds, [cost.id]: used / (bytes / 1e9) };
    },
  };
}

/** NaN where the system does not tell. */
function totalCpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (cpuSeconds(pid) ?? NaN), 0);
}
