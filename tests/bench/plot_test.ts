import assert from "node:assert/strict";
import { plotRatios } from "../../bench/plot.ts";
import type { Measure, MeasuredTarget, Results } from "../../bench/results.ts";
import { test } from "../harness.ts";

const MEASURES: readonly Measure[] = [
  { id: "up", label: "up & <away>, MB/s", better: "more", digits: 0 },
  { id: "time", label: "time, µs", better: "less", digits: 0 },
  { id: "never", label: "never measured", better: "less", digits: 0 },
];

function target(id: string, samples: Record<string, number[]>, tls = false): MeasuredTarget {
  return { id, name: id.replace("-tls", "").toUpperCase(), tls, samples };
}

function plot(targets: readonly MeasuredTarget[]): string {
  const results: Results = {
    date: "2030-01-02T03:04:05Z",
    commit: "abc1234",
    machine: { cpu: "Abacus", cores: 2, memoryBytes: 8e9, kernel: "Linux 1", loadBefore: 0 },
    versions: {},
    load: "C",
    web: "",
    missing: [],
    leftOut: [],
    quick: false,
    rounds: 3,
    sampleMs: 700,
    seconds: 60,
    measures: MEASURES,
    targets,
    failures: [],
  };
  return plotRatios(results);
}

const NONE = target("none", { up: [1000], time: [1] });
const RATHOLE = target("rathole", { up: [100], time: [10] });

/** Bars of a column, as their left end and width. */
function bars(svg: string, column: number): [x: number, width: number][] {
  const pattern = new RegExp(
    `<rect class="bar${column}" x="([\\d.]+)" y="\\d+" width="([\\d.]+)" height="10"/>`,
    "g",
  );
  return [...svg.matchAll(pattern)].map(([, x, width]) => [Number(x), Number(width)]);
}

/** Where the line of 1 stands. */
function one(svg: string): number {
  return Number(svg.match(/class="one" x1="([\d.]+)"/)?.[1]);
}

test("plotRatios() draws a bar for each figure, to the right when it is better", () => {
  const svg = plot([NONE, target("ours", { up: [200], time: [20] }), RATHOLE, target("other", { up: [50] })]);
  const [up, time] = bars(svg, 0);
  // Twice the bytes is as far to the right as twice the time is to the left.
  assert.equal(up?.[0], one(svg));
  assert.equal(up?.[1], time?.[1]);
  assert.equal((time?.[0] ?? 0) + (time?.[1] ?? 0), one(svg));
  assert.equal(bars(svg, 1).length, 1);
  assert.match(svg, />2\.00</);
  assert.match(svg, />0\.50</);
  assert.ok(!svg.includes("never measured"));
  assert.ok(!svg.includes("NONE"));
});

test("plotRatios() keeps bars within the scale and still tells their values", () => {
  const svg = plot([target("ours", { up: [100_000], time: [100_000] }), RATHOLE]);
  for (const [x, width] of bars(svg, 0)) assert.ok(x >= 0 && x + width <= 860, `${x} ${width}`);
  assert.match(svg, />1000</);
  assert.match(svg, />0\.0001</);
});

test("plotRatios() compares TLS with TLS", () => {
  const svg = plot([
    target("ours", { up: [100] }),
    RATHOLE,
    target("ours-tls", { up: [40] }, true),
    target("rathole-tls", { up: [10] }, true),
  ]);
  assert.equal(bars(svg, 0).length, 2);
  assert.match(svg, />With TLS</);
  assert.match(svg, />4\.00</);
});

test("plotRatios() writes XML with a title, the machine, the unit of the scale and every label", () => {
  const svg = plot([target("ours", { up: [200], time: [20] }), RATHOLE]);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  for (const words of ["rathole", "Abacus, 2 cores", "2030-01-02", "1/16 ×", "16 ×", "OURS", "time, µs"]) {
    assert.ok(svg.includes(words), words);
  }
  assert.ok(svg.includes("up &amp; &lt;away&gt;, MB/s"));
  assertWellFormed(svg);
});

test("plotRatios() gives nothing when there is nothing to compare", () => {
  assert.equal(plot([NONE, target("ours", { up: [200] })]), "");
  assert.equal(plot([NONE, RATHOLE]), "");
});

/** Every element is closed, in order. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  for (const [tag, slash, name, rest = ""] of xml.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (slash === "/") assert.equal(open.pop(), name, tag);
    else if (!rest.endsWith("/")) open.push(name ?? "");
    assert.match(rest, /^(\s[A-Za-z0-9:-]+="[^"<]*")*\s?\/?$/, tag);
  }
  assert.deepEqual(open, []);
  assert.ok(!/&(?!amp;|lt;|gt;|quot;)/.test(xml));
}
