import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "../harness.ts";
import { ChildProgram, runProgram } from "../support/child_program.ts";
import {
  launchClientProcess,
  type Mix,
  MIXES,
  nameOf,
  programCommand,
  type RuntimeName,
  type ServerProcess,
  startClientProcess,
  startServerProcess,
  TOKEN,
} from "../support/tunnel_process.ts";
import { ask, checkDownload, checkHalfClose, checkUpload } from "./_service.ts";
import { Stage } from "./_stage.ts";
import { MIB, Pattern } from "./_traffic.ts";

const DEADLINE_MS = 120_000;
/** A fingerprint of nobody's key. */
const NOBODY = `sha256:${"A".repeat(43)}`;

/** The program, allowed to write in one folder alone. */
function writingIn(folder: string, runtime: RuntimeName): string[] {
  return programCommand(runtime).map((part) =>
    part.startsWith("--allow-write=") ? `--allow-write=${folder}` : part
  );
}

interface OwnKeyServer extends ServerProcess {
  /** What it tells clients to pin. */
  readonly pin: string;
}

async function startServer(stage: Stage, runtime: RuntimeName, state: string): Promise<OwnKeyServer> {
  const options = { runtime, command: writingIn(state, runtime), args: ["--tls", "--state-dir", state] };
  const server = await stage.run(startServerProcess(options));
  const [, pin = ""] = await server.program.line(/^pin +(sha256:\S+)$/);
  return { ...server, pin };
}

for (const mix of MIXES) {
  test(`Encrypted in one flag: a server's own key, and a client that pins it (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const state = join(stage.folder, "state");
    const server = await startServer(stage, mix.server, state);
    assert.match(server.program.out[0] ?? "", /\(TLS\)$/);
    assert.equal(statSync(join(state, "tls-key.pem")).mode & 0o777, 0o600);
    const options = { runtime: mix.client, serverPort: server.port, localPort: service.port };
    const client = await stage.run(
      startClientProcess({ ...options, args: ["--pin", NOBODY, "--pin", server.pin] }),
    );
    await checkUpload(client.publicPort, new Pattern(16 * MIB));
    await checkDownload(client.publicPort, new Pattern(16 * MIB));
    await checkHalfClose(service, client.publicPort, 4 * MIB);
    for (const args of [["--pin", NOBODY], ["--tls"], []]) {
      await using intruder = launchClientProcess({ ...options, args, name: "intruder" });
      await intruder.line(args[0] === "--pin" ? /is not a pinned one.+trying again in/ : /trying again in/);
      assert.deepEqual(intruder.out, [], `${args} was taken`);
    }
    assert.doesNotMatch(server.program.output(), /intruder/);
  }, { timeoutMs: DEADLINE_MS });
}

test("The key and its fingerprint survive a restart of the server, and its client comes back", async () => {
  await using stage = new Stage();
  const service = await stage.service();
  const state = join(stage.folder, "state");
  const [mix = { server: "bun", client: "bun" } satisfies Mix] = MIXES;
  const first = await startServer(stage, mix.server, state);
  const options = { runtime: mix.client, serverPort: first.port, localPort: service.port };
  const client = await stage.run(startClientProcess({ ...options, args: ["--pin", first.pin] }));
  await checkUpload(client.publicPort, new Pattern(MIB));
  for (
    const args of [["--state-dir", state], [join(state, "tls-cert.pem")], [
      "--server",
      `127.0.0.1:${first.port}`,
    ]]
  ) {
    const { program, code } = await runProgram([...programCommand(mix.client), "fingerprint", ...args]);
    assert.deepEqual(program.out, [first.pin], program.output());
    assert.equal(code, 0);
  }
  const before = client.program.lines.length;
  first.program.signal("SIGTERM");
  assert.equal((await first.program.end()).code, 0);
  const again = { runtime: mix.server, port: first.port, command: writingIn(state, mix.server) };
  const second = await stage.run(startServerProcess({ ...again, args: ["--tls", "--state-dir", state] }));
  assert.equal((await second.program.line(/^pin +(sha256:\S+)$/))[1], first.pin);
  await client.program.line(/is at tcp:/, { after: before });
  assert.doesNotMatch(client.program.output(), /not a pinned one/);
}, { timeoutMs: DEADLINE_MS });

test("A state directory in which nothing can be written is a clear error, and nothing is bound", async () => {
  await using stage = new Stage();
  const file = join(stage.folder, "file");
  writeFileSync(file, "");
  for (const runtime of ["deno", "bun"] as const) {
    const command = [...writingIn(stage.folder, runtime), "server", "--bind", "127.0.0.1:0", "--tls"];
    await using program = new ChildProgram([...command, "--state-dir", join(file, "state")], {
      env: { FERROTUNNEL_TOKEN: TOKEN },
    });
    assert.equal((await program.exited).code, 2);
    assert.deepEqual(program.out, []);
    assert.equal(program.err.length, 1, program.output());
    assert.match(
      program.err[0] ?? "",
      /^Cannot keep the server's TLS key in \S+: .+; give another directory \(--state-dir\)/,
    );
  }
});

/** Passes bytes on, and keeps a copy of all. */
class Eavesdropper implements AsyncDisposable {
  readonly heard: Buffer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    const onward = connect(this.#target, "127.0.0.1");
    for (const [from, to] of [[socket, onward], [onward, socket]] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("data", (chunk: Buffer) => this.heard.push(Buffer.from(chunk)));
      from.pipe(to);
    }
  });
  readonly #target: number;

  constructor(target: number) {
    this.#target = target;
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

for (const encrypted of [true, false]) {
  const what = encrypted ? "Neither token, name nor payload is" : "Without TLS they are all";
  test(`${what} in what somebody hears between client and server`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const state = join(stage.folder, "state");
    mkdirSync(state);
    const [mix = { server: "bun", client: "bun" } satisfies Mix] = MIXES;
    const { port, pin }: { port: number; pin?: string } = encrypted
      ? await startServer(stage, mix.server, state)
      : await stage.run(startServerProcess({ runtime: mix.server }));
    const ear = stage.keep(new Eavesdropper(port));
    const client = await stage.run(startClientProcess({
      runtime: mix.client,
      serverPort: await ear.listen(),
      localPort: service.port,
      name: "canary-service",
      args: pin === undefined ? [] : ["--pin", pin],
    }));
    const payload = "canary-payload-0123456789";
    const visitor = await ask(client.publicPort, "echo");
    await visitor.write(Buffer.from(payload));
    assert.equal(Buffer.from(await visitor.read(payload.length)).toString(), payload);
    await visitor.close();
    const heard = Buffer.concat(ear.heard).toString("latin1");
    assert.ok(heard.length > 400, `only ${heard.length} bytes were heard`);
    for (const secret of [TOKEN, "canary-service", payload]) {
      assert.equal(heard.includes(secret), !encrypted, secret);
    }
  }, { timeoutMs: DEADLINE_MS });
}
