import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { ChildProgram } from "../support/child_program.ts";
import { until } from "../support/deadline.ts";
import { LONG } from "../support/long.ts";
import { freePort } from "../support/programs.ts";
import { MIXES, nameOf, programCommand, startServerProcess, TOKEN } from "../support/tunnel_process.ts";
import type { HerdPlan } from "./_herd.ts";
import { checkBothWays } from "./_service.ts";
import { Stage } from "./_stage.ts";
import { Pattern } from "./_traffic.ts";

/** As many as a server takes, in the long run. */
const CLIENTS = LONG ? 1_000 : 50;
/** Services that are visited at once: that clients come back is the subject, and not a crowd of visitors. */
const VISITED_AT_ONCE = 50;
/** Clients come back at random moments; none may take longer than this. */
const BACK_DEADLINE_MS = 60_000;
const DEADLINE_MS = 180_000;

/** Where each client's service can be reached, by what the herd has written from line `after` on. */
function readyPorts(herd: ChildProgram, after: number): Map<number, number> {
  const matches = herd.out.slice(after).map((line) => /^ready (\d+) tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(line));
  return new Map(
    matches.filter((match) => match !== null).map((match) => [Number(match[1]), Number(match[2])]),
  );
}

for (const mix of MIXES) {
  test(
    `${CLIENTS} clients find a server again that was killed, on their ports (${nameOf(mix)})`,
    async () => {
      await using stage = new Stage();
      const service = await stage.service();
      const port = await freePort();
      const ports = new Set<number>();
      while (ports.size < CLIENTS) ports.add(await freePort());
      const remotePorts = [...ports].filter((remotePort) => remotePort !== port);
      const expected = new Map(remotePorts.entries());

      const first = await stage.run(startServerProcess({ runtime: mix.server, port }));
      const plan: HerdPlan = { serverPort: port, localPort: service.port, token: TOKEN, remotePorts };
      const command = [
        ...programCommand(mix.client).slice(0, -1),
        "tests/e2e/_herd.ts",
        JSON.stringify(plan),
      ];
      const herd = stage.keep(new ChildProgram(command));
      const allReady = (after: number): Promise<void> =>
        until(
          () => readyPorts(herd, after).size === remotePorts.length,
          () => `all clients are ready:\n${herd.output()}`,
          BACK_DEADLINE_MS,
        );
      await allReady(0);
      assert.deepEqual(new Map([...readyPorts(herd, 0)].sort(([a], [b]) => a - b)), expected);

      const after = herd.out.length;
      await first.program.kill();
      const killedAt = performance.now();
      await stage.run(startServerProcess({ runtime: mix.server, port }));
      await allReady(after);
      if (LONG) console.log(`all are back ${Math.round(performance.now() - killedAt)} ms after the kill`);
      assert.deepEqual(new Map([...readyPorts(herd, after)].sort(([a], [b]) => a - b)), expected);
      for (let first = 0; first < remotePorts.length; first += VISITED_AT_ONCE) {
        const some = remotePorts.slice(first, first + VISITED_AT_ONCE);
        await Promise.all(
          some.map((remotePort, index) => checkBothWays(remotePort, new Pattern(65_536, first + index))),
        );
      }

      herd.signal("SIGTERM");
      assert.equal((await herd.end()).code, 0, herd.output());
    },
    { timeoutMs: DEADLINE_MS },
  );
}
