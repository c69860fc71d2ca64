import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { LONG } from "../support/long.ts";
import { freePort } from "../support/programs.ts";
import {
  type Mix,
  MIXES,
  nameOf,
  startClientProcess,
  startServerProcess,
} from "../support/tunnel_process.ts";
import { END_DEADLINE_MS, Load } from "./_load.ts";
import { checkBothWays, checkHalfClose } from "./_service.ts";
import { Stage } from "./_stage.ts";
import { MIB, Pattern } from "./_traffic.ts";

const PAIRS = 4;
const DEADLINE_MS = 120_000;
/** Visitors are told within a second, if the machine has nothing else to do: in the long run. */
const TOLD_WITHIN_MS = LONG ? 1_000 : END_DEADLINE_MS;
/** What Bun can do and Deno cannot: end a connection so that its peer sees an error in place of a plain end. */
const resets = (mix: Mix): boolean => mix.server === "bun";

for (const mix of MIXES) {
  test(
    `After SIGKILL of a busy client visitors see an end, and the next client is served (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const remotePort = await freePort();
      const server = await stage.run(startServerProcess({ runtime: mix.server }));
      const options = { runtime: mix.client, serverPort: server.port, localPort: service.port, remotePort };
      const first = await stage.run(startClientProcess(options));
      const load = stage.keep(await Load.start(service, remotePort, PAIRS));
      await load.busy();

      first.program.signal("SIGKILL");
      for (const { error, afterMs } of await load.ends()) {
        assert.ok(afterMs < TOLD_WITHIN_MS, `${afterMs} ms`);
        if (resets(mix)) {
          assert.ok(error !== undefined, "A visitor took a broken transfer for a complete one");
        }
      }
      assert.equal((await first.program.end()).signal, "SIGKILL");
      await server.program.line(/disconnected/);
      await until(() => service.connections === 0, "the service's connections are over");

      const second = await stage.run(startClientProcess(options));
      assert.equal(second.publicPort, remotePort);
      await checkBothWays(remotePort, new Pattern(4 * MIB));
      await checkHalfClose(service, remotePort, MIB);
      assert.ok(server.program.running);
    },
    { timeoutMs: DEADLINE_MS },
  );

  test(
    `After SIGKILL of a busy server visitors see an end, and its client finds the next one (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const [port, remotePort] = [await freePort(), await freePort()];
      const first = await stage.run(startServerProcess({ runtime: mix.server, port }));
      const client = await stage.run(
        startClientProcess({ runtime: mix.client, serverPort: port, localPort: service.port, remotePort }),
      );
      const load = stage.keep(await Load.start(service, remotePort, PAIRS));
      await load.busy();

      const after = client.program.lines.length;
      first.program.signal("SIGKILL");
      for (const { afterMs } of await load.ends()) assert.ok(afterMs < TOLD_WITHIN_MS, `${afterMs} ms`);
      assert.equal((await first.program.end()).signal, "SIGKILL");
      await client.program.line(/trying again in/, { after });
      await until(() => service.connections === 0, "the service's connections are over");

      await stage.run(startServerProcess({ runtime: mix.server, port }));
      await client.program.line(new RegExp(`Service web is at tcp://127\\.0\\.0\\.1:${remotePort}$`), {
        after,
      });
      await checkBothWays(remotePort, new Pattern(4 * MIB));
      await checkHalfClose(service, remotePort, MIB);
      assert.ok(client.program.running);
    },
    { timeoutMs: DEADLINE_MS },
  );
}
