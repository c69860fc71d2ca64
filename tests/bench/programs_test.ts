import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { cpuSeconds, Programs, residentBytes } from "../../bench/programs.ts";
import { runtimeName, test } from "../harness.ts";

const skip = process.platform === "linux" ? undefined : "needs sh and /proc";

/** Deno opens nothing below `/proc` for a program that may not do everything; the bench itself may. */
function mayReadProc(): boolean {
  try {
    return readFileSync("/proc/self/stat").length > 0;
  } catch {
    return false;
  }
}

const skipProc = runtimeName === "deno" && !mayReadProc() ? "Deno reads /proc only with --allow-all" : skip;

async function withPrograms(run: (programs: Programs) => Promise<void>): Promise<void> {
  const programs = new Programs();
  try {
    await run(programs);
  } finally {
    await programs.endAll();
  }
}

test("Program.line() skips lines until one matches", () =>
  withPrograms(async (programs) => {
    const program = programs.start(["sh", "-c", "echo one; echo two 2; echo three"]);
    assert.equal((await program.line(/^two (\d)/, 5000))[1], "2");
    await program.line(/^three/, 5000);
    assert.equal(await program.exited, 0);
  }), { skip });

test("Program.line() tells the program's last words when it ended", () =>
  withPrograms(async (programs) => {
    const program = programs.start(["sh", "-c", "echo out; echo what was wrong >&2; exit 3"]);
    await assert.rejects(program.line(/never/, 5000), /what was wrong/);
    assert.equal(await program.exited, 3);
  }), { skip });

test("Program.line() does not wait for ever", () =>
  withPrograms(async (programs) => {
    await assert.rejects(programs.start(["cat"]).line(/never/, 1), /No line/);
  }), { skip });

test("Program.line() fails for a program that is not there", () =>
  withPrograms(async (programs) => {
    const program = programs.start(["ferrotunnel-no-such-program"]);
    await assert.rejects(program.line(/never/, 5000));
    assert.equal(await program.exited, -1);
  }));

test(
  "Programs.endAll() ends what runs, also what does not end when asked",
  () =>
    withPrograms(async (programs) => {
      const polite = programs.start(["sleep", "1000"]);
      const stubborn = programs.start([
        "sh",
        "-c",
        "trap '' TERM; echo ready; exec sleep 1000",
      ]);
      await stubborn.line(/ready/, 5000);
      await programs.endAll();
      assert.deepEqual(await Promise.all([polite.exited, stubborn.exited]), [-1, -1]);
    }),
  { skip },
);

test(
  "Programs.startWithManyFiles() keeps the process id and raises the limit",
  () =>
    withPrograms(async (programs) => {
      const program = programs.startWithManyFiles(["sh", "-c", 'echo "$$ $(ulimit -Sn) $(ulimit -Hn)"']);
      const [, pid, soft, hard] = await program.line(/^(\d+) (\w+) (\w+)$/, 5000);
      assert.equal(Number(pid), program.pid);
      assert.equal(soft, hard);
    }),
  { skip },
);

test("residentBytes() and cpuSeconds() tell about a process, and nothing about one that is not there", () => {
  assert.ok((residentBytes(process.pid) ?? 0) > 1e6);
  assert.ok((cpuSeconds(process.pid) ?? 0) > 0);
  assert.equal(residentBytes(-1), undefined);
  assert.equal(cpuSeconds(-1), undefined);
}, { skip: skipProc });

test(
  "Programs.allOrNothing() ends what was started when it fails, and nothing else",
  () =>
    withPrograms(async (programs) => {
      const before = programs.start(["sleep", "1000"]);
      let failed = before;
      await assert.rejects(
        programs.allOrNothing(() => {
          failed = programs.start(["sleep", "1000"]);
          return Promise.reject(new Error("no"));
        }),
        /no/,
      );
      assert.equal(failed.ended, true);
      assert.equal(before.ended, false);
      const kept = await programs.allOrNothing(() => Promise.resolve(programs.start(["sleep", "1000"])));
      assert.equal(kept.ended, false);
    }),
  { skip },
);
