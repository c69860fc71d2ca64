/**
 * The tunnel under a soak: a server and a client as processes, with a bad line between them, a TCP and a web service behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Admin } from "../e2e/_admin.ts";
import { Stage } from "../e2e/_stage.ts";
import { startWebServer, type WebServer } from "../e2e/_web.ts";
import type { ChildProgram } from "../support/child_program.ts";
import { type ProcessStats, processStats } from "../support/process_stats.ts";
import { freePort } from "../support/programs.ts";
import { ToxicLine } from "../support/toxics.ts";
import { type RuntimeName, startProgram } from "../support/tunnel_process.ts";
import { type Entrances, pageOf } from "./_workers.ts";

const LIMITS =
  "limits: { heartbeatIntervalMs: 1000, deadAfterMs: 5000, reconnectMinMs: 50, reconnectMaxMs: 500 }";
const SERVER_LIMITS = "limits: { heartbeatIntervalMs: 1000, deadAfterMs: 5000 }";
const READY_DEADLINE_MS = 60_000;

/** What a process of the tunnel holds. */
export interface Holdings extends ProcessStats {
  readonly streams: number;
  readonly bufferedBytes: number;
}

/** A running tunnel. */
export class SoakedTunnel {
  readonly line: ToxicLine;
  readonly entrances: Entrances;
  readonly #stage: Stage;
  readonly #server: WebServer;
  readonly #admin: Admin;
  readonly #runtime: RuntimeName;
  readonly #config: string;
  #client: ChildProgram | undefined;

  private constructor(
    stage: Stage,
    parts: {
      readonly line: ToxicLine;
      readonly server: WebServer;
      readonly admin: Admin;
      readonly runtime: RuntimeName;
      readonly config: string;
      readonly tcp: number;
    },
  ) {
    this.#stage = stage;
    this.line = parts.line;
    this.#server = parts.server;
    this.#admin = parts.admin;
    this.#runtime = parts.runtime;
    this.#config = parts.config;
    this.entrances = { tcp: parts.tcp, http: parts.server.httpPort };
  }

  /** Starts everything. @param stage Closes it. @param runtime What server and client run on. */
  static async start(stage: Stage, runtime: RuntimeName): Promise<SoakedTunnel> {
    const service = await stage.service();
    const web = await startWeb();
    stage.keep({ [Symbol.asyncDispose]: () => stopWeb(web) });
    const serverConfig = join(stage.folder, "server.yaml");
    writeFileSync(serverConfig, SERVER_LIMITS);
    const server = await startWebServer(stage, runtime, ["--config", serverConfig, ...Admin.args]);
    const admin = await Admin.of(server.program);
    const line = stage.keep(await ToxicLine.start(server.port));
    const tcp = await freePort();
    const config = join(stage.folder, "client.yaml");
    const { port } = web.address() as AddressInfo;
    writeFileSync(
      config,
      `server: 127.0.0.1:${line.port}
tunnelId: soak
services:
  raw: { type: tcp, local: ${service.port}, remotePort: ${tcp} }
  web: { type: http, local: ${port}, hosts: [soak.test] }
${LIMITS}
`,
    );
    const tunnel = new SoakedTunnel(stage, { line, server, admin, runtime, config, tcp });
    await tunnel.startClient();
    return tunnel;
  }

  /** Starts a client and waits until its services can be reached. */
  async startClient(): Promise<void> {
    const client = startProgram(["client", "--config", this.#config], { runtime: this.#runtime });
    this.#client = this.#stage.keep(client);
    await this.ready(0);
  }

  /** Kills the client. */
  async killClient(): Promise<void> {
    await this.#client?.kill();
  }

  /** How many lines the client has written. */
  get clientLines(): number {
    return this.#client?.lines.length ?? 0;
  }

  /** Waits until the client's services can be reached, from a line of its output on. */
  async ready(after: number): Promise<void> {
    const options = { after, deadlineMs: READY_DEADLINE_MS };
    await this.#client?.line(/Service raw is at/, options);
    await this.#client?.line(/Service web is at/, options);
  }

  /** What the server holds. */
  async serverHoldings(): Promise<Holdings> {
    const [streams, bufferedBytes] = [await this.#admin.streams(), await this.#admin.bufferedBytes()];
    return { ...await processStats(this.#server.program), streams, bufferedBytes };
  }

  /** Both processes live, and neither has said anything that only a mistake in the program can make it say. */
  assertSound(): void {
    for (const program of [this.#server.program, this.#client]) {
      assert.ok(program?.running, `A program is gone:\n${program?.output()}`);
      assert.doesNotMatch(program.output(), /^\s+at .+:\d+:\d+|Uncaught|Unhandled|panicked|TypeError/m);
    }
  }
}

function startWeb(): Promise<Server> {
  const server = createServer((asked, answer) => {
    const pattern = pageOf(asked.url ?? "");
    answer.writeHead(200, { "content-length": pattern.sizeBytes });
    for (const chunk of pattern.chunks()) answer.write(chunk);
    answer.end();
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function stopWeb(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
