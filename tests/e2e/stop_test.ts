import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "../harness.ts";
import { within } from "../support/deadline.ts";
import { connectSocket, type RawSocket } from "../support/raw_socket.ts";
import { MIXES, nameOf } from "../support/tunnel_process.ts";
import { ask, checkReceived } from "./_service.ts";
import { Stage, startTunnel, type Tunnel } from "./_stage.ts";
import { MIB, Pattern, readToEnd } from "./_traffic.ts";

const DEADLINE_MS = 90_000;
/** How soon a port must be shut after the signal. */
const SHUT_DEADLINE_MS = 5_000;
/** How soon a process must be gone once its last stream has ended; far below the 30 s that draining may take. */
const EXIT_DEADLINE_MS = 10_000;
const SHORT_DRAIN_MS = 500;

type Role = "server" | "client";
const ROLES: readonly Role[] = ["server", "client"];

/** Waits until connections to a port are refused. */
async function whenShut(port: number): Promise<void> {
  const attempt = async (): Promise<void> => {
    for (;;) {
      let socket: RawSocket;
      try {
        socket = await connectSocket({ hostname: "127.0.0.1", port });
      } catch {
        return;
      }
      await socket.close();
    }
  };
  await within(attempt(), `port ${port} to be shut`, SHUT_DEADLINE_MS);
}

/** A download of which the visitor has read the beginning and no more. */
async function beginDownload(port: number, pattern: Pattern): Promise<() => Promise<void>> {
  const socket = await ask(port, "give", pattern);
  const received = readToEnd(socket);
  const begun = new Promise<void>((resolve) => {
    const take = socket.onData;
    socket.onData = (chunk) => {
      take(chunk);
      socket.onData = take;
      socket.pause();
      resolve();
    };
  });
  await within(begun, "the beginning of a download");
  return async () => {
    socket.resume();
    await checkReceived(received, pattern);
    await socket.close();
  };
}

/** An upload of which the visitor has sent the first half. */
async function beginUpload(port: number, pattern: Pattern): Promise<() => Promise<void>> {
  const socket = await ask(port, "take", pattern);
  const chunks = [...pattern.chunks()];
  const rest = chunks.splice(chunks.length / 2);
  for (const chunk of chunks) await socket.write(chunk);
  return async () => {
    for (const chunk of rest) await socket.write(chunk);
    await socket.end();
    const answer = new TextDecoder().decode(await socket.readToEnd(DEADLINE_MS));
    assert.equal(answer, `${pattern.sizeBytes} ${pattern.digest()}`);
    await socket.close();
  };
}

function programOf(tunnel: Tunnel, role: Role): Tunnel["server"]["program"] {
  return role === "server" ? tunnel.server.program : tunnel.client.program;
}

for (const mix of MIXES) {
  for (const role of ROLES) {
    test(
      `SIGTERM lets a ${role} finish what is under way, take nothing new, and end with 0 (${nameOf(mix)})`,
      async () => {
        await using stage = new Stage();
        const service = await stage.service();
        const tunnel = await startTunnel(stage, mix, { localPort: service.port });
        const program = programOf(tunnel, role);
        const finishDownload = await beginDownload(tunnel.port, new Pattern(32 * MIB));
        const finishUpload = await beginUpload(tunnel.port, new Pattern(16 * MIB));

        program.signal("SIGTERM");
        await program.line(/Stopping after SIGTERM/);
        await whenShut(tunnel.port);
        if (role === "server") await whenShut(tunnel.server.port);
        assert.ok(program.running, "It did not wait for what was under way");

        await Promise.all([finishDownload(), finishUpload()]);
        assert.deepEqual(await program.end(EXIT_DEADLINE_MS), { code: 0, signal: null });

        const other = programOf(tunnel, role === "server" ? "client" : "server");
        await other.line(role === "server" ? /trying again in/ : /disconnected/);
        assert.ok(other.running);
      },
      { timeoutMs: DEADLINE_MS },
    );

    test(`A ${role} ends with 0 when the time for draining is over (${nameOf(mix)})`, async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const config = join(stage.folder, `${role}.yaml`);
      writeFileSync(config, `limits: { drainTimeoutMs: ${SHORT_DRAIN_MS} }\n`);
      const tunnel = await startTunnel(stage, mix, {
        localPort: service.port,
        [role === "server" ? "serverArgs" : "clientArgs"]: ["--config", config],
      });
      const program = programOf(tunnel, role);
      const socket = await ask(tunnel.port, "echo");
      await socket.write(new TextEncoder().encode("x"));
      await socket.read(1);

      program.signal("SIGTERM");
      const signalledAt = performance.now();
      assert.deepEqual(await program.end(EXIT_DEADLINE_MS), { code: 0, signal: null });
      const tookMs = performance.now() - signalledAt;
      assert.ok(tookMs >= SHORT_DRAIN_MS - 50, `It was gone after ${tookMs} ms`);
      await within(socket.ended, "the visitor's end");
      await socket.close();
    }, { timeoutMs: DEADLINE_MS });
  }
}
