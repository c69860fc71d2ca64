/**
 * A tunnel under a soak: a server and a client as processes, with a line between them that can be made bad, a TCP service
 * and two web services behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describeError } from "../../src/errors.ts";
import { Admin } from "../e2e/_admin.ts";
import type { TrafficService } from "../e2e/_service.ts";
import type { Stage } from "../e2e/_stage.ts";
import type { ChildProgram } from "../support/child_program.ts";
import { within } from "../support/deadline.ts";
import { type ProcessStats, processStats } from "../support/process_stats.ts";
import { ToxicLine } from "../support/toxics.ts";
import { type RuntimeName, startProgram, startServerProcess } from "../support/tunnel_process.ts";
import { type Kind, Settings, SOAK_TOKEN } from "./_settings.ts";
import { TCP_VISITS } from "./_tcp_visits.ts";
import { type Entrances, pause, WrongBytes } from "./_visit.ts";
import { WebServices } from "./_web_services.ts";
import { WEB_VISITS } from "./_web_visits.ts";

const READY_DEADLINE_MS = 60_000;
const BASELINE_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 100;
const RELOAD_DEADLINE_MS = 20_000;

/** What both processes hold. */
export interface Holdings {
  readonly server: ProcessStats;
  readonly client: ProcessStats;
}

/** A running tunnel. */
export class SoakedTunnel {
  readonly kind: Kind;
  readonly runtime: RuntimeName;
  readonly line: ToxicLine;
  readonly entrances: Entrances;
  readonly #stage: Stage;
  readonly #settings: Settings;
  readonly #service: TrafficService;
  readonly #web: WebServices;
  /** How often each was told something else. */
  readonly #turns = { server: 0, client: 0 };
  #server!: ChildProgram;
  #client!: ChildProgram;
  #serverAdmin!: Admin;
  #clientAdmin!: Admin;

  private constructor(
    kind: Kind,
    parts: {
      readonly stage: Stage;
      readonly runtime: RuntimeName;
      readonly settings: Settings;
      readonly line: ToxicLine;
      readonly service: TrafficService;
      readonly web: WebServices;
    },
  ) {
    this.kind = kind;
    this.#stage = parts.stage;
    this.runtime = parts.runtime;
    this.#settings = parts.settings;
    this.line = parts.line;
    this.#service = parts.service;
    this.#web = parts.web;
    const { tcp, direct, web } = parts.settings.ports;
    this.entrances = { tcp, direct, web: { port: web, secure: kind.secure } };
  }

  /** Starts everything. @param kind What it is like. @param on `stage` closes it; what server and client run on */
  static async start(
    kind: Kind,
    { stage, runtime }: { readonly stage: Stage; readonly runtime: RuntimeName },
  ): Promise<SoakedTunnel> {
    const settings = await Settings.make(stage.folder, kind);
    const service = await stage.service();
    const web = stage.keep(await WebServices.start());
    const line = stage.keep(await ToxicLine.start(settings.ports.server));
    const tunnel = new SoakedTunnel(kind, { stage, runtime, settings, line, service, web });
    await tunnel.startServer();
    await tunnel.startClient();
    await tunnel.whole();
    return tunnel;
  }

  /** Starts a server, where the one before was. */
  async startServer(): Promise<void> {
    const { runtime } = this;
    const args = ["--config", this.#settings.writeServer(this.#turns.server)];
    const { server: port } = this.#settings.ports;
    const { program } = await this.#stage.run(startServerProcess({ runtime, port, args, token: "" }));
    this.#server = program;
    this.#serverAdmin = await Admin.of(program);
  }

  /** Starts a client. */
  async startClient(): Promise<void> {
    const config = this.#writeClient();
    const { runtime } = this;
    const client = startProgram(["client", "--config", config], { runtime, token: SOAK_TOKEN });
    this.#client = this.#stage.keep(client);
    this.#clientAdmin = await Admin.of(client);
  }

  /** Kills the server at once. */
  async killServer(): Promise<void> {
    await this.#server.kill();
  }

  /** Kills the client at once. */
  async killClient(): Promise<void> {
    await this.#client.kill();
  }

  /** Has the server, then the client read other settings. @throws {Error} when one of them does not take them */
  async reload(): Promise<void> {
    this.#turns.server++;
    this.#settings.writeServer(this.#turns.server);
    await this.#readAgain(this.#server, /Reload: .*guest/);
    this.#turns.client++;
    this.#writeClient();
    await this.#readAgain(this.#client, /Reload: Service extra/);
  }

  /** Reads the settings of the beginning again. */
  async reloadFirst(): Promise<void> {
    if (this.#turns.server % 2 === 1) await this.reload();
  }

  /** Waits until both ends know that every connection is lost. */
  async noticedDeath(): Promise<void> {
    await this.#eventually(READY_DEADLINE_MS, async () => {
      const { clients } = await this.#serverAdmin.status();
      const { connections } = await this.#clientAdmin.ownStatus();
      const open = connections.filter(({ connected }) => connected).length;
      return clients.length + open === 0 ? undefined : `${clients.length} clients, ${open} connections`;
    });
  }

  /** Waits until every connection is there and every service can be reached. */
  async whole(): Promise<void> {
    await this.#eventually(READY_DEADLINE_MS, async () => {
      const { clients } = await this.#serverAdmin.status();
      const { connected, connections } = await this.#clientAdmin.ownStatus();
      const open = connections.filter((connection) => connection.connected).length;
      const all = this.kind.connections;
      if (!connected || open !== all || clients.length !== all) {
        return `connected: ${connected}, ${open} connections, ${clients.length} clients`;
      }
      const { tcp, direct, web } = this.entrances;
      await TCP_VISITS.echo?.(tcp, () => 0);
      await TCP_VISITS.echo?.(direct, () => 0);
      await WEB_VISITS.page?.(web, () => 0);
      await WEB_VISITS.page?.(web, (below) => below - 1);
      return undefined;
    });
  }

  /**
   * Waits until visitors, who have all left, have left nothing behind.
   *
   * @param before With no more descriptors than these; without it any number will do.
   * @throws {Error} with what is left
   */
  async rest(before?: Holdings): Promise<Holdings> {
    let held: Holdings | undefined;
    await this.#eventually(BASELINE_WITHIN_MS, async () => {
      const left = await this.#left();
      if (left !== undefined) return left;
      held = await this.holdings();
      for (const role of ["server", "client"] as const) {
        const [now, then] = [held[role].descriptors, before?.[role].descriptors ?? Infinity];
        if (now > then) return `${role}: ${now} descriptors, not ${then}`;
      }
      return undefined;
    });
    assert.ok(held !== undefined);
    return held;
  }

  /** What both processes hold. */
  async holdings(): Promise<Holdings> {
    return { server: await processStats(this.#server), client: await processStats(this.#client) };
  }

  /** Bytes of visitors that the server has moved, in each direction. */
  async movedBytes(): Promise<{ readonly sent: number; readonly received: number }> {
    const page = await this.#serverAdmin.metrics();
    const [sent = NaN, received = NaN] = ["sent", "received"].map((direction) =>
      Number(new RegExp(`^ferrotunnel_bytes_${direction}_total (\\S+)$`, "m").exec(page)?.[1])
    );
    return { sent, received };
  }

  /** Both processes live, and neither has said anything that only a mistake in the program can make it say. */
  assertSound(): void {
    for (const program of [this.#server, this.#client]) {
      assert.ok(program.running, `A program is gone:\n${program.output()}`);
      assert.doesNotMatch(program.output(), /^\s+at .+:\d+:\d+|Uncaught|Unhandled|panicked|TypeError/m);
    }
  }

  /** Asks client and server to stop. @throws {Error} when one of them does not end as it should */
  async stop(): Promise<void> {
    for (const program of [this.#client, this.#server]) {
      program.signal("SIGTERM");
      const { code } = await program.end();
      assert.equal(code, 0, program.output());
    }
  }

  #writeClient(): string {
    const local = { tcp: this.#service.port, http1: this.#web.http1Port, http2: this.#web.http2Port };
    return this.#settings.writeClient(this.#turns.client, { local, linePort: this.line.port });
  }

  async #readAgain(program: ChildProgram, told: RegExp): Promise<void> {
    const after = program.lines.length;
    program.signal("SIGHUP");
    await program.line(told, { after, deadlineMs: RELOAD_DEADLINE_MS });
  }

  /** What there is of visitors; undefined when nothing. */
  async #left(): Promise<string | undefined> {
    const { clients } = await this.#serverAdmin.status();
    const { streams, bufferedBytes, direct } = await this.#clientAdmin.ownStatus();
    const sum = (of: (client: typeof clients[number]) => number): number =>
      clients.reduce((total, client) => total + of(client), 0);
    const left = {
      "streams of the server": sum((client) => client.streams),
      "bytes in the server": sum((client) => client.bufferedBytes),
      "direct visitors of the server": sum((client) => client.direct.visitors),
      "streams of the client": streams,
      "bytes in the client": bufferedBytes,
      "direct visitors of the client": direct.visitors,
      "connections of the TCP service": this.#service.connections,
      "connections of the web services": this.#web.connections,
    };
    const some = Object.entries(left).filter(([, count]) => count > 0);
    return some.length === 0 ? undefined : some.map(([what, count]) => `${count} ${what}`).join(", ");
  }

  /** Looks again and again until nothing is missing. @param look Says what is missing */
  async #eventually(withinMs: number, look: () => Promise<string | undefined>): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    for (;;) {
      for (const program of [this.#server, this.#client]) {
        if (!program.running) throw new Error(`A program is gone:\n${program.output()}`);
      }
      const missing = await within(look(), "a look", withinMs).catch((error) => {
        if (error instanceof WrongBytes) throw error;
        return describeError(error);
      });
      if (missing === undefined) return;
      if (performance.now() > giveUpAt) throw new Error(`Not after ${withinMs} ms: ${missing}`);
      await pause(LOOK_EVERY_MS);
    }
  }
}
