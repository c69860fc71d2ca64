import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findBun, findDeno, ROOT, run } from "../../scripts/tools.ts";
import { typeLint } from "../../scripts/type_lint.ts";
import { test } from "../harness.ts";

const SLOW_MS = 120_000;

const UNAWAITED = `
import { readFile } from "node:fs/promises";
async function f(): Promise<void> {
  await Promise.resolve();
}
export function g(): void {
  f();
  readFile("x");
  Deno.readTextFile("x");
  setTimeout(async () => {
    await f();
  }, 1);
  if (f()) g();
}
`;

function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-meta-"));
  return use(folder).finally(() => rmSync(folder, { recursive: true }));
}

test("typeLint() finds promises that nobody waits for, of our own and of every library", async () => {
  await withFolder(async (folder) => {
    mkdirSync(join(folder, "node_modules"));
    for (const name of [".bin", "@types", "oxlint", "oxlint-tsgolint"]) {
      symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
    }
    cpSync(join(ROOT, "tsconfig.json"), join(folder, "tsconfig.json"));
    mkdirSync(join(folder, "src"));
    writeFileSync(join(folder, "src", "bad.ts"), UNAWAITED);
    const bad = await typeLint(folder);
    assert.equal(bad.code, 1, bad.output);
    const lines = [...bad.output.matchAll(/bad\.ts:(\d+):/g)].map((match) => Number(match[1]));
    assert.deepEqual(lines, [7, 8, 9, 10, 13], bad.output);

    writeFileSync(join(folder, "src", "bad.ts"), "export const x: number = await Promise.resolve(1);\n");
    const good = await typeLint(folder);
    assert.equal(good.code, 0, good.output);
  });
}, { timeoutMs: SLOW_MS });

test("findDeno() and findBun() find programs that start", async () => {
  for (const [name, path] of [["deno", findDeno()], ["bun", findBun()]] as const) {
    const { code, output } = await run([path, "--version"], { env: { NO_COLOR: "1" } });
    assert.equal(code, 0, `${name}: ${output}`);
    assert.match(output, /\d+\.\d+\.\d+/);
  }
});

test("run() hears every line, kills at the deadline and reports what cannot be started", async () => {
  const lines: string[] = [];
  const heard = await run(["sh", "-c", "echo one; echo two >&2; exit 3"], {
    onLine: (line) => lines.push(line),
  });
  assert.equal(heard.code, 3);
  assert.deepEqual(lines.sort(), ["one", "two"]);

  const late = await run(["sh", "-c", "echo $$; tail -f /dev/null --pid=$$ & wait"], { deadlineMs: 200 });
  assert.equal(late.code, -1);
  assert.match(late.output, /killed after 200 ms/);
  // On a busy machine it may have been killed before it could say who it is.
  const pid = /^\d+$/m.exec(late.output)?.[0];
  if (pid !== undefined) assert.throws(() => process.kill(Number(pid), 0), { code: "ESRCH" }, "it is gone");

  const missing = await run(["ferrotunnel-no-such-program"]);
  assert.equal(missing.code, -1);
  assert.match(missing.output, /ferrotunnel-no-such-program/);
});
