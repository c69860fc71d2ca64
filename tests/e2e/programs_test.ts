import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import { test } from "../harness.ts";
import { runProgram } from "../support/child_program.ts";
import { missing, programPath, startIperf3, startNginx, startRedis, startSshd } from "../support/programs.ts";
import { connectSocket } from "../support/raw_socket.ts";
import { MIXES, nameOf } from "../support/tunnel_process.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB, Pattern } from "./_traffic.ts";

const IPERF_BYTES = 200_000_000;
const REDIS_BENCHMARK = /^(SET|GET): ([\d.]+) requests per second/;
const DEADLINE_MS = 120_000;

/** Runs a program that must end with 0, and returns its standard output. */
async function outputOf(command: readonly string[], input?: Uint8Array): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const { program, code } = await runProgram(command, {
    deadlineMs: DEADLINE_MS,
    onOutput: (chunk) => chunks.push(chunk),
    ...(input === undefined ? {} : { input }),
  });
  assert.equal(code, 0, `${program.output()}\n${Buffer.concat(chunks)}`);
  return Buffer.concat(chunks);
}

/** The obstacle to an ssh server on this machine, found out by a command without any tunnel. */
async function sshObstacle(): Promise<string | undefined> {
  const lacking = missing("sshd", "ssh", "ssh-keygen");
  if (lacking !== undefined) return lacking;
  await using stage = new Stage();
  try {
    const { port, command } = await stage.run(startSshd(stage.folder));
    await outputOf(command(port, "true"));
    return undefined;
  } catch (error) {
    return `sshd cannot be used here: ${(error as Error).message.split("\n")[0]}`;
  }
}

const noSsh = await sshObstacle();

for (const mix of MIXES) {
  const name = nameOf(mix);

  for (const { direction, flag } of [{ direction: "up", flag: [] }, { direction: "down", flag: ["-R"] }]) {
    test(`iperf3 sends 200 MB ${direction} (${name})`, async () => {
      await using stage = new Stage();
      const iperf3 = await stage.run(startIperf3());
      const { port } = await startTunnel(stage, mix, { localPort: iperf3.port });
      const size = ["-n", String(IPERF_BYTES)];
      const command = [programPath("iperf3"), "-c", "127.0.0.1", "-p", String(port), "-J", ...size, ...flag];
      const { end } = JSON.parse((await outputOf(command)).toString());
      assert.ok(end.sum_sent.bytes >= IPERF_BYTES, JSON.stringify(end.sum_sent));
      // The receiver counts when the sender says on another connection that it is done, and some bytes are still on the way.
      assert.ok(end.sum_received.bytes >= IPERF_BYTES * 0.8, JSON.stringify(end.sum_received));
    }, { skip: missing("iperf3"), timeoutMs: DEADLINE_MS });
  }

  test(`redis-benchmark runs, alone and pipelined, and a value comes back (${name})`, async () => {
    await using stage = new Stage();
    const redis = await stage.run(startRedis(stage.folder));
    const { port } = await startTunnel(stage, mix, { localPort: redis.port });
    for (const pipeline of ["1", "16"]) {
      const load = ["-q", "-n", "20000", "-P", pipeline, "-t", "set,get"];
      const output = await outputOf([programPath("redis-benchmark"), "-p", String(port), ...load]);
      const results = output.toString().split(/[\r\n]+/).map((line) => REDIS_BENCHMARK.exec(line));
      const measured = results.filter((match) => match !== null).map((match) => match[1]);
      assert.deepEqual(measured, ["SET", "GET"], output.toString());
    }
    const [value = Buffer.alloc(0)] = [...new Pattern(MIB / 2).chunks()];
    const socket = await connectSocket({ hostname: "127.0.0.1", port });
    const set = `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`;
    await socket.write(Buffer.concat([Buffer.from(set), value, Buffer.from("\r\n")]));
    assert.equal(Buffer.from(await socket.read(5)).toString(), "+OK\r\n");
    await socket.write(Buffer.from("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"));
    const head = `$${value.length}\r\n`;
    const answer = Buffer.from(await socket.read(head.length + value.length + 2));
    assert.equal(answer.subarray(0, head.length).toString(), head);
    assert.ok(answer.subarray(head.length, -2).equals(value), "The value came back changed");
    await socket.close();
  }, { skip: missing("redis-server", "redis-benchmark"), timeoutMs: DEADLINE_MS });

  test(`nginx serves curl: whole, in part, head only, over a kept connection (${name})`, async () => {
    await using stage = new Stage();
    mkdirSync(join(stage.folder, "www"));
    const file = Buffer.concat([...new Pattern(8 * MIB).chunks()]);
    writeFileSync(join(stage.folder, "www", "file"), file);
    const nginx = await stage.run(startNginx(stage.folder));
    const { port } = await startTunnel(stage, mix, { localPort: nginx.port });
    const curl = (...args: string[]): Promise<Buffer> =>
      outputOf([programPath("curl"), "-sS", "--max-time", "60", ...args]);
    const url = `http://127.0.0.1:${port}/file`;

    const whole = await curl(url);
    assert.equal(createHash("sha256").update(whole).digest("hex"), new Pattern(8 * MIB).digest());

    const part = await curl("-D", join(stage.folder, "head"), "-r", "1000001-1002000", url);
    assert.ok(part.equals(file.subarray(1_000_001, 1_002_001)), "The range is not that of the file");
    assert.match(readFileSync(join(stage.folder, "head"), "latin1"), /^HTTP\/1\.1 206 /);

    const head = (await curl("-I", url)).toString();
    assert.match(head, /^HTTP\/1\.1 200 /);
    assert.match(head, new RegExp(`^Content-Length: ${file.length}\r$`, "m"));

    const target = ["-o", "/dev/null", "-w", "%{http_code} %{num_connects}\\n"];
    const kept = await curl(
      ...target,
      url,
      "--next",
      "-sS",
      ...target,
      url,
      "--next",
      "-sS",
      ...target,
      `${url}s`,
    );
    assert.equal(kept.toString(), "200 1\n200 0\n404 0\n");
  }, { skip: missing("nginx", "curl"), timeoutMs: DEADLINE_MS });

  test(`ssh runs a command, its input and output unchanged (${name})`, async () => {
    await using stage = new Stage();
    const sshd = await stage.run(startSshd(stage.folder));
    const { port } = await startTunnel(stage, mix, { localPort: sshd.port });
    const input = Buffer.concat([...new Pattern(2 * MIB).chunks()]);
    const output = await outputOf(sshd.command(port, "cat; echo done $((6 * 7))"), input);
    assert.ok(output.subarray(0, input.length).equals(input), "The bytes came back changed");
    assert.equal(output.subarray(input.length).toString(), "done 42\n");
  }, { skip: noSsh, timeoutMs: DEADLINE_MS });
}
