/**
 * The ratios to rathole as a picture: bars on a logarithmic scale, to the right when better.
 *
 * @module
 */
import type { Measure, MeasuredTarget, Results } from "./results.ts";
import { ratio } from "./statistics.ts";

/** The colours of a page that is light, and of one that is dark. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .small, .value { font-size: 11px; fill: #59636e; }
  .head { font-weight: 600; }
  .grid { stroke: #d1d9e0; }
  .one { stroke: #59636e; }
  .bar0 { fill: #0969da; }
  .bar1 { fill: #bf8700; }
  .bar2 { fill: #8250df; }
  .bar3 { fill: #6e7781; }
  .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small, .value { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .one { stroke: #9198a1; }
    .bar0 { fill: #4493f8; }
    .bar1 { fill: #d29922; }
    .bar2 { fill: #ab7df8; }
    .bar3 { fill: #9198a1; }
    .paper { fill: #0d1117; }
  }
`;

const WIDTH = 860;
const LABELS_WIDTH = 340;
/** Room for the value beside the longest bar. */
const VALUE_WIDTH = 48;
const TOP = 104;
const BAR_HEIGHT = 11;
const ROW_GAP = 8;
const HEAD_HEIGHT = 26;

/** The scale ends at these; what is beyond ends there too, and its value tells. */
const LEAST = 1 / 16;
const MOST = 16;
const TICKS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16];

/** More bars in a row would be unreadable. */
const MAX_COLUMNS = 4;

interface Row {
  readonly label: string;
  /** How many times as good as rathole; undefined where nothing was measured. */
  readonly factors: readonly (number | undefined)[];
}

interface Group {
  readonly title: string;
  readonly rows: readonly Row[];
}

/**
 * Draws how many times as good as rathole each tunnel was, measure by measure: more bytes, or less time, memory or work.
 *
 * @param results A run.
 * @returns SVG; empty when rathole was not measured, or nothing else.
 */
export function plotRatios(results: Results): string {
  const names = [...new Set(compared(results.targets).map(({ name }) => name))].slice(0, MAX_COLUMNS);
  const groups = groupsOf(results, names);
  if (groups.length === 0) return "";
  const rowHeight = names.length * BAR_HEIGHT + ROW_GAP;
  const height = TOP + 30 +
    groups.reduce((sum, { rows }) => sum + HEAD_HEIGHT + rows.length * rowHeight, 0);
  const bottom = height - 24;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" ` +
    `viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>How many times as good as rathole</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" width="${WIDTH}" height="${height}"/>`,
    text({ x: 16, y: 26, words: "How many times as good as rathole, in the same rounds", style: "title" }),
    text({ x: 16, y: 46, words: subtitle(results), style: "small" }),
    ...names.flatMap((name, index) => legend(name, index)),
    ...grid(bottom),
    ...drawGroups(groups, rowHeight),
    "</svg>",
  ];
  return parts.join("\n") + "\n";
}

function subtitle({ date, machine, rounds, sampleMs }: Results): string {
  return `${date.slice(0, 10)}; ${machine.cpu}, ${machine.cores} cores; medians of ${rounds} ${
    rounds === 1 ? "round" : "rounds"
  } of ` +
    `${sampleMs} ms; × on a logarithmic scale, right is better`;
}

function compared(targets: readonly MeasuredTarget[]): readonly MeasuredTarget[] {
  return targets.filter(({ id }) => id !== "none" && !id.startsWith("rathole"));
}

function groupsOf({ measures, targets }: Results, names: readonly string[]): readonly Group[] {
  const group = (title: string, tls: boolean, belongs: (measure: Measure) => boolean): Group => {
    const base = targets.find(({ id }) => id === (tls ? "rathole-tls" : "rathole"));
    const columns = names.map((name) => targets.find((target) => target.name === name && target.tls === tls));
    const rows = measures.filter(belongs).map((measure): Row => ({
      label: measure.label,
      factors: columns.map((column) => factorOf(measure, column, base)),
    }));
    return { title, rows: rows.filter(({ factors }) => factors.some((factor) => factor !== undefined)) };
  };
  const isIn = (name: string) => ({ section = "loopback" }: Measure): boolean => section === name;
  return [
    group("On one machine", false, isIn("loopback")),
    group("With TLS", true, isIn("loopback")),
    group("HTTP", false, isIn("http")),
    group("Over a long line", false, isIn("line")),
    group("Coming up", false, isIn("start")),
  ].filter(({ rows }) => rows.length > 0);
}

function factorOf(
  measure: Measure,
  target: MeasuredTarget | undefined,
  base: MeasuredTarget | undefined,
): number | undefined {
  const found = ratio(target?.samples[measure.id], base?.samples[measure.id]);
  if (found === undefined || found <= 0) return undefined;
  return measure.better === "more" ? found : 1 / found;
}

function drawGroups(groups: readonly Group[], rowHeight: number): string[] {
  const parts: string[] = [];
  let y = TOP;
  for (const { title, rows } of groups) {
    parts.push(text({ x: 16, y: y + 16, words: title, style: "head" }));
    y += HEAD_HEIGHT;
    for (const { label, factors } of rows) {
      const middle = y + (rowHeight - ROW_GAP) / 2 + 4;
      parts.push(text({ x: LABELS_WIDTH - 12, y: middle, words: label, anchor: "end" }));
      parts.push(...factors.flatMap((factor, index) => factor === undefined ? [] : bar(factor, index, y)));
      y += rowHeight;
    }
  }
  return parts;
}

function bar(factor: number, index: number, rowTop: number): string[] {
  const [one, end] = [scale(1), scale(factor)];
  const y = rowTop + index * BAR_HEIGHT;
  const isBetter = factor >= 1;
  return [
    `<rect class="bar${index}" x="${Math.min(one, end).toFixed(1)}" y="${y}" ` +
    `width="${Math.max(1, Math.abs(end - one)).toFixed(1)}" height="${BAR_HEIGHT - 1}"/>`,
    text({
      x: end + (isBetter ? 4 : -4),
      y: y + BAR_HEIGHT - 2,
      words: textOf(factor),
      style: "value",
      anchor: isBetter ? "start" : "end",
    }),
  ];
}

function textOf(factor: number): string {
  if (factor >= 10) return factor.toFixed(0);
  return factor < 0.1 ? String(Number(factor.toPrecision(1))) : factor.toFixed(2);
}

/** Where a factor stands on the picture. */
function scale(factor: number): number {
  const kept = Math.min(MOST, Math.max(LEAST, factor));
  const share = Math.log2(kept / LEAST) / Math.log2(MOST / LEAST);
  return LABELS_WIDTH + VALUE_WIDTH + share * (WIDTH - LABELS_WIDTH - 2 * VALUE_WIDTH);
}

function grid(bottom: number): string[] {
  return TICKS.flatMap((tick) => {
    const x = scale(tick);
    const at = x.toFixed(1);
    const words = tick < 1 ? `1/${1 / tick} ×` : `${tick} ×`;
    // At both ends: the picture is taller than a screen.
    const labels = [TOP - 6, bottom + 16].map((y) => text({ x, y, words, style: "small", anchor: "middle" }));
    return [
      `<line class="${tick === 1 ? "one" : "grid"}" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"/>`,
      ...labels,
    ];
  });
}

function legend(name: string, index: number): string[] {
  const x = 16 + index * ((WIDTH - 32) / MAX_COLUMNS);
  return [
    `<rect class="bar${index}" x="${x}" y="62" width="12" height="12"/>`,
    text({ x: x + 18, y: 72, words: name }),
  ];
}

function text(
  { x, y, words, style, anchor }: {
    readonly x: number;
    readonly y: number;
    readonly words: string;
    readonly style?: string;
    readonly anchor?: "start" | "middle" | "end";
  },
): string {
  const attributes = [
    style === undefined ? "" : ` class="${style}"`,
    anchor === undefined ? "" : ` text-anchor="${anchor}"`,
  ].join("");
  return `<text x="${x.toFixed(1)}" y="${y}"${attributes}>${escape(words)}</text>`;
}

function escape(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll(
    '"',
    "&quot;",
  );
}
