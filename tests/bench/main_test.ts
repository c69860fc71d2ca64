import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Results } from "../../bench/results.ts";
import { ROOT, run } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";

/** Runs the bench on this runtime. */
async function bench(
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly output: string }> {
  const flags = runtimeName === "deno" ? ["run", "--allow-all", "--no-check"] : ["run"];
  return await run([process.execPath, ...flags, join(ROOT, "bench", "main.ts"), ...words]);
}

test(
  "the bench measures this project's tunnel in every way, finds no byte wrong, and writes what it found",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-bench-results-"));
    try {
      const words = [
        "--quick",
        "--rounds",
        "1",
        "--sample-ms",
        "20",
        "--runtime",
        runtimeName,
        "--peer",
        "none",
      ];
      const { code, output } = await bench(...words, "--output", folder);
      assert.equal(code, 0, output);
      const files = readdirSync(folder);
      // Without rathole there is nothing to draw.
      assert.deepEqual(files.map((name) => name.replace(/^.*\./, "")).sort(), ["json", "md"]);
      const read = (end: string): string =>
        readFileSync(join(folder, files.find((name) => name.endsWith(end)) ?? ""), "utf8");
      const results = JSON.parse(read(".json")) as Results;
      assert.deepEqual(results.failures, []);
      const ours = results.targets.find(({ id }) => id === `ferrotunnel-${runtimeName}`);
      // The line is for the superuser, memory and processor time for Linux.
      const never = /^(line-|idle-|.*-cpu$)/;
      for (const { id } of results.measures.filter(({ id }) => !never.test(id))) {
        assert.ok((ours?.samples[id]?.length ?? 0) > 0, id);
      }
      assert.match(read(".md"), /^# Bench\n\n- \d{4}-/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  { timeoutMs: 170_000 },
);

test("the bench refuses an unknown option with 2, and says what there is", async () => {
  const { code, output } = await bench("--fast");
  assert.equal(code, 2);
  assert.match(output, /--fast/);
  assert.match(output, /--scenario/);
});
