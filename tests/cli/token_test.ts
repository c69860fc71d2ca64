import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { tokenBits } from "../../src/cli/token_strength.ts";
import { parsePrivateKey } from "../../src/trust/client_key.ts";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import { runtimeName, test } from "../harness.ts";
import { ROOT, run } from "./support.ts";

function hashOf(input: string, ...more: string[]): { status: number | null; stdout: string; stderr: string } {
  const runner = runtimeName === "deno"
    ? ["run", "--no-check", "--allow-all", "src/main.ts"]
    : ["src/main.ts"];
  const args = [...runner, "token", "--hash", ...more];
  return spawnSync(process.execPath, args, { cwd: ROOT, input, encoding: "utf8" });
}

test("`token` makes another token of 256 bits each time, with its hash", async () => {
  const tokens = new Set<string>();
  for (let round = 0; round < 2; round++) {
    const { code, out } = await run(["token"]);
    const [, token = "", hash] =
      /^token {2}([A-Za-z0-9_-]{43})\nhash {3}(sha256:[0-9a-f]{64})\n$/.exec(out) ?? [];
    assert.equal(code, 0);
    assert.equal(hash, hashToken(token));
    tokens.add(token);
  }
  assert.equal(tokens.size, 2);
});

test("`token --hash` hashes a token from standard input, and refuses one that could be found from its hash", () => {
  const strong = "0123456789abcdef0123456789abcdef"; // 128 bits, if it were random.
  assert.equal(hashOf(`${strong}\n`).stdout, `${hashToken(strong)}\n`);
  const weak = strong.slice(1); // 124 bits.
  const refused = hashOf(weak);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /less than 128 random bits/);
  assert.ok(!refused.stderr.includes(weak));
  assert.equal(hashOf(weak, "--allow-weak").stdout, `${hashToken(weak)}\n`);
  assert.equal(hashOf("", "--allow-weak").status, 2);
});

test("tokenBits() tells what a token has at most", () => {
  assert.equal(tokenBits("0123456789abcdef"), 64);
  assert.equal(tokenBits("a".repeat(200)), 0);
  assert.ok(tokenBits("abcdefghijklmnopqrstuvwxyz") < 128);
  assert.ok(tokenBits("Zx8_".repeat(2) + "abcdefghijklmnop") >= 128);
  assert.equal(Math.floor(tokenBits("abcdefghijklmnopqrstuvwxyzab")), 131);
});

test("`key` makes a key that only its owner can read, and tells the public one again when it is there", async () => {
  const directory = await mkdtemp(join(tmpdir(), "ferrotunnel-key-"));
  try {
    const file = join(directory, "client.key");
    const first = await run(["key", file]);
    assert.equal(first.code, 0, first.err);
    const pem = await readFile(file, "utf8");
    assert.equal(first.out, `${parsePrivateKey(pem)?.publicKey.text}\n`);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const second = await run(["key", file]);
    assert.equal(second.out, first.out);
    assert.match(second.err, /is there already and stays as it is/);
    assert.equal(await readFile(file, "utf8"), pem);
    const nowhere = await run(["key", join(directory, "missing", "client.key")]);
    assert.equal(nowhere.code, 2);
    assert.match(nowhere.err, /Cannot keep a key there/);
    assert.equal((await run(["key", join(ROOT, "LICENSE")])).code, 2);
  } finally {
    await rm(directory, { recursive: true });
  }
});
