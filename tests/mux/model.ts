/**
 * Random schedules for two sessions, and what must hold at any moment of them.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { PRIORITIES, type Priority } from "../../src/wire/messages.ts";
import type { Driver } from "./driver.ts";
import { makeWorld, randomFrom, type Side, tick, type World } from "./support.ts";

const WINDOW_BYTES = 4096;
const MAX_WINDOW_BYTES = 64 * 1024;

/** How two sessions are set up. */
export interface ModelSetup {
  readonly seed: number;
  readonly lendsSpace: boolean;
  readonly extended: boolean;
  readonly capacityBytes: number;
  readonly maxChunkBytes: number;
  readonly maxStreams: number;
  /** Most bytes that a socket gives to its stream at once. */
  readonly readBytes: number;
}

type SideName = "server" | "client";
type OnStream = { readonly side: SideName; readonly stream: number };

/** One thing that a test does. */
export type ModelAction =
  | {
    readonly type: "open";
    readonly side: SideName;
    readonly priority: Priority;
    readonly headroom: boolean;
  }
  | { readonly type: "send"; readonly bytes: number } & OnStream
  | { readonly type: "finish" } & OnStream
  | { readonly type: "reset" } & OnStream
  | { readonly type: "stall" } & OnStream
  | { readonly type: "consume"; readonly bytes: number } & OnStream
  | { readonly type: "steps"; readonly count: number }
  | { readonly type: "pass"; readonly ms: number }
  | { readonly type: "hold"; readonly side: SideName; readonly stalled: boolean }
  | { readonly type: "drain"; readonly side: SideName };

const of = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type);
const side = fc.constantFrom("server" as const, "client" as const);
/** Counted from the youngest: most schedules play with few streams, so that much happens to each. */
const stream = fc.oneof(fc.nat(2), fc.nat(20));
const bytes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 60_000 }));

/** Random setups. */
export const anySetup: fc.Arbitrary<ModelSetup> = fc.record({
  seed: fc.integer(),
  lendsSpace: fc.boolean(),
  extended: fc.boolean(),
  capacityBytes: fc.constantFrom(100, 5_000, 100_000),
  maxChunkBytes: fc.constantFrom(1, 50, 3_000, 100_000, 100_000),
  maxStreams: fc.constantFrom(2, 8, 100),
  // Some go into the window without a rest, so that a chunk and the credit end together.
  readBytes: fc.constantFrom(WINDOW_BYTES / 4, WINDOW_BYTES, 64 * 1024),
});

/** Random things to do. */
export const anyAction: fc.Arbitrary<ModelAction> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      type: of("open"),
      side,
      priority: fc.constantFrom(...PRIORITIES),
      headroom: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ type: of("send"), side, stream, bytes }) },
  { weight: 3, arbitrary: fc.record({ type: of("finish"), side, stream }) },
  { weight: 1, arbitrary: fc.record({ type: of("reset"), side, stream }) },
  { weight: 2, arbitrary: fc.record({ type: of("stall"), side, stream }) },
  { weight: 4, arbitrary: fc.record({ type: of("consume"), side, stream, bytes }) },
  { weight: 10, arbitrary: fc.record({ type: of("steps"), count: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.record({ type: of("pass"), ms: fc.integer({ min: 1, max: 1_500 }) }) },
  { weight: 1, arbitrary: fc.record({ type: of("hold"), side, stalled: fc.boolean() }) },
);

/** A model that plays actions on two sessions. */
export class Model {
  /** The two sessions. */
  readonly world: World;
  readonly #setup: ModelSetup;
  readonly #drained = new Set<SideName>();
  #opened = 0;

  constructor(setup: ModelSetup) {
    this.#setup = setup;
    this.world = makeWorld({
      random: randomFrom(setup.seed),
      lendsSpace: setup.lendsSpace,
      capacityBytes: setup.capacityBytes,
      maxChunkBytes: setup.maxChunkBytes,
      extended: setup.extended,
      beats: true,
      limits: {
        windowBytes: WINDOW_BYTES,
        maxWindowBytes: MAX_WINDOW_BYTES,
        maxStreams: setup.maxStreams,
        // Streams end when the schedule says so, not because it took its time.
        openTimeoutMs: 1e9,
        writeStallTimeoutMs: 1e9,
        streamStallTimeoutMs: 1e9,
        halfCloseLingerMs: 1e9,
        deadAfterMs: 1e9,
      },
    });
    for (const { owner } of this.#sides()) owner.chunkBytes = setup.readBytes;
  }

  /** Does one thing. */
  async play(action: ModelAction): Promise<void> {
    const { world } = this;
    switch (action.type) {
      case "open":
        return this.#open(action);
      case "steps":
        for (let i = 0; i < action.count; i++) {
          await tick();
          world.link.step();
        }
        return;
      case "pass":
        return world.clock.advance(action.ms);
      case "hold":
        world.link.ends[action.side === "server" ? 0 : 1].stalled = action.stalled;
        return;
      case "drain":
        this.#drained.add(action.side);
        void world[action.side].session.drain("shutting_down");
        return;
    }
    const { drivers } = world[action.side].owner;
    if (drivers.length === 0) return;
    const driver = drivers.at(-1 - action.stream % drivers.length) as Driver;
    if (action.type === "send") driver.send(this.#scaled(action.bytes));
    else if (action.type === "finish") driver.finish();
    else if (action.type === "reset") driver.reset();
    else if (action.type === "stall") driver.eager = false;
    else driver.consume(this.#scaled(action.bytes));
  }

  /** What must hold at any moment. */
  check(): void {
    for (const mine of this.#sides()) {
      const { session, owner, environment } = mine;
      assert.deepEqual(owner.ends, []);
      assert(session.streamCount <= this.#setup.maxStreams);
      const open = owner.drivers.filter((driver) => !driver.closed);
      assert.equal(open.length, session.streamCount, "streams that nobody was told of");
      const buffered = owner.drivers.reduce(
        (sum, { stream }) => sum + stream.bufferedBytes + stream.stalledSendBytes,
        0,
      );
      assert.equal(session.bufferedBytes, buffered);
      assert.equal(environment.memory.usedBytes, buffered);
      for (const driver of open) {
        assert.equal(driver.stream.bufferedBytes, driver.receivedBytes - driver.consumedBytes, driver.name);
        this.#checkWindow(driver);
        const other = this.#otherOf(driver, mine);
        if (other !== undefined) {
          assert(driver.receivedBytes <= other.queuedBytes, `${driver.name}: more than was sent`);
        }
      }
    }
  }

  /** Everybody consumes and ends; then everything must have arrived, and nothing be left. */
  async finish(): Promise<void> {
    const { world } = this;
    for (const end of world.link.ends) end.stalled = false;
    for (let round = 0; round < 2; round++) {
      for (const { owner } of this.#sides()) {
        for (const driver of owner.drivers) driver.relax();
      }
      await world.settle();
      if (round === 0) this.#checkAtRest();
      for (const { owner } of this.#sides()) {
        owner.eager = true;
        for (const driver of owner.drivers) driver.finish();
      }
      await world.settle();
      await world.pass(2_000, 500);
    }
    for (const mine of this.#sides()) {
      const { session, owner, environment } = mine;
      assert.deepEqual(owner.ends, []);
      assert.equal(session.streamCount, 0, "a stream did not finish");
      // A peer of version 1 does not confirm a close.
      if (this.#setup.extended) assert.equal(session.closingCount, 0);
      assert.equal(environment.counters.get("protocol_errors"), 0);
      for (const driver of owner.drivers) {
        const other = this.#otherOf(driver, mine);
        if (driver.clean) assert.equal(driver.receivedBytes, other?.queuedBytes, driver.name);
        if (driver.clean && other !== undefined) assert(other.ended || !other.clean);
      }
    }
  }

  /** With nothing on its way, what one side may send is what the other side lets it send. */
  #checkAtRest(): void {
    assert.equal(this.world.link.bytesUnderWay, 0);
    for (const mine of this.#sides()) {
      for (const driver of mine.owner.drivers) {
        const other = this.#otherOf(driver, mine);
        if (driver.closed || other === undefined || other.closed) continue;
        assert.equal(driver.receivedBytes, other.queuedBytes, `${driver.name}: something is stuck`);
        if (driver.ended) continue; // Nobody needs credit after that.
        const { receiveCreditBytes } = driver.stream;
        assert.equal(other.stream.creditBytes, receiveCreditBytes, driver.name);
        // The rest of the window is what was consumed and not given back yet: less than half.
        assert(receiveCreditBytes > WINDOW_BYTES / 2, `${driver.name}: credit was lost`);
      }
    }
  }

  #checkWindow(driver: Driver): void {
    const { stream } = driver;
    if (!this.#setup.extended || driver.ended) return;
    const held = stream.receiveCreditBytes + stream.bufferedBytes;
    assert(stream.receiveCreditBytes >= 0);
    assert(held <= MAX_WINDOW_BYTES, `${driver.name}: ${held}`);
  }

  #open(action: Extract<ModelAction, { type: "open" }>): void {
    const mine = this.world[action.side];
    if (this.#opened >= 60 || mine.session.streamCount >= this.#setup.maxStreams) return;
    if (!mine.session.open) return;
    this.#opened++;
    const driver = mine.open({ priority: action.priority });
    driver.headroom = action.headroom;
    if (this.#drained.size > 0) assert(!this.#drained.has(action.side));
  }

  #otherOf(driver: Driver, mine: Side): Driver | undefined {
    const { server, client } = this.world;
    const other = mine === server ? client : server;
    return other.owner.drivers.find(({ stream }) => stream.id === driver.stream.id);
  }

  #sides(): Side[] {
    return [this.world.server, this.world.client];
  }

  /** Where bytes move one by one, fewer must do. */
  #scaled(bytes: number): number {
    const { maxChunkBytes, capacityBytes } = this.#setup;
    return Math.min(maxChunkBytes, capacityBytes) <= 100 ? 1 + bytes % 5_000 : bytes;
  }
}
