/**
 * Counts of what happened, kept as plain numbers so that counting costs nothing; the admin endpoint turns them into
 * Prometheus metrics when asked.
 *
 * @module
 */

/** Every counter, with the help text and the name of its label, if it has one. */
export const COUNTERS = {
  sessions_opened: { help: "Sessions that completed the handshake." },
  sessions_closed: { help: "Sessions that ended, by reason.", label: "reason" },
  handshakes_refused: { help: "Handshakes that were refused, by status.", label: "status" },
  connections_refused: { help: "Connections closed before any exchange, by reason.", label: "reason" },
  protocol_errors: { help: "Sessions ended because the peer broke the protocol, by rule.", label: "rule" },
  registrations_refused: { help: "Service registrations refused, by status.", label: "status" },
  visitors_accepted: { help: "Connections accepted on public ports." },
  visitors_refused: { help: "Connections on public ports that got no stream, by reason.", label: "reason" },
  streams_opened: { help: "Streams opened, by side.", label: "side" },
  streams_reset: { help: "Streams that did not end cleanly, by reason.", label: "reason" },
  orphan_frames: { help: "Frames for streams that no longer exist; dropped." },
  reads_paused: {
    help: "Times a session stopped reading because a peer without flow control filled a queue.",
  },
  streams_shed: { help: "Streams reset because a memory budget was used up." },
  local_connect_failed: { help: "Connections to local services that failed, by service.", label: "service" },
  reconnects: { help: "Attempts of a client to reach its server after the first." },
  http_requests: {
    help: "HTTP requests that are over, by class of the status that the visitor got whole.",
    label: "class",
  },
  http_failed: {
    help: "HTTP requests answered by the server itself because they failed, by reason.",
    label: "reason",
  },
  http_cut_off: {
    help: "HTTP requests that ended before their response was whole, by reason.",
    label: "reason",
  },
  http_protocol_errors: { help: "HTTP messages that broke the rules, by rule.", label: "rule" },
  plugin_answers: { help: "HTTP requests that a plugin answered, by plugin.", label: "plugin" },
  plugin_failures: {
    help: "Times a plugin threw, took too long or answered what cannot be, by plugin.",
    label: "plugin",
  },
  limits_hit: { help: "Times a limit refused something, by limit.", label: "limit" },
} as const satisfies Record<string, { help: string; label?: string }>;

/** Name of a counter. */
export type CounterName = keyof typeof COUNTERS;

/**
 * A set of counters. One for each server and client: nothing is global.
 *
 * @example
 * ```ts
 * import { Counters } from "./counters.ts";
 *
 * const counters = new Counters();
 * counters.add("sessions_closed", { label: "peer_gone" });
 * console.log(counters.get("sessions_closed")); // 1
 * ```
 */
export class Counters {
  /** Payload bytes sent to peers. Plain numbers, since they change with every frame. */
  bytesSent = 0;
  /** Payload bytes received from peers. */
  bytesReceived = 0;
  readonly #values = new Map<CounterName, Map<string, number>>();

  /** Adds `by` (1 when left out) to a counter; `label` is the value of its label. */
  add(name: CounterName, options: { label?: string; by?: number } = {}): void {
    const { label = "", by = 1 } = options;
    let byLabel = this.#values.get(name);
    if (byLabel === undefined) this.#values.set(name, byLabel = new Map());
    byLabel.set(label, (byLabel.get(label) ?? 0) + by);
  }

  /** The sum of a counter over all its labels, or the value for one. */
  get(name: CounterName, label?: string): number {
    const byLabel = this.#values.get(name);
    if (byLabel === undefined) return 0;
    if (label !== undefined) return byLabel.get(label) ?? 0;
    let sum = 0;
    for (const value of byLabel.values()) sum += value;
    return sum;
  }

  /** Every value that was ever added to, with its label's value ("" for a counter without label). */
  *entries(): Generator<{ name: CounterName; label: string; value: number }> {
    for (const [name, byLabel] of this.#values) {
      for (const [label, value] of byLabel) yield { name, label, value };
    }
  }
}
