/**
 * Results as Markdown.
 *
 * @module
 */
import { LINE } from "./hosts.ts";
import { COST_SUFFIX, type Failure, type Measure, type MeasuredTarget, type Results } from "./results.ts";
import { median, ratio, spread } from "./statistics.ts";
import { markdownTable } from "./table.ts";

const BEGIN = "<!-- results -->";
const END = "<!-- end -->";

/** Where nothing was measured. */
const NOTHING = "–";

/** A section of the report. */
interface Section {
  readonly title: string;
  readonly measures: readonly Measure[];
  readonly columns: readonly MeasuredTarget[];
  /** What the others are compared with. */
  readonly rathole: MeasuredTarget | undefined;
}

/**
 * Sets the results: the figures, then how they compare with rathole and with no tunnel.
 *
 * @param results A run.
 */
export function report(results: Results): string {
  const none = results.targets.find(({ id }) => id === "none");
  const parts = sectionsOf(results).flatMap(({ title, measures, columns, rathole }) => [
    `### ${title}`,
    table(measures, columns, figure),
    ...comparison("Ratio to rathole of the same table, in the same rounds:", measures, columns, rathole),
    // Without a tunnel the processor's time is that of the load: nothing to compare a tunnel's own with.
    ...comparison("Ratio to no tunnel, in the same rounds:", measures.filter(isNoCost), columns, none),
  ]);
  return [facts(results), ...parts, ...failures(results.failures)].join("\n\n") + "\n";
}

/** Those in which something was measured, with the columns in which something was. */
function sectionsOf({ measures, targets }: Results): readonly Section[] {
  const plain = targets.filter(({ tls }) => !tls);
  const secure = targets.filter(({ tls }) => tls);
  const all = [
    { title: "Without TLS", columns: plain, name: "loopback" },
    { title: "With TLS between client and server", columns: secure, name: "loopback" },
    { title: "HTTP", columns: plain, name: "http" },
    { title: `Over a line of ${lineText()}`, columns: plain, name: "line" },
    { title: "Coming up", columns: plain, name: "start" },
  ];
  return all.map(({ title, columns, name }) => {
    const own = measures.filter(({ section = "loopback" }) => section === name);
    return {
      title,
      measures: own,
      columns: columns.filter(({ samples }) => own.some(({ id }) => (samples[id] ?? []).length > 0)),
      rathole: columns.find(({ id }) => /^rathole(-tls)?$/.test(id)),
    };
  }).filter(({ columns }) => columns.length > 0);
}

function lineText(): string {
  return `${LINE.bitsPerSecond / 1e6} Mbit/s and ${LINE.delayMs * 2} ms`;
}

/** The lines about the run as a whole. */
function facts(results: Results): string {
  const { machine } = results;
  const gigabytes = (machine.memoryBytes / 1e9).toFixed(1);
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`).join(", ");
  return [
    `- ${results.date}, commit ${
      results.commit || "unknown"
    }, ${results.rounds} rounds of ${results.sampleMs} ms` +
    `${results.quick ? ", --quick" : ""}`,
    `- ${machine.cpu}, ${machine.cores} cores, ${gigabytes} GB, ${machine.kernel}`,
    `- load before the run: ${machine.loadBefore.toFixed(2)} ${noise(machine.loadBefore, machine.cores)}`,
    `- ${versions}; load in ${results.load}; HTTP: ${results.web}`,
    ...results.missing.length === 0
      ? []
      : [`- not found on the PATH, so skipped: ${results.missing.join(", ")}`],
    ...results.leftOut.map((reason) => `- left out: ${reason}`),
  ].join("\n");
}

function noise(load: number, cores: number): string {
  const share = load / cores;
  if (share < 0.1) return "(an idle machine)";
  return share < 0.5 ? "(other programs ran, too)" : "(other programs were busy: a rough impression at best)";
}

function isNoCost({ id }: Measure): boolean {
  return !id.endsWith(COST_SUFFIX);
}

function figure(measure: Measure, target: MeasuredTarget): string | undefined {
  const samples = target.samples[measure.id];
  if (samples === undefined || samples.length === 0) return undefined;
  const share = spread(samples);
  const width = share === undefined ? "" : ` ±${(share * 100).toFixed(0)}%`;
  return median(samples).toFixed(measure.digits) + width;
}

function comparison(
  title: string,
  measures: readonly Measure[],
  columns: readonly MeasuredTarget[],
  base: MeasuredTarget | undefined,
): string[] {
  const others = columns.filter((column) => column !== base && column.id !== "none");
  if (base === undefined || others.length === 0) return [];
  const set = table(measures, others, (measure, target) => {
    return ratio(target.samples[measure.id], base.samples[measure.id])?.toFixed(2);
  });
  return set === "" ? [] : [title, set];
}

/** A table without the rows in which nothing was measured. */
function table(
  measures: readonly Measure[],
  columns: readonly MeasuredTarget[],
  cell: (measure: Measure, target: MeasuredTarget) => string | undefined,
): string {
  const rows = measures.map((measure) => ({ measure, cells: columns.map((column) => cell(measure, column)) }))
    .filter(({ cells }) => cells.some((text) => text !== undefined))
    .map(({ measure, cells }) => [
      `${measure.label} ${measure.better === "more" ? "↑" : "↓"}`,
      ...cells.map((text) => text ?? NOTHING),
    ]);
  if (rows.length === 0) return "";
  return markdownTable([["", ...columns.map(({ name }) => name)], ...rows]).trimEnd();
}

function failures(all: readonly Failure[]): string[] {
  if (all.length === 0) return [];
  const lines = all.map(({ target, measurement, reason }) =>
    `- ${target}, ${measurement}: ${reason.replaceAll(/\s+/g, " ")}`
  );
  return ["### Failed", lines.join("\n")];
}

/**
 * Puts results into a document, in place of those between its two markers.
 *
 * @param document Markdown with the markers, each on a line of its own.
 * @param text What {@linkcode report} gave.
 * @returns The document.
 * @throws {RangeError} when a marker is missing.
 */
export function replaceResults(document: string, text: string): string {
  const begin = document.indexOf(`${BEGIN}\n`);
  const end = document.indexOf(END, begin);
  if (begin === -1 || end === -1) {
    throw new RangeError(`Expected the lines '${BEGIN}' and '${END}' in the document`);
  }
  return `${document.slice(0, begin)}${BEGIN}\n\n${text.trim()}\n\n${document.slice(end)}`;
}
