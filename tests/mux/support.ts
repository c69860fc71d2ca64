/**
 * What the tests of the multiplexer share: two sessions over a connection in memory, and a driver for each of their
 * streams that knows which bytes must come.
 *
 * @module
 */
import assert from "node:assert/strict";
import process from "node:process";
import { ProtocolError } from "../../src/errors.ts";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { Session } from "../../src/mux/session.ts";
import type {
  OpenStreamOptions,
  OwnerMessage,
  SessionEnd,
  SessionEnvironment,
  SessionOwner,
} from "../../src/mux/session_types.ts";
import type { MuxStream } from "../../src/mux/stream.ts";
import type { SessionLimits } from "../../src/mux/sweeper.ts";
import { Counters } from "../../src/observe/counters.ts";
import { DEFAULT_SERVER_LIMITS } from "../../src/tunnel/options.ts";
import type { GoAwayCode } from "../../src/wire/frame.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryLink, type MemoryLinkOptions } from "../support/memory_connection.ts";
import { Driver } from "./driver.ts";

/** `runs`, or as many times more as the environment variable FERROTUNNEL_TEST_RUNS says. */
export function runs(ordinary: number): number {
  return Math.ceil(ordinary * Number(process.env["FERROTUNNEL_TEST_RUNS"] ?? 1));
}

/** Draws integers from 0 to below `bound`, the same ones for the same seed. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x9e37_79b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % bound;
  };
}

/** Asserts that `run` throws a ProtocolError with this rule. */
export function assertRule(run: () => unknown, rule: string): void {
  assert.throws(run, (error) => error instanceof ProtocolError && error.rule === rule);
}

/** Lets everything run that waits in microtasks. */
export async function tick(): Promise<void> {
  for (let i = 0; i < 4; i++) await Promise.resolve();
}

/** Limits for sessions in tests. */
export function limits(changes: Partial<SessionLimits> = {}): SessionLimits {
  return { ...DEFAULT_SERVER_LIMITS, ...changes };
}

/** Takes what a session tells, and attaches a driver to every stream. */
export class Owner implements SessionOwner {
  /** Drivers of all streams of this side, open or not. */
  readonly drivers: Driver[] = [];
  readonly messages: OwnerMessage[] = [];
  readonly goAways: GoAwayCode[] = [];
  readonly ends: SessionEnd[] = [];
  /** Why streams are refused; undefined: they are taken. */
  refusal: string | undefined;
  /** Whether the drivers of streams that the peer opens consume at once. */
  eager = true;
  /** Whether what arrives is compared with what a driver would have sent. */
  checks = true;
  /** Most bytes of one chunk that a driver sends. */
  chunkBytes = 64 * 1024;
  /** Whether streams that the peer opens are accepted at once. */
  accepts = true;

  /** @inheritdoc */
  message(message: OwnerMessage): void {
    this.messages.push(message);
  }

  /** @inheritdoc */
  peerOpened(stream: MuxStream): string | undefined {
    assert.equal(this.ends.length, 0, "A stream came after the end of the session");
    if (this.refusal !== undefined) return this.refusal;
    const driver = this.drive(stream, "peer");
    driver.eager = this.eager;
    if (this.accepts) stream.accept();
    return undefined;
  }

  /** @inheritdoc */
  goAway(code: GoAwayCode): void {
    this.goAways.push(code);
  }

  /** @inheritdoc */
  ended(end: SessionEnd): void {
    this.ends.push(end);
  }

  /** Attaches a driver. */
  drive(stream: MuxStream, opener: "local" | "peer"): Driver {
    const ids = this.drivers.map((driver) => driver.stream.id);
    assert(!ids.includes(stream.id), `Stream id ${stream.id} is used twice`);
    const driver = new Driver(stream, opener);
    driver.checks = this.checks;
    driver.chunkBytes = this.chunkBytes;
    this.drivers.push(driver);
    return driver;
  }
}

/** One side. */
export interface Side {
  readonly session: Session;
  readonly owner: Owner;
  readonly environment: SessionEnvironment;
  /** Opens a stream. */
  open(options?: Partial<OpenStreamOptions>): Driver;
}

/** Options of {@linkcode makeWorld}. */
export interface WorldOptions extends MemoryLinkOptions {
  /** Limits of both sides. */
  readonly limits?: Partial<SessionLimits>;
  /** What is different at the client. */
  readonly clientLimits?: Partial<SessionLimits>;
  /** Whether the sides know the stream extensions. @default true */
  readonly extended?: boolean;
  /** Whether the sides send heartbeats. @default false */
  readonly beats?: boolean;
  /** Bytes that all sessions of one side may keep. @default as the limits of a server say */
  readonly processBufferBytes?: number;
  /** The first id of a stream that the server opens. @default 2 */
  readonly firstStreamId?: number;
}

/** Two sessions that are established, and the link between them. */
export interface World {
  readonly clock: FakeClock;
  readonly link: MemoryLink;
  readonly server: Side;
  readonly client: Side;
  /** Lets everything happen that can without time passing. */
  settle(): Promise<void>;
  /** Moves time on in steps of at most `stepMs`, and lets everything happen in between. */
  pass(ms: number, stepMs?: number): Promise<void>;
}

/** Makes a {@linkcode World}. */
export function makeWorld(options: WorldOptions = {}): World {
  const clock = new FakeClock();
  const link = new MemoryLink(options);
  const bothLimits = {
    server: limits(options.limits),
    client: limits({ ...options.limits, ...options.clientLimits }),
  };
  const side = (role: "server" | "client", index: 0 | 1): Side => {
    const owner = new Owner();
    const environment = {
      clock,
      counters: new Counters(),
      pool: new BufferPool({ keepBytes: 1 << 24 }),
      memory: new MemoryBudget(options.processBufferBytes ?? DEFAULT_SERVER_LIMITS.processBufferBytes),
      ...(role === "client" || options.firstStreamId === undefined
        ? {}
        : { firstStreamId: options.firstStreamId }),
    };
    const session = new Session(link.ends[index], owner, { role, limits: bothLimits[role], environment });
    const open = (opened: Partial<OpenStreamOptions> = {}): Driver =>
      owner.drive(session.openStream({ protocol: "tcp", ...opened }), "local");
    return { session, owner, environment, open };
  };
  const server = side("server", 0);
  const client = side("client", 1);
  const beats = options.beats ?? false;
  const windowOf = (role: "server" | "client"): number | undefined =>
    options.extended === false ? undefined : bothLimits[role].windowBytes;
  server.session.establish({ peerWindowBytes: windowOf("client"), beats });
  client.session.establish({ peerWindowBytes: windowOf("server"), beats });
  const settle = async (): Promise<void> => {
    await tick();
    while (link.step()) await tick();
  };
  const pass = async (ms: number, stepMs = 250): Promise<void> => {
    for (let left = ms; left > 0; left -= stepMs) {
      clock.advance(Math.min(stepMs, left));
      await settle();
    }
  };
  return { clock, link, server, client, settle, pass };
}

/** Ends both sessions and asserts that nothing of them is left. */
export async function dispose(world: World): Promise<void> {
  const { server, client, clock, link } = world;
  server.session.close("The test is over");
  client.session.close("The test is over");
  for (const end of link.ends) end.stalled = false;
  await world.settle();
  for (const { session, owner, environment } of [server, client]) {
    assert.equal(owner.ends.length, 1, "`ended` must be called once");
    assert.equal(session.streamCount, 0);
    assert.equal(session.bufferedBytes, 0);
    assert.equal(environment.memory.usedBytes, 0);
    for (const driver of owner.drivers) assert.equal(driver.closes.length, 1, driver.name);
  }
  assert.equal(clock.pending, 0, "No timer may be left");
  link.assertSound();
}
