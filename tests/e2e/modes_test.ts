import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "../harness.ts";
import { MIXES, nameOf, startClientProcess, startServerProcess } from "../support/tunnel_process.ts";
import { Admin } from "./_admin.ts";
import { ask, checkBothWays, checkHalfClose, checkUpload } from "./_service.ts";
import { Stage, startTunnel } from "./_stage.ts";
import { MIB, Pattern } from "./_traffic.ts";

const LOOPBACK = "127.0.0.1";
const DEADLINE_MS = 120_000;

for (const mix of MIXES) {
  const name = nameOf(mix);

  test(`Bytes and half-closes pass unchanged over four connections (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const clientArgs = ["--connections", "4"];
    const { server, port } = await startTunnel(stage, mix, {
      localPort: service.port,
      serverArgs: Admin.args,
      clientArgs,
    });
    const admin = await Admin.of(server.program);
    await Promise.all([1, 2, 3, 4, 5].map((seed) => checkBothWays(port, new Pattern(4 * MIB, seed))));
    await checkHalfClose(service, port, MIB);
    const { clients } = await admin.status();
    assert.deepEqual(clients.map(({ member }) => member).sort(), [0, 1, 2, 3]);
  }, { timeoutMs: DEADLINE_MS });

  test(`Bytes and half-closes pass unchanged in direct mode (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const clientArgs = ["--mode", "direct", "--direct-pool", "3"];
    const { server, port } = await startTunnel(stage, mix, {
      localPort: service.port,
      serverArgs: Admin.args,
      clientArgs,
    });
    const admin = await Admin.of(server.program);
    const visitor = await ask(port, "echo");
    await Promise.all([1, 2, 3, 4, 5].map((seed) => checkBothWays(port, new Pattern(4 * MIB, seed))));
    await checkHalfClose(service, port, MIB);
    const { clients } = await admin.status();
    assert.deepEqual(clients.map(({ streams, direct }) => [streams, direct.visitors]), [[0, 1]]);
    await visitor.close();
  }, { timeoutMs: DEADLINE_MS });

  test(`A client goes to the second server when the first is killed, and back later (${name})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const first = await stage.run(startServerProcess({ runtime: mix.server }));
    const second = await stage.run(startServerProcess({ runtime: mix.server }));
    const config = join(stage.folder, "client.yaml");
    writeFileSync(config, "limits: {failbackIntervalMs: 200, reconnectMinMs: 50, reconnectMaxMs: 100}\n");
    const client = await stage.run(startClientProcess({
      runtime: mix.client,
      serverPort: first.port,
      localPort: service.port,
      args: ["--server", `${LOOPBACK}:${second.port}`, "--config", config],
    }));
    await checkUpload(client.publicPort, new Pattern(MIB, 1));

    /** Waits until the client is at a server, and uses the service there. */
    const servedAt = async (port: number, after: number): Promise<void> => {
      await client.program.line(new RegExp(`Connected to ${LOOPBACK}:${port} as`), { after });
      const connected = client.program.lines.findLastIndex((line) => line.includes("Connected to"));
      const [, publicPort] = await client.program.line(/Service web is at tcp:\/\/127\.0\.0\.1:(\d+)$/, {
        after: connected,
      });
      await checkBothWays(Number(publicPort), new Pattern(MIB, port));
    };
    let after = client.program.lines.length;
    await first.program.kill();
    await servedAt(second.port, after);
    after = client.program.lines.length;
    await stage.run(startServerProcess({ runtime: mix.server, port: first.port }));
    await servedAt(first.port, after);
    await second.program.line(/Client \S+ disconnected/);
  }, { timeoutMs: DEADLINE_MS });
}
