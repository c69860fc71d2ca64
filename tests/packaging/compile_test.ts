import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/tools.ts";
import { VERSION } from "../../src/version.ts";
import { test } from "../harness.ts";
import { PACKAGINGS } from "./programs.ts";

const DEADLINE_MS = 180_000;

for (const { name, skip, compile } of PACKAGINGS) {
  test(`${name} makes one file that runs by itself`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-compile-"));
    try {
      const program = join(folder, "ferrotunnel");
      const compiled = await compile(program);
      assert.equal(compiled.code, 0, compiled.output);
      assert.deepEqual(readdirSync(folder), ["ferrotunnel"]);
      const version = await run([program, "--version"], { cwd: folder });
      assert.equal(version.code, 0, version.output);
      assert.ok(version.output.includes(VERSION), version.output);
      const help = await run([program, "--help"], { cwd: folder });
      assert.equal(help.code, 0, help.output);
      assert.match(help.output, /Usage: ferrotunnel/);
      const unknown = await run([program, "no-such-command"], { cwd: folder });
      assert.notEqual(unknown.code, 0);
      assert.match(unknown.output, /no-such-command/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, { skip, timeoutMs: DEADLINE_MS });
}
