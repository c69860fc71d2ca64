import assert from "node:assert/strict";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";
import { runProgram } from "../support/child_program.ts";
import { noProcessStats } from "../support/process_stats.ts";
import { missing } from "../support/programs.ts";
import { grows, type Sample, trendOf } from "./_trend.ts";
import { VISITS } from "./_visits.ts";

const DEADLINE_MS = 170_000;

test("A short soak with faults finds every byte right and everything back at its baseline", async () => {
  const runtime = runtimeName === "deno"
    ? [findDeno(), "run", "--no-check", "--allow-all"]
    : [findBun(), "run"];
  const { program, code } = await runProgram([...runtime, "tests/soak/main.ts", "--minutes", "0.12"], {
    deadlineMs: DEADLINE_MS,
  });
  assert.equal(code, 0, program.output());
  assert.equal(program.out.at(-1), "no finding");
  for (const tunnel of ["plain", "secure", "mortal"]) {
    for (const kind of VISITS.keys()) {
      assert.match(program.output(), new RegExp(`^${tunnel}: ${kind}: [1-9]\\d* visits`, "m"));
    }
  }
  assert.match(program.output(), /^plain: faults: [1-9]\d* × reload, [1-9]\d* × blackhole/m);
  assert.match(program.output(), /^mortal: faults: [1-9]\d* × client killed, [1-9]\d* × server killed/m);
}, { timeoutMs: DEADLINE_MS + 5_000, skip: noProcessStats ?? missing("openssl") });

const MIB = 1024 * 1024;

/** Samples of twenty minutes: what a minute has, and up to 2 MiB that come and go. */
function series(bytesAt: (minute: number) => number): Sample[] {
  return Array.from({ length: 20 }, (_, minute) => ({
    atMs: minute * 60_000,
    bytes: 80 * MIB + bytesAt(minute) + (minute * 7 % 5) * 0.5 * MIB,
  }));
}

test("A slow leak is found among memory that comes and goes, and settling at first is none", () => {
  const leak = trendOf(series((minute) => minute * MIB));
  assert.equal(leak.samples, 10);
  assert.ok(Math.abs(leak.bytesPerMinute - MIB) < 0.2 * MIB, `${leak.bytesPerMinute}`);
  assert.ok(grows(leak));
  assert.ok(!grows(trendOf(series(() => 0))));
  assert.ok(!grows(trendOf(series((minute) => Math.min(minute, 8) * 10 * MIB))), "settles late");
  assert.ok(!grows(trendOf(series((minute) => -minute * MIB))));
});

test("Few samples, and growth that is small or may be chance, are no leak", () => {
  const line = (count: number, perMinute: number): Sample[] =>
    Array.from({ length: count }, (_, minute) => ({ atMs: minute * 60_000, bytes: minute * perMinute }));
  assert.ok(!grows(trendOf(line(8, MIB))), "four samples");
  assert.ok(grows(trendOf(line(9, MIB))), "five samples");
  assert.ok(!grows(trendOf(line(20, 256 * 1024))));
  assert.ok(grows(trendOf(line(20, 256 * 1024 + 1))));
  const wild = line(20, MIB).map(({ atMs, bytes }, index) => ({
    atMs,
    bytes: bytes + (index % 3) * 30 * MIB,
  }));
  assert.ok(!grows(trendOf(wild)));
  assert.deepEqual(trendOf([]).bytesPerMinute, 0);
});
