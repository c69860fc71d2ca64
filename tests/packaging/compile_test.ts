import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../scripts/tools.ts";
import { VERSION } from "../../src/version.ts";
import { checkBothWays, checkHalfClose } from "../e2e/_service.ts";
import { Stage } from "../e2e/_stage.ts";
import { MIB, Pattern } from "../e2e/_traffic.ts";
import { runtimeName, test } from "../harness.ts";
import { startClientProcess, startServerProcess } from "../support/tunnel_process.ts";
import { PACKAGINGS } from "./programs.ts";

const DEADLINE_MS = 180_000;

/** A server and a client of the compiled program carry bytes both ways, ends of directions too. */
async function checkTunnel(program: string): Promise<void> {
  await using stage = new Stage();
  const service = await stage.service();
  const options = { runtime: runtimeName, command: [program] };
  const server = await startServerProcess(options);
  await using _server = server.program;
  const client = await startClientProcess({ ...options, serverPort: server.port, localPort: service.port });
  await using _client = client.program;
  await checkBothWays(client.publicPort, new Pattern(16 * MIB));
  await checkHalfClose(service, client.publicPort, 4 * MIB);
}

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
      await checkTunnel(program);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, { skip, timeoutMs: DEADLINE_MS });
}
