import assert from "node:assert/strict";
import { runProgram } from "../support/child_program.ts";
import { findBun, findDeno } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";
import { runs as times } from "../http/corpus.ts";
import { Dice } from "./_dice.ts";
import { fuzz } from "./_fuzz.ts";
import { Mutator, ROOM_BYTES } from "./_mutator.ts";
import type { FuzzTarget } from "./_target.ts";
import { TARGETS } from "./_targets.ts";

const RUNS = times(2_000);
const SEED = 20_261_125;
const PROGRAM = [
  ...(runtimeName === "deno" ? [findDeno(), "run", "--no-check", "--allow-all"] : [findBun(), "run"]),
  "tests/fuzz/main.ts",
];

for (const target of TARGETS) {
  test(`F34: ${RUNS} changed inputs neither crash nor confuse: ${target.name}`, async () => {
    const { runs, accepted, compared } = await fuzz(target, { seed: SEED, until: (count) => count >= RUNS });
    assert.equal(runs, RUNS);
    assert.equal(compared, target.hasOracle ? RUNS : 0);
    // Both kinds must be there, or the inputs say nothing.
    if (target.name !== "rubbish") assert.ok(accepted > RUNS / 20 && accepted < RUNS * 0.95, `${accepted}`);
  }, { timeoutMs: 600_000 });
}

/** Draws from the dice like the others do, and finds something in one run. */
function brokenAt(number: number): FuzzTarget {
  return {
    name: "broken",
    hasOracle: true,
    run: (dice): boolean => {
      if (dice.roll(1_000_000) === number) throw new TypeError(`Found ${number}`);
      return true;
    },
  };
}

function numberOf(seed: number, run: number): number {
  const dice = new Dice();
  dice.begin(seed, run);
  return dice.roll(1_000_000);
}

test("fuzz() tells the seed and the run that lead to a finding, and finds it again by that run alone", async () => {
  const target = brokenAt(numberOf(7, 40));
  const found = /--target "broken" --seed 7 --run 40:[^]*Found[^]*at .*fuzz_test/;
  await assert.rejects(fuzz(target, { seed: 7, until: (runs) => runs > 1_000 }), found);
  await assert.rejects(fuzz(target, { seed: 7, firstRun: 40, until: (runs) => runs === 1 }), found);
  await fuzz(target, { seed: 7, firstRun: 41, until: (runs) => runs === 100 });
  await fuzz(target, { seed: 8, firstRun: 40, until: (runs) => runs === 1 });
});

test("fuzz() tells when a finding is not there any more", async () => {
  let calls = 0;
  const target: FuzzTarget = {
    name: "moody",
    hasOracle: false,
    run: () => {
      if (calls++ === 0) throw new TypeError("Found once");
      return true;
    },
  };
  await assert.rejects(fuzz(target, { seed: 1, until: () => false }), /not found again[^]*Found once/);
});

test("fuzz() asks the oracle in one of so many runs and leaves the depth of stacks as it was", async () => {
  const asked: number[] = [];
  let runs = 0;
  const target: FuzzTarget = {
    name: "counted",
    hasOracle: true,
    run: (_, compare) => {
      if (compare) asked.push(runs);
      runs++;
      return false;
    },
  };
  const depth = Error.stackTraceLimit;
  const result = await fuzz(target, { seed: 1, compareEvery: 16, until: (count) => count === 40 });
  assert.deepEqual(result, { runs: 40, accepted: 0, compared: 3 });
  assert.deepEqual(asked, [0, 16, 32]);
  assert.equal(Error.stackTraceLimit, depth);
});

test("Dice give the same numbers for the same run, others for others, and all of them", () => {
  const first = Array.from({ length: 1_000 }, (_, run) => numberOf(1, run));
  assert.deepEqual(first, Array.from({ length: 1_000 }, (_, run) => numberOf(1, run)));
  assert.ok(new Set(first).size > 990);
  assert.notEqual(numberOf(1, 5), numberOf(1, 5 + 2 ** 32), "a run number over 32 bits");
  const dice = new Dice();
  dice.begin(3, 3);
  const rolled = new Set(Array.from({ length: 2_000 }, () => dice.roll(10)));
  assert.deepEqual([...rolled].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("Mutator begins with each input, keeps what stands in front, and stays within its room", () => {
  const inputs = [Uint8Array.of(1, 2, 3), new Uint8Array(0)];
  const rare = [new Uint8Array(ROOM_BYTES).fill(9)];
  const mutator = new Mutator({ inputs, rare, words: [Uint8Array.of(7, 7)] });
  const dice = new Dice();
  const begun = new Set<number>();
  for (let run = 0; run < 20_000; run++) {
    dice.begin(5, run);
    const input = mutator.begin(dice);
    assert.equal(mutator.length, input.length);
    begun.add(input.length);
    mutator.append(dice);
    const kept = Math.min(2, mutator.length);
    const front = mutator.bytes.slice(0, kept);
    mutator.change(dice, 4, kept);
    assert.deepEqual(mutator.bytes.subarray(0, kept), front);
    assert.ok(mutator.length >= kept && mutator.length <= ROOM_BYTES);
  }
  assert.deepEqual([...begun].sort((a, b) => a - b), [0, 3, ROOM_BYTES]);
});

test("The fuzz program runs every target for its time and tells how often", async () => {
  const { program, code } = await runProgram([...PROGRAM, "--seconds", "1"]);
  assert.equal(code, 0, program.output());
  for (const { name, hasOracle } of TARGETS) {
    const compared = hasOracle ? ", [1-9]\\d* compared" : "";
    assert.match(program.output(), new RegExp(`^${name}: [1-9]\\d* runs, \\d+ accepted${compared}$`, "m"));
  }
  assert.match(program.output(), /^\d+ runs in all, [1-9]\d* compared with an oracle, no finding$/m);
});

test("The fuzz program runs one run alone, or several processes, and refuses what it does not know", async () => {
  const alone = await runProgram([...PROGRAM, "--target", "request heads", "--seed", "3", "--run", "5"]);
  assert.equal(alone.code, 0, alone.program.output());
  assert.match(alone.program.output(), /^1 runs in all, 1 compared with an oracle, no finding$/m);
  const two = await runProgram([
    ...PROGRAM,
    "--target",
    "rubbish",
    "--seconds",
    "0.1",
    "--seed",
    "3",
    "--jobs",
    "2",
  ]);
  assert.equal(two.code, 0, two.program.output());
  for (const seed of [3, 4]) {
    assert.match(two.program.output(), new RegExp(`^Fuzzing .* from seed ${seed}$`, "m"));
  }
  for (const wrong of [["--seconds", "x"], ["--target", "x"], ["--run", "-1"], ["--jobs", "0"]]) {
    assert.equal((await runProgram([...PROGRAM, ...wrong])).code, 2, wrong.join(" "));
  }
});
