import assert from "node:assert/strict";
import { runProgram } from "../support/child_program.ts";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";
import { runs as times } from "../http/corpus.ts";
import { fuzz, TARGETS } from "./_targets.ts";

const RUNS = times(2_000);
const SEED = 20_261_125;

for (const target of TARGETS) {
  test(`F34: ${RUNS} changed inputs neither crash nor confuse: ${target.name}`, async () => {
    const { runs, accepted } = await fuzz(target, { seed: SEED, until: (count) => count >= RUNS });
    assert.equal(runs, RUNS);
    // Both kinds must be there, or the inputs say nothing.
    if (target.name !== "rubbish") assert.ok(accepted > RUNS / 100 && accepted < RUNS * 0.99, `${accepted}`);
  }, { timeoutMs: 600_000 });
}

test("fuzz() tells the seed that leads to a finding, and the program ends with 1", async () => {
  const broken = {
    name: "broken",
    run: (): boolean => {
      throw new TypeError("Found");
    },
  };
  await assert.rejects(fuzz(broken, { seed: 7, until: () => false }), /--target "broken" --seed 7:[^]*Found/);
});

test("The fuzz program runs every target for its time and tells how often", async () => {
  const runtime = runtimeName === "deno"
    ? [findDeno(), "run", "--no-check", "--allow-all"]
    : [findBun(), "run"];
  const { program, code } = await runProgram([...runtime, "tests/fuzz/main.ts", "--seconds", "1"]);
  assert.equal(code, 0, program.output());
  for (const { name } of TARGETS) assert.match(program.output(), new RegExp(`^${name}: [1-9]\\d* runs`, "m"));
  assert.match(program.output(), /^\d+ runs in all, no finding$/m);
  const wrong = await runProgram([...runtime, "tests/fuzz/main.ts", "--seconds", "x"]);
  assert.equal(wrong.code, 2);
});
