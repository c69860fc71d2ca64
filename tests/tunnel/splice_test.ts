import assert from "node:assert/strict";
import type { ConnectionHandler } from "../../src/runtime/types.ts";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { Pacer } from "../../src/mux/pacer.ts";
import type { Pacers } from "../../src/mux/paced_handler.ts";
import { Counters } from "../../src/observe/counters.ts";
import { HandoverConnection } from "../../src/tunnel/handover_connection.ts";
import { Splice } from "../../src/tunnel/splice.ts";
import { Splices } from "../../src/tunnel/splices.ts";
import { createEnvironment } from "../../src/tunnel/environment.ts";
import { DEFAULT_CLIENT_LIMITS } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { Plug } from "../mux/plug.ts";
import { randomFrom, runs, tick } from "../mux/support.ts";
import { MemoryLink } from "../support/memory_connection.ts";
import { FakeClock } from "./fake_clock.ts";

/** A visitor, a splice and a service; what the two send is a function of the position, so every byte is checked as it comes. */
class Line {
  readonly links: readonly [MemoryLink, MemoryLink];
  readonly visitor: Plug;
  readonly service: Plug;
  readonly splice: Splice;
  readonly pool = new BufferPool({ keepBytes: 1 << 22 });
  readonly readMemory: MemoryBudget;
  readonly counters = new Counters();
  closed = 0;
  readonly #random: (bound: number) => number;

  constructor(
    random: (bound: number) => number,
    options: { lendsSpace: boolean; budget?: number; read?: Uint8Array; pacers?: Pacers },
  ) {
    this.#random = random;
    this.readMemory = new MemoryBudget(options.budget ?? 1 << 20);
    const link = { random, lendsSpace: options.lendsSpace, capacityBytes: 10_000 };
    this.links = [new MemoryLink(link), new MemoryLink(link)];
    this.splice = new Splice({
      environment: { pool: this.pool, readMemory: this.readMemory, counters: this.counters },
      local: this.links[0].ends[0],
      tunnel: new HandoverConnection(this.links[1].ends[0]),
      ...(options.read === undefined ? {} : { read: options.read }),
      pacers: options.pacers,
      onClosed: () => this.closed++,
    });
    this.visitor = new Plug(this.links[0].ends[1], { mine: 1, theirs: 2 });
    this.service = new Plug(this.links[1].ends[1], { mine: 2, theirs: 1 });
  }

  async settle(): Promise<void> {
    for (;;) {
      await tick();
      const first = this.#random(2);
      if (!this.links[first]?.step() && !this.links[1 - first]?.step()) break;
    }
    await tick();
    for (const link of this.links) link.assertSound();
  }
}

test("A splice carries every byte both ways, and each end after the last of them, under random schedules", async () => {
  for (let seed = 0; seed < runs(60); seed++) {
    const random = randomFrom(seed);
    const line = new Line(random, { lendsSpace: seed % 2 === 0 });
    const { visitor, service } = line;
    const plugs = [visitor, service];
    for (let step = 0; step < 12; step++) {
      const plug = plugs[random(2)] as Plug;
      if (random(8) === 0) plug.finish();
      else plug.send(1 + random(30_000));
      if (random(3) === 0) await line.settle();
    }
    await line.settle();
    assert.equal(service.receivedBytes, visitor.sentBytes);
    assert.equal(visitor.receivedBytes, service.sentBytes);
    for (const plug of plugs) plug.finish();
    await line.settle();
    assert.equal(service.receivedBytes, visitor.queuedBytes);
    assert.equal(visitor.receivedBytes, service.queuedBytes);
    assert(visitor.ended && service.ended);
    assert.deepEqual([visitor.closed, service.closed, line.closed], [{ error: undefined }, {
      error: undefined,
    }, 1]);
    assert.equal(line.readMemory.usedBytes, 0);
    assert.equal(line.counters.bytesSent, visitor.sentBytes);
    assert.equal(line.counters.bytesReceived, service.sentBytes);
  }
});

test("A paced splice carries every byte both ways too, whatever is paid for while a slow reader still has the last chunk", async () => {
  for (let seed = 0; seed < runs(40); seed++) {
    const random = randomFrom(seed);
    const clock = new FakeClock();
    const rate = { clock, bytesPerSecond: seed % 3 === 0 ? 100_000 : 100_000_000 };
    const pacers = { sent: new Pacer(rate), received: new Pacer(rate) };
    const line = new Line(random, { lendsSpace: seed % 2 === 0, pacers });
    const plugs = [line.visitor, line.service];
    const bytes = plugs.map((plug) => {
      const count = 1 + random(150_000);
      plug.send(count);
      plug.finish();
      return count;
    });
    for (let turn = 0; turn < 100 && line.closed === 0; turn++) {
      await line.settle();
      clock.advance(100);
    }
    assert.deepEqual([line.service.receivedBytes, line.visitor.receivedBytes], bytes, `seed ${seed}`);
    assert.equal(line.closed, 1);
    assert.equal(pacers.sent.waiting + pacers.received.waiting, 0);
  }
});

test("A splice passes a reset on, from either side and at any time, and never as a clean end", async () => {
  for (let seed = 0; seed < runs(60); seed++) {
    const random = randomFrom(seed);
    const line = new Line(random, { lendsSpace: seed % 2 === 0 });
    const [one, other] = seed % 4 < 2 ? [line.visitor, line.service] : [line.service, line.visitor];
    one.send(random(50_000));
    other.send(random(50_000));
    for (let step = 0; step < random(200); step++) line.links[random(2)]?.step();
    one.abort();
    await line.settle();
    assert(other.closed?.error !== undefined, `seed ${seed}`);
    assert.equal(other.ended, false);
    assert.equal(line.closed, 1);
    assert.equal(line.readMemory.usedBytes, 0);
  }
});

test("A splice reads no more while the other side takes nothing", async () => {
  for (const lendsSpace of [true, false]) {
    const line = new Line((bound) => bound - 1, { lendsSpace });
    line.service.takes = false;
    line.links[1].ends[0].stalled = true;
    line.visitor.send(1 << 20);
    await line.settle();
    assert.equal(line.splice.stalled, true);
    const passed = line.links[0].ends[0].paused;
    assert.equal(passed, true);
    assert.equal(line.service.receivedBytes, 0);
    line.links[1].ends[0].stalled = false;
    line.service.takes = true;
    await line.settle();
    assert.equal(line.service.receivedBytes, 1 << 20);
    assert.equal(line.splice.stalled, false);
  }
});

test("A splice delivers first what was read before it, also when its reader is slow", async () => {
  for (let seed = 0; seed < runs(20); seed++) {
    const plain = new MemoryLink();
    const early = new Plug(plain.ends[0], { mine: 2, theirs: 1 });
    const bytes: Uint8Array[] = [];
    plain.ends[1].start(handlerOf((chunk) => bytes.push(chunk.slice())));
    early.send(3_000);
    while (plain.step());
    const read = bytes[0] as Uint8Array;
    const line = new Line(randomFrom(seed), { lendsSpace: seed % 2 === 0, read });
    // The service goes on where it was: its plug must not send the first bytes again.
    const got: number[] = [];
    line.visitor.data = (chunk) => got.push(...chunk) > 0;
    line.service.send(20_000);
    line.service.finish();
    await line.settle();
    assert.deepEqual(got.slice(0, read.length), [...read]);
    assert.equal(got.length, read.length + 20_000);
    assert(line.visitor.ended);
  }
});

test("A splice reads more at once while reads fill its buffer, as its budget allows, and gives the budget back", async () => {
  for (const budget of [0, 1 << 20]) {
    const line = new Line((bound) => bound - 1, { lendsSpace: true, budget });
    line.visitor.send(1 << 20);
    await line.settle();
    assert.equal(line.readMemory.usedBytes > 0, budget > 0);
    line.visitor.abort();
    await line.settle();
    assert.equal(line.readMemory.usedBytes, 0);
  }
});

function handlerOf(data: (chunk: Uint8Array) => void): ConnectionHandler {
  const space = new Uint8Array(8192);
  const nothing = (): void => {};
  return {
    space: () => space,
    data: (chunk) => {
      data(chunk);
      return true;
    },
    end: nothing,
    drain: nothing,
    close: nothing,
  };
}

test("HandoverConnection gives everything to its new owner, and the former one hears only a close", async () => {
  for (const lendsSpace of [true, false]) {
    const link = new MemoryLink({ lendsSpace });
    const far = new Plug(link.ends[1], { mine: 1, theirs: 2 });
    const heard: string[] = [];
    const handler = (name: string, data: () => boolean): ConnectionHandler => {
      const space = new Uint8Array(4);
      return {
        space: () => space,
        data: (chunk) => {
          heard.push(`${name} ${chunk.length}`);
          return data();
        },
        end: () => heard.push(`${name} end`),
        drain: () => heard.push(`${name} drain`),
        close: () => heard.push(`${name} close`),
      };
    };
    const first = new HandoverConnection(link.ends[0]);
    let second: HandoverConnection | undefined;
    first.start(handler("first", () => {
      second = first.take();
      second.start(handler("second", () => true));
      first.close();
      assert.equal(first.write(Uint8Array.of(1)), false);
      return false;
    }));
    far.send(4);
    while (link.step());
    await tick();
    far.send(4);
    far.finish();
    while (link.step());
    second?.closeWrite();
    while (link.step());
    await tick();
    assert.deepEqual(heard, ["first 4", "first close", "second 4", "second end", "second close"]);
    link.assertSound();
  }
});

test("HandoverConnection copies what arrives in the former owner's memory, before that one is told to close", async () => {
  const link = new MemoryLink({ lendsSpace: true });
  const far = new Plug(link.ends[1], { mine: 1, theirs: 2 });
  const memory = new Uint8Array(16);
  const first = new HandoverConnection(link.ends[0]);
  first.start({ ...handlerOf(() => {}), space: () => memory, close: () => memory.fill(0xdd) });
  while (link.step()); // The space is lent, and nothing has come.
  const got: number[] = [];
  first.take().start(handlerOf((chunk) => got.push(...chunk)));
  await tick();
  far.send(3);
  while (link.step());
  assert.equal(got.length, 3);
  assert(!got.includes(0xdd));
  assert.equal(memory[0], 0xdd);
});

/** A splice in a set of them, at a clock that stands still. */
function makeSplices(): {
  clock: FakeClock;
  splices: Splices;
  visitor: Plug;
  service: Plug;
  links: MemoryLink[];
} {
  const clock = new FakeClock();
  const environment = createEnvironment({ clock, counters: new Counters(), limits: DEFAULT_CLIENT_LIMITS });
  const splices = new Splices({
    environment,
    limits: { halfCloseLingerMs: 1_000, streamStallTimeoutMs: 2_000 },
  });
  const links = [new MemoryLink(), new MemoryLink()] as const;
  splices.join({ local: links[0].ends[0], tunnel: links[1].ends[0], onClosed: () => {} });
  const visitor = new Plug(links[0].ends[1], { mine: 1, theirs: 2 });
  const service = new Plug(links[1].ends[1], { mine: 2, theirs: 1 });
  return { clock, splices, visitor, service, links: [...links] };
}

async function settle(links: readonly MemoryLink[]): Promise<void> {
  while (links.some((link) => link.step())) await tick();
  await tick();
}

test("Splices reset one that is half-closed and has stood still for the linger, and not before", async () => {
  const { clock, splices, visitor, service, links } = makeSplices();
  visitor.finish();
  await settle(links);
  clock.advance(750);
  service.send(10); // Starts it anew.
  await settle(links);
  clock.advance(1_000);
  assert.equal(splices.size, 1);
  clock.advance(250);
  await settle(links);
  assert.equal(splices.size, 0);
  assert(visitor.closed?.error !== undefined && service.closed?.error !== undefined);
  assert.deepEqual(clock.delays, []);
});

test("Splices reset one whose reader has taken nothing for the deadline, and leave one alone that is only idle", async () => {
  const { clock, splices, visitor, links } = makeSplices();
  clock.advance(100_000);
  assert.equal(splices.size, 1);
  links[1]!.ends[0].stalled = true;
  visitor.send(1 << 20);
  await settle(links);
  clock.advance(2_000);
  assert.equal(splices.size, 1);
  clock.advance(250);
  await settle(links);
  assert.equal(splices.size, 0);
});

test("Splices.stop() waits for the end of the last, or resets all when the time is over", async () => {
  const ended = makeSplices();
  const stopped = ended.splices.stop({ clock: ended.clock, drainTimeoutMs: 500 });
  ended.visitor.finish();
  ended.service.finish();
  await settle(ended.links);
  await stopped;
  assert.equal(ended.visitor.closed?.error, undefined);
  const late = makeSplices();
  const reset = late.splices.stop({ clock: late.clock, drainTimeoutMs: 500 });
  late.clock.advance(500);
  await tick();
  await settle(late.links);
  await reset;
  assert(late.visitor.closed?.error !== undefined);
});
