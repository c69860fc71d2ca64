/**
 * Faults around a process: outputs that nobody reads, full disks, few descriptors, little memory, and being stopped.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describeError } from "../../src/errors.ts";
import { Admin } from "../e2e/_admin.ts";
import { Stage, startTunnel } from "../e2e/_stage.ts";
import { runtimeName, test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { ChildProgram, runProgram } from "../support/child_program.ts";
import { until, within } from "../support/deadline.ts";
import { floodService } from "../support/pattern.ts";
import { freePort, missing } from "../support/programs.ts";
import {
  connectSocket,
  listenSockets,
  type RawSocket,
  type RawSocketOptions,
} from "../support/raw_socket.ts";
import { launchClientProcess, startClientProcess, startServerProcess } from "../support/tunnel_process.ts";
import { noNamespaces } from "./_namespace.ts";
import { assertServed, echoOn, LOOPBACK, refusedHandshake, untilServed, wrapped } from "./_programs.ts";

const OPTIONS = { timeoutMs: LONG ? 300_000 : 60_000 };
const MIB = 1024 * 1024;
const BUFFER_BYTES = 16 * MIB;
/** With their first windows they use up 80% of that. */
const SILENT_VISITORS = 60;
const FILLED_WITHIN_MS = 40_000;
const PIPE_BYTES = 64 * 1024;

/** Makes a client whose service is down write a line of its log. */
async function failedVisit(port: number): Promise<void> {
  const visitor = await visit(port);
  if (visitor === undefined) return;
  await within(visitor.ended, "a visitor to be told");
  await visitor.close();
}

/** A visitor; undefined when it is reset so soon that it takes that for a refusal. */
async function visit(port: number, options: RawSocketOptions = {}): Promise<RawSocket | undefined> {
  try {
    return await connectSocket({ hostname: LOOPBACK, port }, options);
  } catch {
    return undefined;
  }
}

/** A pipe whose reader is stopped, and gathers what comes once it goes on. */
async function stoppedReader(stage: Stage, name: string): Promise<{ path: string; reader: ChildProgram }> {
  const path = join(stage.folder, name);
  assert.equal((await runProgram(["mkfifo", path])).code, 0);
  const reader = stage.keep(new ChildProgram(["sh", "-c", `echo ready; exec cat < ${path}`]));
  await reader.line(/ready/);
  return { path, reader };
}

test("P18: a server and a client whose outputs nobody reads go on serving", async () => {
  await using stage = new Stage();
  const [port, remotePort, localPort] = [await freePort(), await freePort(), await freePort()];
  const pipes = [await stoppedReader(stage, "server"), await stoppedReader(stage, "client")] as const;
  const blocked = (path: string): ReturnType<typeof wrapped> =>
    wrapped(`exec "$@" --log-format json --log-level debug > ${path} 2>&1`);
  // Their outputs say nothing to anybody here: that they are there is seen from outside.
  const server = stage.keep(
    new ChildProgram([
      ...blocked(pipes[0].path).command,
      ...["server", "--bind", `${LOOPBACK}:${port}`, "--service-host", LOOPBACK],
    ], { env: { FERROTUNNEL_TOKEN: "t" } }),
  );
  await pipes[0].reader.line(/"message":"Listening/);
  pipes[0].reader.signal("SIGSTOP");
  const options = { serverPort: port, localPort, remotePort, token: "t" };
  const client = stage.keep(launchClientProcess({ ...options, ...blocked(pipes[1].path) }));
  await pipes[1].reader.line(/Service web is at/);
  pipes[1].reader.signal("SIGSTOP");
  const lines = 500;
  for (let line = 0; line < lines; line++) {
    await refusedHandshake(port);
    await failedVisit(remotePort);
  }
  await using _ = await echoOn(localPort);
  await assertServed(remotePort, "while nobody reads what the programs say");
  assert.ok(server.running && client.running);
  for (const { reader } of pipes) {
    reader.signal("SIGCONT");
    const said = (): number => reader.out.reduce((sum, line) => sum + line.length, 0);
    // More than the pipe holds: the outputs were blocked indeed, and nothing below the bound was lost.
    await until(() => reader.out.length > lines && said() > PIPE_BYTES, () => `all was said: ${said()}`);
  }
}, { ...OPTIONS, skip: missing("mkfifo") });

test("P13: a server whose log's disk is full goes on serving", async () => {
  await using stage = new Stage();
  const disk = join(stage.folder, "disk");
  mkdirSync(disk);
  const localPort = await freePort();
  await using _ = await echoOn(localPort);
  const onFullDisk = wrapped(
    `exec unshare --mount sh -c 'mount -t tmpfs -o size=64k none ${disk} && exec "$@" 2> ${disk}/log' sh "$@"`,
  );
  const args = ["--log-format", "json"];
  const server = await stage.run(startServerProcess({ ...onFullDisk, args }));
  const client = await stage.run(
    startClientProcess({ runtime: runtimeName, serverPort: server.port, localPort }),
  );
  for (let line = 0; line < 600; line++) await refusedHandshake(server.port);
  const log = `/proc/${server.program.pid}/root${disk}/log`;
  const { program } = await runProgram(["stat", "--format", "%s", log]);
  assert.equal(Number(program.out[0]), 64 * 1024, "the disk is full");
  await assertServed(client.publicPort, "while the disk is full");
  assert.ok(server.program.running);
}, { ...OPTIONS, skip: noNamespaces ?? (process.getuid?.() === 0 ? missing("mkfifo") : "needs root") });

test("P12: a server that runs out of descriptors serves again within 2 s of getting some back", async () => {
  await using stage = new Stage();
  const localPort = await freePort();
  await using _ = await echoOn(localPort);
  const server = await stage.run(startServerProcess(wrapped('exec prlimit --nofile=100:100 "$@"')));
  const client = await stage.run(
    startClientProcess({ runtime: runtimeName, serverPort: server.port, localPort }),
  );
  const crowd = async (): Promise<RawSocket[]> => {
    const visitors: RawSocket[] = [];
    for (let number = 0; number < 150; number++) {
      try {
        const visitor = await connectSocket({ hostname: LOOPBACK, port: client.publicPort });
        visitors.push(visitor);
        await visitor.write(Uint8Array.of(1));
      } catch (error) {
        // Whoever is refused may learn of it here already.
        assert.match(describeError(error), /reset|broken pipe|EPIPE|closed/i);
      }
    }
    return visitors;
  };
  const served = (visitors: readonly RawSocket[]): number =>
    visitors.filter((visitor) => visitor.bytesReceived === 1).length;
  const first = await crowd();
  await until(() => served(first) > 20, "some are served");
  assert.ok(served(first) < 100, `${served(first)} visitors were served with 100 descriptors`);
  // Bun tells how many descriptors there are, on Deno the server learns it here.
  await server.program.line(/permits 100 open files|No further file could be opened/);
  await Promise.all(first.map((visitor) => visitor.close()));
  await untilServed(client.publicPort, 2_000);
  const second = await crowd();
  await until(
    () => second.every((visitor) => visitor.bytesReceived === 1 || visitor.isEnded),
    "all are answered",
  );
  if (runtimeName === "bun") assert.equal(served(second), 75);
  else assert.ok(served(second) > 20 && served(second) <= 75, `${served(second)} were served`);
  await refusedHandshake(server.port); // There are descriptors left for a client.
  await Promise.all(second.map((visitor) => visitor.close()));
  await untilServed(client.publicPort, 2_000);
  assert.ok(server.program.running);
}, { ...OPTIONS, skip: missing("prlimit") });

test("P10: a client that was stopped comes back cleanly, and so does one whose server was", async () => {
  await using stage = new Stage();
  const localPort = await freePort();
  await using _ = await echoOn(localPort);
  const config = join(stage.folder, "limits.yaml");
  writeFileSync(config, LONG ? "{}\n" : "limits: { heartbeatIntervalMs: 200, deadAfterMs: 1000 }\n");
  const args = ["--config", config];
  const { server, client, port } = await startTunnel(stage, { server: runtimeName, client: runtimeName }, {
    localPort,
    serverArgs: args,
    clientArgs: args,
  });
  for (const [stopped, other] of [[client, server], [server, client]] as const) {
    const [from, before] = [other.program.lines.length, client.program.lines.length];
    stopped.program.signal("SIGSTOP");
    await other.program.line(/The peer answered no heartbeat|Nothing arrived from the peer/, {
      after: from,
      deadlineMs: 60_000,
    });
    stopped.program.signal("SIGCONT");
    await client.program.line(/Service web is at/, { after: before, deadlineMs: 60_000 });
    await untilServed(port, 10_000);
    const attempts = client.program.lines.slice(before).filter((line) => /Connected to/.test(line));
    assert.equal(attempts.length, 1, `no burst: ${client.program.output()}`);
  }
}, OPTIONS);

const CGROUP = "/sys/fs/cgroup/memory";

/** Groups of memory are looked at by a shell: Deno shows `/sys` only to who may do everything. @throws {Error} when it fails */
function shell(script: string): string {
  return execFileSync("sh", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

/** Whether a group with a limit of memory can be made here. */
function noMemoryGroups(): string | undefined {
  const probe = join(CGROUP, `ferrotunnel-probe-${process.pid}`);
  try {
    shell(`[ -d ${CGROUP} ] && mkdir ${probe} && rmdir ${probe}`);
    return undefined;
  } catch {
    return "needs root and memory groups of version 1";
  }
}

test("P14: a server with 128 MiB of memory lives through visitors who read nothing", async () => {
  await using stage = new Stage();
  const group = join(CGROUP, `ferrotunnel-${process.pid}`);
  shell(`mkdir ${group} && echo ${128 * MIB} > ${group}/memory.limit_in_bytes`);
  stage.keep({ [Symbol.asyncDispose]: () => removeGroup(group) });
  const config = join(stage.folder, "limits.yaml");
  writeFileSync(
    config,
    `limits: { sessionBufferBytes: ${BUFFER_BYTES}, processBufferBytes: ${BUFFER_BYTES} }\n`,
  );
  const bulk = await listenSockets({ socket: { paused: true }, onSocket: floodService });
  stage.keep({ [Symbol.asyncDispose]: () => bulk.close() });
  const server = await stage.run(
    startServerProcess({
      ...wrapped(`echo $$ > ${group}/cgroup.procs && exec "$@"`),
      args: ["--config", config, ...Admin.args],
    }),
  );
  const client = await stage.run(
    startClientProcess({
      runtime: runtimeName,
      serverPort: server.port,
      localPort: bulk.address.port,
    }),
  );
  const localPort = await freePort();
  await using _ = await echoOn(localPort);
  const canary = await stage.run(
    startClientProcess({ runtime: runtimeName, serverPort: server.port, localPort, name: "canary" }),
  );
  const admin = await Admin.of(server.program);
  const visitors: RawSocket[] = [];
  const add = async (): Promise<void> => {
    const visitor = await visit(client.publicPort, { paused: true });
    if (visitor !== undefined) visitors.push(visitor);
  };
  for (let visitor = 0; visitor < SILENT_VISITORS; visitor++) await add();
  const giveUpAt = performance.now() + FILLED_WITHIN_MS;
  // The system's own buffers take some megabytes of each visitor before anything waits in the server.
  while (!/^ferrotunnel_limits_hit_total\{limit="process_buffer"\} [1-9]/m.test(await admin.metrics())) {
    assert.ok(performance.now() < giveUpAt, await admin.metrics());
    await assertServed(canary.publicPort, `beside ${visitors.length} visitors`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await add();
  }
  await assertServed(canary.publicPort, "beside all of them");
  const peak = Number(shell(`cat ${group}/memory.max_usage_in_bytes`));
  await Promise.all(visitors.map((visitor) => visitor.close()));
  await assertServed(canary.publicPort, "after them");
  assert.ok(server.program.running, `${peak} bytes at most`);
}, { ...OPTIONS, skip: noMemoryGroups() });

/** The group can be removed when the last process in it is gone. */
async function removeGroup(group: string): Promise<void> {
  await until(() => shell(`cat ${group}/cgroup.procs`) === "", "the group is empty");
  shell(`rmdir ${group}`);
}
