/**
 * Faults of load: visitors who come and go without end, and floods that are followed by silence.
 *
 * @module
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Admin } from "../e2e/_admin.ts";
import { Stage } from "../e2e/_stage.ts";
import { startWebServer } from "../e2e/_web.ts";
import { runtimeName, test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { echoService, inArena } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { assertEcho } from "../support/invariants.ts";
import { noProcessStats, type ProcessStats, processStats } from "../support/process_stats.ts";
import { freePort } from "../support/programs.ts";
import { connectSocket, listenSockets } from "../support/raw_socket.ts";
import { startClientProcess, startProgram } from "../support/tunnel_process.ts";
import { WatchedRuntime } from "../support/watched_runtime.ts";
import { flood, startAnswering } from "./_flood.ts";
import { echoOn } from "./_programs.ts";

const MIB = 1024 * 1024;
const OPTIONS = { timeoutMs: LONG ? 300_000 : 60_000 };
/** What a flood may leave in memory, against what the one before has left. */
const LEFT_BYTES = 16 * MIB;
const ROUNDS = LONG ? 200 : 10;
const VISITORS = 50;
/** Before the baseline is taken, and then again. */
const FLOODS = LONG ? 2 : 3;
/** Of one flood, over HTTP. */
const REQUESTS = LONG ? { requests: 180_000, perSecond: 3_000 } : { requests: 1_500, perSecond: 3_000 };
const BACK_WITHIN_MS = 30_000;
/** Streams wait so long for the next request to their service: that they do is no leak. */
const IDLE_ORIGIN_MS = 1_000;

test(
  "P17: visitors who come and go in every manner leave no connection to the local service behind",
  async () => {
    await inArena({}, async (arena) => {
      const service = await listenSockets({ onSocket: echoService });
      arena.later(() => service.close());
      const watched = new WatchedRuntime();
      const { client, address } = await arena.client({ local: service.address, runtime: watched.runtime });
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(Array.from({ length: VISITORS }, async (_, index) => {
          const visitor = await connectSocket(address);
          if (index % 4 > 0) await assertEcho(visitor, "in the churn");
          if (index % 4 === 1) await visitor.end();
          if (index % 4 === 1) await visitor.readToEnd();
          if (index % 4 === 2) await visitor.reset();
          else await visitor.close();
        }));
      }
      const { port } = service.address;
      await until(() => watched.dialled.get(port) === 0, () => `${watched.dialled.get(port)} are left`);
      assert.ok(
        (watched.mostDialled.get(port) ?? 0) <= 2 * VISITORS,
        `${watched.mostDialled.get(port)} at once`,
      );
      assert.equal(client.status().streams, 0);
    });
  },
  OPTIONS,
);

test(
  "P20: after a flood and then silence, a server and its clients hold what they held after the one before",
  async () => {
    await using stage = new Stage();
    const localPort = await freePort();
    await using _ = await echoOn(localPort);
    const web = stage.keep(await startAnswering());
    const config = join(stage.folder, "server.yaml");
    writeFileSync(config, `limits: { httpIdleOriginMs: ${IDLE_ORIGIN_MS} }\n`);
    const server = await startWebServer(stage, runtimeName, ["--config", config, ...Admin.args]);
    const options = { runtime: runtimeName, serverPort: server.port };
    const client = await stage.run(startClientProcess({ ...options, localPort }));
    const host = "flood.example.com";
    const webClient = stage.keep(startProgram(
      ["http", String(web.address.port), "--server", `127.0.0.1:${server.port}`, "--host", host],
      { runtime: runtimeName },
    ));
    await webClient.line(/ → http:/);
    const admin = await Admin.of(server.program);
    const programs = [server.program, client.program, webClient];
    const look = (): Promise<ProcessStats[]> => Promise.all(programs.map((program) => processStats(program)));
    const floodAll = async (): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(Array.from({ length: VISITORS }, () => visit(client.publicPort)));
      }
      const tookMs = await flood({ port: server.httpPort, host, ...REQUESTS, visitors: VISITORS });
      if (LONG) console.log(`${REQUESTS.requests} requests in ${Math.round(tookMs)} ms`);
      await untilSilent(admin);
    };
    // The first floods make a runtime take memory that it keeps; what matters is that further ones add nothing.
    const before: ProcessStats[][] = [];
    for (let count = 0; count < FLOODS; count++) {
      await floodAll();
      before.push(await look());
    }
    for (let count = 0; count < FLOODS; count++) await floodAll();
    const most = (process: number, key: keyof ProcessStats): number =>
      Math.max(...before.map((stats) => stats[process]?.[key] ?? NaN));
    await untilTrue(async () => {
      const after = await look();
      const back = after.every(({ residentBytes, descriptors }, process) =>
        residentBytes <= most(process, "residentBytes") + LEFT_BYTES &&
        descriptors <= most(process, "descriptors")
      );
      return back
        ? undefined
        : `after the first floods ${JSON.stringify(before)}, now ${JSON.stringify(after)}`;
    });
  },
  { timeoutMs: LONG ? 900_000 : 60_000, skip: noProcessStats },
);

/** A visitor who sends and gets back 64 KiB. */
async function visit(port: number): Promise<void> {
  const visitor = await connectSocket({ hostname: "127.0.0.1", port });
  await visitor.write(new Uint8Array(64 * 1024));
  await visitor.read(64 * 1024);
  await visitor.close();
}

async function untilSilent(admin: Admin): Promise<void> {
  await untilTrue(async () => {
    const held = await admin.streams() + await admin.bufferedBytes();
    return held === 0 ? undefined : `${held} streams and buffered bytes are left`;
  });
}

/** Asks until there is nothing to complain about any more. */
async function untilTrue(complaint: () => Promise<string | undefined>): Promise<void> {
  const giveUpAt = performance.now() + BACK_WITHIN_MS;
  for (let told = await complaint(); told !== undefined; told = await complaint()) {
    assert.ok(performance.now() < giveUpAt, told);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
