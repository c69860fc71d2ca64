import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "../harness.ts";
import type { ChildProgram } from "../support/child_program.ts";
import { LONG } from "../support/long.ts";
import { freePort } from "../support/programs.ts";
import {
  launchClientProcess,
  type Mix,
  MIXES,
  nameOf,
  startClientProcess,
  startProgram,
  startServerProcess,
} from "../support/tunnel_process.ts";
import { Load } from "./_load.ts";
import { checkBothWays, type TrafficService } from "./_service.ts";
import { Stage } from "./_stage.ts";
import { Pattern } from "./_traffic.ts";

/** Kills in each mix; in the long run there are a thousand, over the four mixes of both runtimes. */
const CYCLES = Number(process.env["FERROTUNNEL_TEST_CYCLES"] ?? (LONG ? 250 : 5));
/** A kill comes so long after the moment at which the last one was made good, at most. */
const MAX_PHASE_MS = 300;
const DEADLINE_MS = 30_000 + CYCLES * 15_000;
/** Short waits between attempts: the subject is what comes back, not how patiently. */
const CONFIG = "limits: { reconnectMinMs: 50, reconnectMaxMs: 300 }\n";

/** A server and a client that are killed and started again, always on the same ports. */
class Victims {
  readonly #stage: Stage;
  readonly #mix: Mix;
  readonly #service: TrafficService;
  readonly #config: string;
  readonly #ports: { readonly server: number; readonly public: number };
  #server: ChildProgram | undefined;
  #client: ChildProgram | undefined;

  constructor(stage: Stage, mix: Mix, service: TrafficService, ports: { server: number; public: number }) {
    this.#stage = stage;
    this.#mix = mix;
    this.#service = service;
    this.#ports = ports;
    this.#config = join(stage.folder, "client.yaml");
    writeFileSync(this.#config, CONFIG);
  }

  /** Where visitors come in. */
  get port(): number {
    return this.#ports.public;
  }

  async startServer(): Promise<void> {
    const options = { runtime: this.#mix.server, port: this.#ports.server };
    this.#server = (await this.#stage.run(startServerProcess(options))).program;
  }

  async startClient(): Promise<void> {
    this.#client = (await this.#stage.run(startClientProcess(this.#clientOptions()))).program;
  }

  /** Kills the client, and one more that has only begun to start, and starts one that stays. */
  async replaceClient(phaseMs: number): Promise<void> {
    await this.#client?.kill();
    await this.#startAndKill(launchClientProcess(this.#clientOptions()), phaseMs);
    await this.startClient();
  }

  /** The same for the server. Resolves when the client has found the last one. */
  async replaceServer(phaseMs: number): Promise<void> {
    const client = this.#client;
    assert.ok(client !== undefined);
    await this.#server?.kill();
    const bind = ["--bind", `127.0.0.1:${this.#ports.server}`, "--service-host", "127.0.0.1"];
    await this.#startAndKill(startProgram(["server", ...bind], { runtime: this.#mix.server }), phaseMs);
    const after = client.lines.length;
    await this.startServer();
    await client.line(/Service web is at /, { after });
  }

  /** Both live, and neither has said anything that only a mistake in the program can make it say. */
  check(): void {
    for (const program of [this.#server, this.#client]) {
      assert.ok(program?.running, `A program is gone:\n${program?.output()}`);
      assert.doesNotMatch(program.output(), /^\s+at .+:\d+:\d+|Uncaught|Unhandled|panicked|TypeError/m);
    }
  }

  async #startAndKill(program: ChildProgram, phaseMs: number): Promise<void> {
    await using _ = program;
    await delay(phaseMs);
    await program.kill();
  }

  #clientOptions(): Parameters<typeof startClientProcess>[0] {
    return {
      runtime: this.#mix.client,
      serverPort: this.#ports.server,
      localPort: this.#service.port,
      remotePort: this.#ports.public,
      args: ["--config", this.#config],
    };
  }
}

/** The phase of a kill is what these tests vary; nothing is awaited by it. */
function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

for (const mix of MIXES) {
  test(`${CYCLES} times killed at any moment, the tunnel comes back (${nameOf(mix)})`, async () => {
    await using stage = new Stage();
    const service = await stage.service();
    const ports = { server: await freePort(), public: await freePort() };
    const victims = new Victims(stage, mix, service, ports);
    await victims.startServer();
    await victims.startClient();
    let slowestMs = 0;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const victim = cycle % 2 === 0 ? "client" : "server";
      const [busyMs, startingMs] = [Math.random() * MAX_PHASE_MS, Math.random() * MAX_PHASE_MS];
      try {
        const load = stage.keep(await Load.start(service, victims.port, 2));
        await delay(busyMs);
        const replaced = victim === "client"
          ? victims.replaceClient(startingMs)
          : victims.replaceServer(startingMs);
        const [ends] = await Promise.all([load.ends(), replaced]);
        slowestMs = Math.max(slowestMs, ...ends.map(({ afterMs }) => afterMs));
        await checkBothWays(victims.port, new Pattern(256 * 1024));
        victims.check();
      } catch (error) {
        const phases = `${victim} killed after ${Math.round(busyMs)} ms, the next one after ${
          Math.round(startingMs)
        } ms`;
        throw new Error(`Cycle ${cycle}: ${phases}`, { cause: error });
      }
    }
    if (LONG) console.log(`the slowest visitor was told after ${Math.round(slowestMs)} ms`);
  }, { timeoutMs: DEADLINE_MS });
}
