import assert from "node:assert/strict";
import { closingLine, sumOf, tallyOf } from "../../scripts/summary.ts";
import { test } from "../harness.ts";

const DENO_OUTPUT = [
  "running 2 tests from ./tests/a_test.ts",
  "a does b ... ok (22ms)",
  "c needs d (no d here) ... ignored (0ms)",
  "",
  "ok | 28 passed (3 steps) | 0 failed | 1 ignored (788ms)",
].join("\n");

const BUN_OUTPUT = [
  "tests/a_test.ts:",
  "(pass) a does b [14.84ms]",
  "(skip) c needs d (no d here)",
  "",
  " 27 pass",
  " 1 skip",
  " 0 fail",
  "Ran 28 tests across 4 files. [213.00ms]",
].join("\n");

test("tallyOf() reads Deno's summary", () => {
  const tally = tallyOf("deno", { code: 0, output: DENO_OUTPUT });
  assert.deepEqual(tally, { passed: 28, failed: 0, skipped: 1, skips: ["c needs d (no d here)"] });
  const failed = tallyOf("deno", { code: 1, output: "FAILED | 27 passed | 1 failed (801ms)" });
  assert.deepEqual(failed, { passed: 27, failed: 1, skipped: 0, skips: [] });
});

test("tallyOf() reads Bun's summary", () => {
  const tally = tallyOf("bun", { code: 0, output: BUN_OUTPUT });
  assert.deepEqual(tally, { passed: 27, failed: 0, skipped: 1, skips: ["c needs d (no d here)"] });
  const failed = BUN_OUTPUT.replace(" 0 fail", " 2 fail\n 1 error");
  assert.equal(tallyOf("bun", { code: 1, output: failed }).failed, 3);
});

test("tallyOf() counts a crash as one failure", () => {
  for (const [runner, output] of [["deno", DENO_OUTPUT], ["bun", BUN_OUTPUT]] as const) {
    assert.equal(tallyOf(runner, { code: 1, output }).failed, 1, `${runner} failed after its summary`);
    assert.equal(tallyOf(runner, { code: -1, output: "" }).failed, 1, `${runner} was killed`);
    assert.equal(
      tallyOf(runner, { code: 0, output: "nothing to say" }).failed,
      1,
      `${runner} ended without a summary`,
    );
  }
});

test("sumOf() adds up and names each skip once", () => {
  const total = sumOf([
    tallyOf("deno", { code: 0, output: DENO_OUTPUT }),
    tallyOf("bun", { code: 0, output: BUN_OUTPUT }),
    { passed: 0, failed: 1, skipped: 0, skips: [] },
  ]);
  assert.deepEqual(total.skips, ["c needs d (no d here)"]);
  assert.equal(closingLine(total), "55 passed, 1 failed, 2 skipped");
});
