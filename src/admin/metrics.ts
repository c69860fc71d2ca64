/**
 * The metrics page, in Prometheus' text format.
 *
 * @module
 */
import { Counter, Gauge, Registry } from "prom-client";
import { type CounterName, COUNTERS } from "../observe/counters.ts";
import type { AdminTarget, GaugeReading } from "./target.ts";

const PREFIX = "ferrotunnel_";

/** Facts about the process that the target does not know. */
export interface ProcessFacts {
  /** Version of this program. */
  readonly version: string;
  /** Name and version of the JavaScript runtime. */
  readonly runtime: { readonly name: string; readonly version: string };
  /** Resident memory in bytes, or undefined when it cannot be told at the moment. */
  residentBytes(): number | undefined;
}

/** A page and its media type. */
export interface MetricsPage {
  /** Value of the `Content-Type` field. */
  readonly contentType: string;
  /** The text. */
  readonly body: string;
}

/**
 * Writes down every counter and gauge of a target. A registry is made for each page: the numbers live in the target, and
 * a label value that is gone there leaves nothing behind here.
 *
 * @param target Whose numbers.
 * @param facts About the process.
 * @returns The page.
 */
export async function renderMetrics(target: AdminTarget, facts: ProcessFacts): Promise<MetricsPage> {
  const registry = new Registry();
  addCounters(registry, target);
  const gauges = [...target.gauges()].map((reading) => ({ ...reading, name: PREFIX + reading.name }));
  addGauges(registry, [...gauges, ...processGauges(target, facts)]);
  return { contentType: registry.contentType, body: await registry.metrics() };
}

function addCounters(registry: Registry, target: AdminTarget): void {
  const counters = new Map<CounterName, Counter>();
  for (const name of Object.keys(COUNTERS) as CounterName[]) {
    const { help, label }: { help: string; label?: string } = COUNTERS[name];
    const labelNames = label === undefined ? [] : [label];
    counters.set(
      name,
      new Counter({ name: `${PREFIX}${name}_total`, help, labelNames, registers: [registry] }),
    );
  }
  const bytes = { sent: target.counters.bytesSent, received: target.counters.bytesReceived };
  for (const [direction, value] of Object.entries(bytes)) {
    const help = `Payload bytes ${direction}.`;
    new Counter({ name: `${PREFIX}bytes_${direction}_total`, help, registers: [registry] }).inc(value);
  }
  for (const { name, label, value } of target.counters.entries()) {
    const { label: labelName }: { help: string; label?: string } = COUNTERS[name];
    counters.get(name)?.inc(labelName === undefined ? {} : { [labelName]: label }, value);
  }
}

function addGauges(registry: Registry, readings: readonly GaugeReading[]): void {
  const gauges = new Map<string, Gauge>();
  for (const { name, help, value, labels = {} } of readings) {
    let gauge = gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [registry] });
      gauges.set(name, gauge);
    }
    gauge.set(labels, value);
  }
}

function processGauges(target: AdminTarget, facts: ProcessFacts): GaugeReading[] {
  const { version, runtime } = facts;
  const readings: GaugeReading[] = [
    {
      name: `${PREFIX}build_info`,
      help: "Always 1; its labels tell what runs.",
      value: 1,
      labels: { version, role: target.role, runtime: runtime.name, runtime_version: runtime.version },
    },
    {
      name: `${PREFIX}ready`,
      help: "1 when the program can do its work, else 0.",
      value: target.ready() ? 1 : 0,
    },
  ];
  const bytes = facts.residentBytes();
  if (bytes !== undefined) {
    readings.push({ name: "process_resident_memory_bytes", help: "Resident memory in bytes.", value: bytes });
  }
  return readings;
}
