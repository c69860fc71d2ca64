import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { replaceResults, report } from "../../bench/report.ts";
import type { MeasuredTarget, Results } from "../../bench/results.ts";
import { ROOT } from "../../scripts/tools.ts";
import { test } from "../harness.ts";

function target(id: string, samples: Record<string, number[]>, tls = false): MeasuredTarget {
  return { id, name: id.toUpperCase(), tls, samples };
}

function results(changes: Partial<Results> = {}): Results {
  return {
    date: "2030-01-02T03:04:05Z",
    commit: "abc1234",
    machine: { cpu: "Abacus", cores: 2, memoryBytes: 8e9, kernel: "Linux 1", loadBefore: 1.5 },
    versions: { deno: "2.0.0", rathole: "0.5.0" },
    load: "C",
    web: "wrk and nginx",
    missing: [],
    leftOut: [],
    quick: true,
    rounds: 3,
    sampleMs: 300,
    seconds: 60,
    measures: [
      { id: "up-1", label: "up", better: "more", digits: 0 },
      { id: "up-1-cpu", label: "CPU up", better: "less", digits: 2 },
      { id: "never", label: "never measured", better: "less", digits: 0 },
    ],
    targets: [
      target("none", { "up-1": [3000, 2800, 3200], "up-1-cpu": [0.5] }),
      target("ours", { "up-1": [1500, 1400, 1600], "up-1-cpu": [1.5] }),
      target("rathole", { "up-1": [750, 700, 800], "up-1-cpu": [1] }),
    ],
    failures: [],
    ...changes,
  };
}

test("report() says where and with what the figures were taken", () => {
  const text = report(results());
  for (
    const fact of [
      "abc1234",
      "2030-01-02",
      "Abacus, 2 cores, 8.0 GB",
      "deno 2.0.0",
      "other programs were busy",
    ]
  ) {
    assert.ok(text.includes(fact), fact);
  }
});

test("report() shows medians with their spread, and leaves out rows without any", () => {
  const text = report(results());
  assert.match(text, /\| up ↑ +\| 3000 ±7% \| 1500 ±7% \| 750 ±7% \|/);
  assert.match(text, /\| CPU up ↓ +\| 0\.50 +\| 1\.50 +\| 1\.00 +\|/);
  assert.ok(!text.includes("never measured"));
});

test("report() compares with rathole and with no tunnel", () => {
  const [, rathole = "", none = ""] = report(results()).split("Ratio to");
  assert.match(rathole, /\| up ↑ +\| 2\.00 \|/);
  assert.match(rathole, /\| CPU up ↓ +\| 1\.50 \|/);
  assert.match(none, /\| up ↑ +\| 0\.50 \| 0\.25 +\|/);
  // Without a tunnel it is the load's own.
  assert.ok(!none.includes("CPU"));
});

test("report() compares with rathole only where it was measured, and TLS with TLS", () => {
  const without = results().targets.filter(({ id }) => id !== "rathole");
  assert.ok(!report(results({ targets: without })).includes("Ratio to rathole"));
  const tls = [target("ours-tls", { "up-1": [300] }, true), target("rathole-tls", { "up-1": [100] }, true)];
  const text = report(results({ targets: [...results().targets, ...tls] }));
  const [, secure = ""] = text.split("### With TLS");
  assert.match(secure, /\| up ↑ +\| 300 +\| 100 +\|/);
  assert.match(secure, /\| up ↑ +\| 3\.00 +\|/);
});

test("report() has a table for each part in which something was measured", () => {
  const measures = [
    ...results().measures,
    { id: "http", label: "requests", better: "more", digits: 0, section: "http" } as const,
    { id: "line", label: "share", better: "more", digits: 0, section: "line" } as const,
  ];
  const targets = [...results().targets, target("frp", { http: [10] })];
  const text = report(results({ measures, targets }));
  const [, web = ""] = text.split("### HTTP");
  assert.match(web, /\| requests ↑ +\| 10 +\|/);
  assert.ok(!web.includes("OURS"));
  assert.ok(!text.includes("Over a line"));
  assert.ok(!text.split("### HTTP")[0]?.includes("FRP"));
});

test("report() tells what was not found and what was left out", () => {
  const text = report(results({ missing: ["frp", "chisel"], leftOut: ["over a line: no networks"] }));
  assert.match(text, /skipped: frp, chisel/);
  assert.match(text, /left out: over a line: no networks/);
});

test("report() lists what failed", () => {
  const failure = { target: "ours", measurement: "up-1", reason: "mismatch\nat byte 7", isOurs: true };
  assert.match(report(results({ failures: [failure] })), /### Failed\n\n- ours, up-1: mismatch at byte 7\n/);
});

test("replaceResults() replaces what stands between the markers, and nothing else", () => {
  const document = "# A\n\n<!-- results -->\n\nold\n\n<!-- end -->\n\n## B\n";
  const once = replaceResults(document, "new\n");
  assert.equal(once, "# A\n\n<!-- results -->\n\nnew\n\n<!-- end -->\n\n## B\n");
  assert.equal(replaceResults(once, "new"), once);
  assert.throws(() => replaceResults("# A\n", "new"), RangeError);
  assert.throws(() => replaceResults("<!-- end -->\n<!-- results -->\n", "new"), RangeError);
});

test("bench/README.md has the place for the results", () => {
  const document = readFileSync(join(ROOT, "bench", "README.md"), "utf8");
  assert.ok(replaceResults(document, report(results())).includes("abc1234"));
});
