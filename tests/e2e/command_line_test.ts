import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { findDeno } from "../../scripts/tools.ts";
import { runtimeName, test } from "../harness.ts";
import { ChildProgram, runProgram } from "../support/child_program.ts";
import { freePort } from "../support/programs.ts";
import {
  launchClientProcess,
  programCommand,
  startClientProcess,
  startProgram,
  startServerProcess,
  taskArguments,
  TOKEN,
} from "../support/tunnel_process.ts";
import { checkBothWays } from "./_service.ts";
import { Stage } from "./_stage.ts";
import { Pattern } from "./_traffic.ts";

const runtime = runtimeName;
const DEADLINE_MS = 90_000;

/** Runs the program to its end. */
async function ferrotunnel(
  ...args: string[]
): Promise<{ code: number | null; out: string[]; err: string[] }> {
  await using program = startProgram(args, { runtime });
  const { code } = await program.end();
  return { code, out: program.out, err: program.err };
}

test("check prints what is in force, or where the mistake is", async () => {
  await using stage = new Stage();
  const [right, wrong] = [join(stage.folder, "right.yaml"), join(stage.folder, "wrong.yaml")];
  writeFileSync(right, "bind: 127.0.0.1:7000\nallowPorts: [2000-3000]\ntoken: canary\n");
  writeFileSync(wrong, "bind: 127.0.0.1:7000\nbnid: x\n");
  const good = await ferrotunnel("check", "--config", right);
  assert.equal(good.code, 0, good.err.join("\n"));
  assert.match(good.out.join("\n"), /127\.0\.0\.1:7000/);
  assert.doesNotMatch(good.out.join("\n"), /canary/);
  const bad = await ferrotunnel("check", "--config", wrong);
  assert.equal(bad.code, 1);
  assert.deepEqual(bad.out, []);
  assert.equal(bad.err.length, 1, bad.err.join("\n"));
  assert.match(bad.err[0] ?? "", /wrong\.yaml:2:1: .*bnid.*bind/);
});

test("A wrong token ends the client with 3 and one line", async () => {
  await using stage = new Stage();
  const server = await stage.run(startServerProcess({ runtime }));
  const options = { runtime, serverPort: server.port, localPort: 1, token: "wrong-token" };
  await using client = launchClientProcess(options);
  assert.equal((await client.end()).code, 3, client.output());
  assert.deepEqual(client.out, []);
  assert.equal(client.err.length, 1, client.output());
  assert.match(client.err[0] ?? "", /^error: .*token/);
  await server.program.line(/Refused handshake: invalid_token from 127\.0\.0\.1$/);
  const output = client.output() + server.program.output();
  assert.ok(!output.includes("wrong-token") && !output.includes(TOKEN), output);
});

test("A port in use ends the server with 1 and one line", async () => {
  const holder = createServer();
  const port = await freePort();
  await new Promise<void>((resolve) => holder.listen(port, "127.0.0.1", resolve));
  try {
    const { code, out, err } = await ferrotunnel("server", "--bind", `127.0.0.1:${port}`);
    assert.equal(code, 1);
    assert.deepEqual(out, []);
    assert.equal(err.length, 1, err.join("\n"));
    assert.match(err[0] ?? "", new RegExp(`^error: .*127\\.0\\.0\\.1:${port}`));
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
});

test("A client goes on trying with one line each time, and is served when its server comes", async () => {
  await using stage = new Stage();
  const service = await stage.service();
  const [port, remotePort] = [await freePort(), await freePort()];
  const config = join(stage.folder, "client.yaml");
  writeFileSync(config, "limits: { reconnectMinMs: 100, reconnectMaxMs: 400 }\n");
  const args = ["--config", config];
  const client = stage.keep(
    launchClientProcess({ runtime, serverPort: port, localPort: service.port, remotePort, args }),
  );
  for (let attempt = 1; attempt <= 3; attempt++) {
    await client.line(/trying again in/, { after: attempt - 1 });
    assert.equal(client.lines.filter((line) => line.includes("trying again in")).length, client.lines.length);
  }
  await stage.run(startServerProcess({ runtime, port }));
  await client.line(new RegExp(` → tcp://127\\.0\\.0\\.1:${remotePort}$`));
  await checkBothWays(remotePort, new Pattern(65_536));
}, { timeoutMs: DEADLINE_MS });

test("The shared port leads to the client that asked for no port of its own", async () => {
  await using stage = new Stage();
  const service = await stage.service();
  const server = await stage.run(startServerProcess({ runtime, args: ["--tcp-bind", "127.0.0.1:0"] }));
  const address = ["--server", `127.0.0.1:${server.port}`, "--local-addr", `127.0.0.1:${service.port}`];
  const client = stage.keep(startProgram(["client", ...address], { runtime }));
  await client.line(new RegExp(` → tcp://127\\.0\\.0\\.1:${server.visitorsPort}$`));
  await checkBothWays(server.visitorsPort ?? 0, new Pattern(65_536));
});

test("The demo checks its own public addresses and ends with 0", async () => {
  const { program, code } = await runProgram([findDeno(), "task", "demo", "--once"], {
    deadlineMs: DEADLINE_MS,
  });
  assert.equal(code, 0, program.output());
  const output = program.out.join("\n");
  assert.match(output, /^public, by host +http:\/\/demo\.localhost:\d+\/$/m);
  assert.match(output, /^public, by port +http:\/\/127\.0\.0\.1:\d+$/m);
  assert.match(output, /^check +ok: 2 answers, \d+ bytes through the tunnel$/m);
}, { timeoutMs: DEADLINE_MS });

test("The task's permissions name what the program needs, and are enough", async () => {
  await using stage = new Stage();
  const permissions = taskArguments().filter((argument) => argument.startsWith("-"));
  assert.deepEqual(
    permissions.filter((name) => /^-A$|^--allow-(all|run|ffi|import)\b|^--allow-write$/.test(name)),
    [],
  );
  const service = await stage.service();
  const tokenFile = join(stage.folder, "token");
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const args = ["--token-file", tokenFile, "--admin-bind", "127.0.0.1:0"];
  const server = await stage.run(startServerProcess({ runtime: "deno", args }));
  const client = await stage.run(
    startClientProcess({ runtime: "deno", serverPort: server.port, localPort: service.port, args }),
  );
  await checkBothWays(client.publicPort, new Pattern(65_536));
  const [, tunnelId = ""] = await client.program.line(/Connected to \S+ as (\S+)/);
  assert.ok(tunnelId.startsWith(`${hostname()}-`), tunnelId);
  assert.doesNotMatch(server.program.output() + client.program.output(), /permission|NotCapable|--allow/i);
});

test("The program does not work without the permissions to read, to use the network and to see its variables", async () => {
  await using stage = new Stage();
  const config = join(stage.folder, "server.yaml");
  writeFileSync(config, "bind: 127.0.0.1:0\nserviceHost: 127.0.0.1\n");
  const [deno = "", ...withAll] = programCommand("deno");
  for (const needed of [/^--allow-net/, /^--allow-read/, /^--allow-env/]) {
    assert.ok(withAll.some((argument) => needed.test(argument)), `${needed} is not among ${withAll}`);
    const command = [deno, ...withAll.filter((argument) => !needed.test(argument))];
    await using program = new ChildProgram([...command, "server", "--config", config], {
      env: { FERROTUNNEL_TOKEN: TOKEN },
    });
    const { code } = await program.end();
    assert.ok(code !== 0 && code !== null, `The program works without ${needed}`);
    assert.deepEqual(program.out, []);
  }
});
