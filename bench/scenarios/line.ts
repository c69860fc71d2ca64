/**
 * The same over a long line: how much of it is reached, and how a small stream fares beside a bulk stream.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { LINE } from "../hosts.ts";
import type { Measure } from "../results.ts";
import type { Scenario } from "./types.ts";

/** What a runtime compiles makes no difference over a line; but the bulk stream must be at full speed. */
const WARM_UP_PINGS = 20;

/** So long a line carries what nobody waits for any more. */
const SETTLE_MS = 500;

const SECTION = { section: "line" } as const;

/**
 * Moves bytes on one stream.
 *
 * @param direction `up` from the visitor to the service.
 * @param forMs How long it takes on an ideal line.
 */
export function lineBulk(direction: "up" | "down", forMs: number): Scenario {
  const bytesPerSecond = LINE.bitsPerSecond / 8;
  const id = `line-${direction}`;
  const measures: readonly Measure[] = [
    { id, label: `${direction}, 1 stream, share of the line, %`, better: "more", digits: 0, ...SECTION },
  ];
  return {
    id,
    name: "line",
    stage: "line",
    measures,
    withTls: false,
    measure: async ({ load, tunnel }) => {
      const { bytes = NaN, seconds = NaN } = await load.bulk(direction, {
        port: tunnel.port,
        host: tunnel.host,
        bytesEach: Math.ceil((bytesPerSecond * forMs) / 1000),
        streams: 1,
      });
      return { [id]: (bytes / seconds / bytesPerSecond) * 100 };
    },
  };
}

/**
 * Round trips, alone or beside a bulk stream towards the visitor.
 *
 * @param beside Whether there is a bulk stream.
 * @param forMs How long.
 */
export function linePing(beside: boolean, forMs: number): Scenario {
  const id = beside ? "line-beside" : "line-round-trip";
  const label = beside ? "round trip beside a bulk stream" : "round trip of 64 bytes";
  const measures = (["p50", "p99"] as const).map((name): Measure => ({
    id: `${id}-${name}`,
    label: `${label}, ${name}, ms`,
    better: "less",
    digits: 1,
    ...SECTION,
  }));
  return {
    id,
    name: "line",
    stage: "line",
    measures,
    withTls: false,
    cutsStreams: beside,
    measure: async ({ load, tunnel }) => {
      const place = { port: tunnel.port, host: tunnel.host };
      const visit = beside
        ? await load.pingBeside({ ...place, forMs, warmUp: WARM_UP_PINGS })
        : await load.ping({ ...place, forMs, warmUp: 1 });
      if (beside) await delay(SETTLE_MS);
      return { [`${id}-p50`]: (visit["p50Us"] ?? NaN) / 1000, [`${id}-p99`]: (visit["p99Us"] ?? NaN) / 1000 };
    },
  };
}
