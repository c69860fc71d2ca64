/**
 * A plugin: tells visitors that the service is closed for the night.
 *
 *     http:
 *       plugins:
 *         night: { type: module, path: ./maintenance.ts, options: { from: 1, to: 5 } }
 *       use: [night]
 *
 * Only types are imported, so that nothing of the project is needed beside it when the program runs.
 *
 * @module
 */
import type { Plugin, PluginContext, RequestVerdict } from "../../mod.ts";

/** Makes the plugin. @param options `from` and `to`, hours of the day in UTC. @param context Name, clock and log. */
export default function maintenance(
  options: Readonly<Record<string, unknown>>,
  { name, clock }: PluginContext,
): Plugin {
  const from = hour(options.from, "from");
  const to = hour(options.to, "to");
  return {
    name,
    onRequest(): RequestVerdict {
      const now = new Date(clock.wall()).getUTCHours();
      const closed = from <= to ? now >= from && now < to : now >= from || now < to;
      if (!closed) return undefined;
      const body = `Closed until ${to}:00 UTC\n`;
      return {
        answer: { status: 503, headers: [["Retry-After", "3600"], ["Content-Type", "text/plain"]], body },
      };
    },
  };
}

function hour(value: unknown, option: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 23) return value;
  throw new TypeError(`Expected an hour from 0 to 23 as ${option}`);
}
