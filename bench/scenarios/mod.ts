/**
 * Lists what is measured in rounds.
 *
 * @module
 */
import type { BenchOptions } from "../arguments.ts";
import type { WebDriver } from "../web.ts";
import { bulk } from "./bulk.ts";
import { connect } from "./connect.ts";
import { http } from "./http.ts";
import { lineBulk, linePing } from "./line.ts";
import { besideBulk, roundTrip } from "./round_trip.ts";
import type { Scenario } from "./types.ts";

/** A line needs longer: half a second passes before it is full. */
const LINE_FACTOR = 4;

/**
 * Lists the measurements that were asked for.
 *
 * @param options The bench's options.
 * @param driver Who sends HTTP requests.
 */
export function scenariosFor(options: BenchOptions, driver: WebDriver): readonly Scenario[] {
  const { sampleMs, quick } = options;
  const lineMs = sampleMs * LINE_FACTOR;
  const web = { driver, forMs: sampleMs };
  const all = [
    ...(["up", "down"] as const).flatMap((direction) =>
      options.streams.map((streams) => bulk(direction, streams, sampleMs))
    ),
    roundTrip(sampleMs),
    besideBulk(sampleMs),
    connect(sampleMs),
    http("host", web),
    ...(quick ? [] : [http("port", web)]),
    lineBulk("up", lineMs),
    lineBulk("down", lineMs),
    linePing(false, sampleMs),
    linePing(true, lineMs),
  ];
  return all.filter(({ name }) => options.scenarios.includes(name));
}
