import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parsePasswordHash, verifyPassword } from "../../src/plugins/password.ts";
import { runtimeName, test } from "../harness.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const RUNNER = runtimeName === "deno" ? ["run", "--no-check", "--no-prompt", "--allow-all", MAIN] : [MAIN];

/** Runs the command with something on its standard input. */
async function run(input: string, args: readonly string[] = []): Promise<{
  readonly code: unknown;
  readonly out: string;
  readonly err: string;
}> {
  const child = spawn(process.execPath, [...RUNNER, "hash-password", ...args], { stdio: "pipe" });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => out += text);
  child.stderr.setEncoding("utf8").on("data", (text: string) => err += text);
  child.stdin.on("error", () => {}); // It may end before it has read everything.
  child.stdin.end(input);
  const [code] = await once(child, "close");
  return { code, out, err };
}

test("ferrotunnel hash-password hashes the first line of standard input", async () => {
  for (const [input, password] of [["ge heim\n", "ge heim"], ["ä\r\nmore\n", "ä"], ["x", "x"]] as const) {
    const { code, out, err } = await run(input);
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    const hash = parsePasswordHash(out.trim());
    assert.ok(hash !== undefined, out);
    assert.equal(await verifyPassword(password, hash), true);
  }
});

test("ferrotunnel hash-password takes 1024 bytes and not one more, and no empty password", async () => {
  assert.equal((await run("p".repeat(1024) + "\n")).code, 0);
  const long = await run("canary".padEnd(1025, "p") + "\n");
  assert.deepEqual([long.code, long.out], [2, ""]);
  assert.equal(long.err, "error: Expected a password of at most 1024 bytes\n");
  for (const input of ["", "\n", "\r\ncanary\n"]) {
    const { code, out, err } = await run(input);
    assert.deepEqual([code, out], [2, ""]);
    assert.equal(err, "error: Expected a password in the first line of standard input\n");
  }
});

test("ferrotunnel hash-password takes no password from the command line", async () => {
  const { code, out, err } = await run("x\n", ["canary"]);
  assert.deepEqual([code, out], [2, ""]);
  assert.ok(!err.includes("canary"), err);
});
