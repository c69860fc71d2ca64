import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "../harness.ts";
import { run } from "./support.ts";

const TOKEN_REFUSED =
  "error: The token is not taken from the command line, where everybody on this machine can read it: set FERROTUNNEL_TOKEN, " +
  "give --token-file, or start on a terminal to be asked for it";

/** Arguments, the exit code, and everything on standard error; standard output stays empty. */
const CASES: [string[], number, string[]][] = [
  [["srver"], 2, ["error: Unknown command 'srver' (Did you mean server?); see ferrotunnel --help"]],
  [["server", "--bnid", "x"], 2, [
    "error: Unknown option '--bnid' (Did you mean --bind?); see ferrotunnel server --help",
  ]],
  [["server", "--tokn=canary"], 2, ["error: Unknown option '--tokn'; see ferrotunnel server --help"]],
  [["server", "--bind"], 2, [
    "error: Option '--bind <address>' argument missing; see ferrotunnel server --help",
  ]],
  [["server", "canary"], 2, [
    "error: Too many arguments for 'server'. Expected 0 arguments but got 1; see ferrotunnel server --help",
  ]],
  [["tcp"], 2, ["error: Missing required argument 'service'; see ferrotunnel tcp --help"]],
  [["tcp", "70000"], 2, [
    'error: Expected a port such as 22, or an address such as 192.168.1.10:22, but got "70000"',
  ]],
  [["check"], 2, ["error: Give the file to check: --config FILE"]],
  [["schema", "srver"], 2, [
    "error: Command-argument value 'srver' is invalid for argument 'role'. Allowed choices are server, client; " +
    "see ferrotunnel schema --help",
  ]],
  [["server", "--token", "canary"], 2, [TOKEN_REFUSED]],
  [["client", "--token=canary"], 2, [TOKEN_REFUSED]],
  [["--token", "canary", "server"], 2, [TOKEN_REFUSED]],
  [["--token", "canary"], 2, [TOKEN_REFUSED]],
  [["server"], 2, [
    "token: Missing: set FERROTUNNEL_TOKEN, give --token-file, or start on a terminal to be asked for it",
  ]],
  [["server", "--bind", "x", "--tls-key", "k"], 2, [
    'flag --bind: bind: Expected an IP address and port such as "0.0.0.0:7835" but got "x"',
  ]],
  [["server", "--token-file", "no-such-file"], 2, [
    "flag --token-file: tokenFile: Cannot read no-such-file: there is no such file",
  ]],
  [["server", "--token-file", "src"], 2, [
    "flag --token-file: tokenFile: Cannot read src: it is a directory",
  ]],
  [["server", "--config", "no-such-file.yaml"], 2, [
    "no-such-file.yaml: Cannot read the configuration: there is no such file",
  ]],
  [["client"], 2, [
    "server: Missing: give --server, FERROTUNNEL_SERVER or server in a configuration file",
    "services: Missing: give --local-addr, FERROTUNNEL_LOCAL_ADDR or services in a configuration file",
  ]],
];

for (const [args, code, lines] of CASES) {
  test(`ferrotunnel ${args.join(" ")}: says what to do and ends with ${code}`, async () => {
    const finished = await run(args);
    assert.equal(finished.err, lines.map((line) => `${line}\n`).join(""));
    assert.equal(finished.out, "");
    assert.equal(finished.code, code);
  });
}

test("ferrotunnel without a command shows the help on standard error and ends with 2", async () => {
  const { code, out, err } = await run([]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^Usage: ferrotunnel /);
});

test("--help shows commands, examples and exit codes, and no secret of the environment", async () => {
  const environment = { FERROTUNNEL_TOKEN: "canary", FERROTUNNEL_ADMIN_TOKEN: "canary" };
  const { code, out } = await run(["--help"], { environment });
  assert.equal(code, 0);
  for (const text of ["server", "client", "tcp", "check", "schema", "Examples:", "Exit codes:", "130"]) {
    assert.ok(out.includes(text), text);
  }
  const server = await run(["server", "--help"], { environment });
  assert.equal(server.code, 0);
  assert.match(
    server.out,
    /--bind <address> +Where clients connect \(env FERROTUNNEL_BIND, default 0\.0\.0\.0:7835\)/,
  );
  assert.ok(!(out + server.out).includes("canary"));
});

test("version and --version print the version and the runtime", async () => {
  for (const args of [["version"], ["--version"]]) {
    const { code, out } = await run(args);
    assert.equal(code, 0);
    assert.match(out, /^ferrotunnel \d+\.\d+\.\d+ \((deno|bun) \d+\.\d+\.\d+\)\n$/);
  }
});

test("schema prints a JSON Schema", async () => {
  const { code, out } = await run(["schema", "client"]);
  assert.equal(code, 0);
  assert.ok("services" in JSON.parse(out).properties);
});

test("check prints the effective configuration with secrets masked, and ends with 0", async () => {
  const environment = { FERROTUNNEL_TOKEN: "canary", FERROTUNNEL_BIND: "127.0.0.1:5" };
  const { code, out, err } = await run(["check", "--config", "examples/server.yaml"], { environment });
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.match(out, /^examples\/server\.yaml is a valid server configuration\n/);
  assert.match(out, /^bind +127\.0\.0\.1:5 +environment FERROTUNNEL_BIND$/m);
  assert.match(out, /^publicHost +tunnel\.example\.com +file examples\/server\.yaml:\d+$/m);
  assert.match(out, /^token +\*\*\* +environment FERROTUNNEL_TOKEN$/m);
  assert.ok(!out.includes("canary"));
});

test("check accepts the example of a client", async () => {
  const { code, out, err } = await run(["check", "--config", "examples/client.yaml"]);
  assert.equal(err, "");
  assert.equal(code, 0);
  assert.match(out, /^services\.ssh\.remotePort +2222 +file examples\/client\.yaml:\d+$/m);
});

test("check prints every problem of a file and ends with 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-"));
  try {
    const file = join(folder, "server.yaml");
    writeFileSync(file, 'token: "canary canary \\e"\nbnid: 1\nallowPorts:\n  - x\n');
    const { code, out, err } = await run(["check", "--config", file]);
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.deepEqual(err.split("\n"), [
      `${file}:1:8: token: Expected 1 to 256 printable ASCII characters without spaces around them (in quotes when it ` +
      "looks like a number)",
      `${file}:2:1: Unknown key "bnid"; did you mean "bind"?`,
      `${file}:4:5: allowPorts[0]: Expected a port from 1 to 65535, or a range such as "2000-3000" but got "x"`,
      "",
    ]);
    writeFileSync(file, "log: {level: info}\n");
    const unclear = await run(["check", "--config", file]);
    assert.equal(
      unclear.err,
      `${file}: Cannot tell whose configuration this is: give --role server or --role client\n`,
    );
    assert.equal(unclear.code, 1);
    const told = await run(["check", "--config", file, "--role", "server"]);
    assert.equal(told.code, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("A port in use ends a server with 1 and one line that names the address", async () => {
  const occupied = createServer().listen(0, "127.0.0.1");
  await once(occupied, "listening");
  const address = occupied.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    const bind = `127.0.0.1:${address.port}`;
    const { code, out, err } = await run(["server", "--bind", bind], {
      environment: { FERROTUNNEL_TOKEN: "t" },
    });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(err, /^error: .*\n$/);
    assert.ok(err.includes(bind), err);
  } finally {
    occupied.close();
    await once(occupied, "close");
  }
});
