/**
 * Where hostile tests take place: a server, and on it a canary, which is a client with an echo service and a visitor that
 * stays from the beginning to the end. Afterwards the invariants are checked.
 *
 * @module
 */
import assert from "node:assert/strict";
import { startClient } from "../../src/app/client.ts";
import { startServer } from "../../src/app/server.ts";
import type { Clock } from "../../src/clock.ts";
import type { Runtime, SocketAddress } from "../../src/runtime/types.ts";
import { TunnelClient } from "../../src/tunnel/client.ts";
import type { ClientEvent } from "../../src/tunnel/events.ts";
import type { ClientLimits, ServerLimits, ServiceOptions } from "../../src/tunnel/options.ts";
import { TunnelServer } from "../../src/tunnel/server.ts";
import { within } from "./deadline.ts";
import { FakeClock } from "./fake_clock.ts";
import {
  assertBaseline,
  assertDescriptors,
  assertEcho,
  holdingsOf,
  LogCollector,
  openDescriptors,
} from "./invariants.ts";
import { connectPuppet, listenPuppet, type Puppet, type PuppetIntroduction } from "./puppet.ts";
import { connectSocket, listenSockets, type RawSocket, type RawSocketOptions } from "./raw_socket.ts";

/** The token of every client in an arena. It must appear in no log. */
export const ARENA_TOKEN = "canary-token-0bserve-me-nowhere";
const LOOPBACK = "127.0.0.1";
/** Window of a puppet that does not care. */
const PUPPET_WINDOW_BYTES = 256 * 1024;
/** Options of {@linkcode inArena}. */
export interface ArenaOptions {
  /** Limits of the server. */
  readonly limits?: Partial<ServerLimits>;
  /** Clock of the server, and of a client that is a target. @default that of the machine */
  readonly clock?: Clock;
  /** Runtime of the server. @default the current one */
  readonly runtime?: Runtime;
}

/** What an arena gives to a test. */
export interface Arena {
  readonly server: TunnelServer;
  /** Dials the server. Without an introduction it says nothing yet. Closed at the end. */
  puppet(introduction?: Partial<PuppetIntroduction>): Promise<Puppet>;
  /** A puppet that has introduced itself and registered a service, and where visitors reach it. */
  tenant(window?: number): Promise<{ readonly puppet: Puppet; readonly address: SocketAddress }>;
  /** A client of ours that is connected to a puppet as its server. Both are stopped at the end. */
  target(options: TargetOptions): Promise<Target>;
  /** A client of ours on the server, with its one service. Stopped at the end. @returns it and where visitors reach it */
  client(options: TargetOptions): Promise<{ readonly client: TunnelClient; readonly address: SocketAddress }>;
  /** A visitor of a public port. Closed at the end. */
  visitor(address: SocketAddress, options?: RawSocketOptions): Promise<RawSocket>;
  /** Frees something at the end. */
  later(cleanUp: () => Promise<void>): void;
}

/** Options of {@linkcode Arena.target}. */
export interface TargetOptions {
  /** Its service. */
  readonly local: SocketAddress;
  readonly limits?: Partial<ClientLimits>;
  /** @default the current one */
  readonly runtime?: Runtime;
}

/** A client and the puppet that plays its server. */
export interface Target {
  readonly client: TunnelClient;
  readonly puppet: Puppet;
  /** Resolves with the reason when the client has lost its session. */
  readonly lost: Promise<string>;
}

/**
 * Runs a hostile test, and checks afterwards that nobody else was harmed: the canary's first visitor still gets its bytes
 * back, and so does a new one; sessions, streams, and buffered bytes are back where they were; no log has the token. Unhandled
 * rejections are found by the test runner.
 */
export async function inArena(options: ArenaOptions, run: (arena: Arena) => Promise<void>): Promise<void> {
  const log = new LogCollector();
  const cleanUps: (() => Promise<void>)[] = [];
  const descriptors = openDescriptors();
  const server = await startServer({
    bind: { hostname: LOOPBACK, port: 0 },
    serviceHost: LOOPBACK,
    tokens: [{ name: "arena", token: ARENA_TOKEN }],
    limits: { drainTimeoutMs: 200, ...options.limits },
  }, {
    logger: log.logger,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
  });
  assert.ok(server instanceof TunnelServer); // Its budgets are looked at too.
  const builder = new ArenaBuilder(server, log, cleanUps, options);
  try {
    const echo = await builder.listen(echoService);
    const canary = await builder.client({ local: echo.address });
    const visitor = await builder.visitor(canary.address);
    await assertEcho(visitor, "before");
    const baseline = holdingsOf(server);
    await run(builder);
    await builder.closeHostile();
    await assertEcho(visitor, "after, to the visitor who was there");
    await visitor.end();
    assert.equal((await visitor.readToEnd()).length, 0);
    const second = await builder.visitor(canary.address);
    await assertEcho(second, "after, to a new visitor");
    await assertBaseline(server, baseline);
    assert.equal(canary.client.counters.get("reconnects"), 0, "the canary had to reconnect");
  } finally {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
    await server.stop();
  }
  await assertDescriptors(descriptors);
  if (options.clock instanceof FakeClock) assert.equal(options.clock.pending, 0, "timers are left");
  log.assertSilentAbout(ARENA_TOKEN);
  assert.ok(log.count > 0, "nothing was logged: the check for secrets would be void");
}

/** A service that sends back what it is sent. */
export function echoService(socket: RawSocket): void {
  socket.onData = (chunk) => void socket.write(chunk.slice());
  void socket.ended.then(() => socket.end());
}

/** A service that reads nothing and sends nothing. */
export function silentService(socket: RawSocket): void {
  socket.pause();
}

class ArenaBuilder implements Arena {
  readonly server: TunnelServer;
  readonly #log: LogCollector;
  readonly #cleanUps: (() => Promise<void>)[];
  readonly #options: ArenaOptions;
  readonly #puppets: Puppet[] = [];
  readonly #clients: TunnelClient[] = [];

  constructor(
    server: TunnelServer,
    log: LogCollector,
    cleanUps: (() => Promise<void>)[],
    options: ArenaOptions,
  ) {
    this.server = server;
    this.#log = log;
    this.#cleanUps = cleanUps;
    this.#options = options;
  }

  later(cleanUp: () => Promise<void>): void {
    this.#cleanUps.push(cleanUp);
  }

  async listen(onSocket: (socket: RawSocket) => void): Promise<{ readonly address: SocketAddress }> {
    const listener = await listenSockets({ onSocket });
    this.later(() => listener.close());
    return listener;
  }

  async puppet(introduction?: Partial<PuppetIntroduction>): Promise<Puppet> {
    const puppet = await connectPuppet(this.server.address);
    this.#puppets.push(puppet);
    this.later(() => puppet.close());
    if (introduction === undefined) return puppet;
    const answer = await puppet.introduce({
      token: ARENA_TOKEN,
      ...("window" in introduction ? {} : { window: PUPPET_WINDOW_BYTES }),
      ...introduction,
    });
    assert.equal(answer.status, "success");
    return puppet;
  }

  async tenant(window?: number): Promise<{ puppet: Puppet; address: SocketAddress }> {
    const puppet = await this.puppet(window === undefined ? {} : { window });
    return { puppet, address: await puppet.register(`tenant-${this.#puppets.length}`) };
  }

  async target(options: TargetOptions): Promise<Target> {
    const listener = await listenPuppet();
    let reportLost: (reason: string) => void = () => {};
    const lost = new Promise<string>((resolve) => reportLost = resolve);
    const client = this.#start(listener.address, options, (event) => {
      if (event.type === "disconnected") reportLost(event.reason);
    });
    this.later(() => listener.close());
    const puppet = await listener.next();
    this.#puppets.push(puppet);
    await puppet.admit({ window: PUPPET_WINDOW_BYTES });
    await within(client.ready, "a client to be ready");
    return { client, puppet, lost };
  }

  async client(options: TargetOptions): Promise<{ client: TunnelClient; address: SocketAddress }> {
    const client = this.#start(this.server.address, options);
    const [state] = await within(client.ready, "a client to be ready");
    assert.equal(state?.error, undefined);
    const port = Number(/:([0-9]+)$/.exec(state?.publicUrl ?? "")?.[1]);
    return { client, address: { hostname: LOOPBACK, port } };
  }

  async visitor(address: SocketAddress, options: RawSocketOptions = {}): Promise<RawSocket> {
    const visitor = await connectSocket(address, options);
    this.later(() => visitor.close());
    return visitor;
  }

  /** Closes every puppet and every client but the first, the canary: what is left is what should be there without them. */
  async closeHostile(): Promise<void> {
    for (const puppet of this.#puppets) await puppet.close();
    for (const client of this.#clients.slice(1)) await client.stop();
  }

  #start(
    server: SocketAddress,
    options: TargetOptions,
    onEvent?: (event: ClientEvent) => void,
  ): TunnelClient {
    const name = `service-${this.#cleanUps.length}`;
    const service: ServiceOptions = { name, kind: "tcp", local: options.local, remotePort: 0 };
    const limits = { drainTimeoutMs: 200, reconnectMinMs: 60_000, reconnectMaxMs: 60_000, ...options.limits };
    const clock = onEvent === undefined ? undefined : this.#options.clock;
    const client = startClient({ server, token: ARENA_TOKEN, tunnelId: name, services: [service], limits }, {
      logger: this.#log.logger,
      random: () => 1,
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
      ...(clock === undefined ? {} : { clock }),
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    assert.ok(client instanceof TunnelClient);
    this.#clients.push(client);
    this.later(() => client.stop());
    return client;
  }
}
