import assert from "node:assert/strict";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";
import { runProgram } from "../support/child_program.ts";
import { noProcessStats } from "../support/process_stats.ts";
import { VISITS } from "./_workers.ts";

const DEADLINE_MS = 110_000;

test("A short soak with faults finds every byte right and everything back at its baseline", async () => {
  const runtime = runtimeName === "deno"
    ? [findDeno(), "run", "--no-check", "--allow-all"]
    : [findBun(), "run"];
  const args = ["--minutes", "0.12", "--visitors", "6"];
  const { program, code } = await runProgram([...runtime, "tests/soak/main.ts", ...args], {
    deadlineMs: DEADLINE_MS,
  });
  assert.equal(code, 0, program.output());
  assert.equal(program.out.at(-1), "no finding");
  for (const kind of Object.keys(VISITS)) {
    assert.match(program.output(), new RegExp(`^${kind}: [1-9]\\d* visits`, "m"));
  }
  assert.match(program.output(), /^faults: [1-9]\d* × client killed/m);
}, { timeoutMs: DEADLINE_MS + 5_000, skip: noProcessStats });
