/**
 * HTTP requests: by host name where a tunnel knows HTTP, and through a plain TCP port.
 *
 * @module
 */
import type { WebDriver } from "../web.ts";
import type { Measure } from "../results.ts";
import type { Tunnel } from "../targets/types.ts";
import type { Scenario } from "./types.ts";

/** Connections that are kept, each with one request under way. */
const LANES = 32;

/**
 * Counts requests.
 *
 * @param way By host name, or through a port of the service's own.
 * @param options Who sends them, and for how long.
 */
export function http(
  way: "host" | "port",
  { driver, forMs }: { readonly driver: WebDriver; readonly forMs: number },
): Scenario {
  const id = `http-${way}`;
  const what = way === "host" ? "by Host" : "through a TCP port";
  const measures: readonly Measure[] = [
    { id, label: `requests per second, ${what}`, better: "more", digits: 0, section: "http" },
    {
      id: `${id}-p99`,
      label: `response time, ${what}, p99, ms`,
      better: "less",
      digits: 2,
      section: "http",
    },
  ];
  return {
    id,
    name: "http",
    stage: "http",
    measures,
    withTls: false,
    warmUps: 3,
    measure: async ({ load, tunnel }) => {
      const { perSecond, p99Ms } = await driver.drive(load, {
        port: portOf(tunnel, way),
        forMs,
        lanes: LANES,
      });
      return { [id]: perSecond, [`${id}-p99`]: p99Ms };
    },
  };
}

/** A tunnel that does not know HTTP has only its port; so its figure stands beside the others' in both rows. */
function portOf({ port, httpPort }: Tunnel, way: "host" | "port"): number {
  return way === "host" ? httpPort ?? port : port;
}
