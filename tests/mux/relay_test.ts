import assert from "node:assert/strict";
import fc from "fast-check";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import { SendCredit } from "../../src/mux/credit.ts";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { Relay } from "../../src/tunnel/relay.ts";
import { test } from "../harness.ts";
import { MemoryLink } from "../support/memory_connection.ts";
import { makeStream } from "./lone_stream.ts";
import { Plug } from "./plug.ts";
import { dispose, makeWorld, randomFrom, runs, tick, type World } from "./support.ts";

interface Pair {
  readonly visitor: Plug;
  readonly visitorLink: MemoryLink;
  service: Plug | undefined;
  serviceLink: MemoryLink | undefined;
  aborted: boolean;
}

/** Visitors whose sockets are relayed through two sessions to services. */
class RelayBench {
  readonly world: World;
  readonly pairs: Pair[] = [];
  readonly readMemory = [new MemoryBudget(1 << 20), new MemoryBudget(1 << 20)] as const;
  readonly #random: (bound: number) => number;
  readonly #lendsSpace: boolean;
  readonly #byStream = new Map<number, Pair>();

  constructor(seed: number, lendsSpace: boolean) {
    this.#random = randomFrom(seed);
    this.#lendsSpace = lendsSpace;
    this.world = makeWorld({
      random: this.#random,
      lendsSpace,
      capacityBytes: 30_000,
      limits: { windowBytes: 20_000, maxWindowBytes: 200_000 },
    });
    const { client } = this.world;
    client.owner.peerOpened = (stream) => {
      const pair = this.#byStream.get(stream.id);
      assert(pair !== undefined);
      const relay = new Relay(stream, {
        environment: { pool: client.environment.pool, readMemory: this.readMemory[1] },
      });
      const link = pair.serviceLink = this.#link();
      stream.accept();
      relay.join(link.ends[0]);
      pair.service = new Plug(link.ends[1], { mine: 100, theirs: stream.id });
      return undefined;
    };
  }

  visit(): void {
    const { session, environment } = this.world.server;
    const link = this.#link();
    const stream = session.openStream({ protocol: "tcp" });
    const relay = new Relay(stream, {
      environment: { pool: environment.pool, readMemory: this.readMemory[0] },
    });
    relay.join(link.ends[0]);
    const visitor = new Plug(link.ends[1], { mine: stream.id, theirs: 100 });
    const pair = { visitor, visitorLink: link, service: undefined, serviceLink: undefined, aborted: false };
    this.pairs.push(pair);
    this.#byStream.set(stream.id, pair);
  }

  async steps(count: number): Promise<boolean> {
    let moved = true;
    for (let i = 0; i < count && moved; i++) {
      await tick();
      const links = [this.world.link, ...this.#links()];
      const first = this.#random(links.length);
      moved = [...links.slice(first), ...links.slice(0, first)].some((link) => link.step());
    }
    return moved;
  }

  async settle(): Promise<void> {
    while (await this.steps(100));
    await tick();
  }

  assertSound(): void {
    for (const link of this.#links()) link.assertSound();
  }

  #links(): MemoryLink[] {
    return this.pairs.flatMap((
      { visitorLink, serviceLink },
    ) => [visitorLink, ...(serviceLink ? [serviceLink] : [])]);
  }

  #link(): MemoryLink {
    return new MemoryLink({ random: this.#random, lendsSpace: this.#lendsSpace, capacityBytes: 10_000 });
  }
}

test("A relay does not return a buffer to the pool while the session may still be writing from it", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const { stream } = makeStream();
  const link = new MemoryLink();
  const relay = new Relay(stream, { environment: { pool, readMemory: new MemoryBudget(1 << 20) } });
  relay.join(link.ends[0]);
  const visitor = new Plug(link.ends[1], { mine: 1, theirs: 2 });
  visitor.send(500);
  while (link.step());
  const lent = stream.chunk;
  assert(lent !== undefined);
  stream.framed(500, false); // The session is writing it; then the peer closes the stream.
  stream.closeReceived({ kind: "error", message: "gone" });
  while (link.step());
  assert(visitor.closed !== undefined);
  assert.equal(pool.freeBytes, 0);
  assert.notEqual(pool.take(500).buffer, lent.buffer);
});

test("A relay returns its buffer to the pool when nothing is being sent from it", () => {
  const pool = new BufferPool({ keepBytes: 1 << 20 });
  const { stream } = makeStream();
  const link = new MemoryLink();
  const relay = new Relay(stream, { environment: { pool, readMemory: new MemoryBudget(1 << 20) } });
  relay.join(link.ends[0]);
  const visitor = new Plug(link.ends[1], { mine: 1, theirs: 2 });
  visitor.send(500);
  while (link.step());
  stream.framed(500, false);
  stream.released();
  while (link.step());
  stream.closeReceived({ kind: "error", message: "gone" });
  while (link.step());
  assert(visitor.closed !== undefined);
  assert(pool.freeBytes > 0);
});

test("A relay reads more at once while reads fill its buffer, as its budget allows, and gives the budget back", () => {
  for (const limitBytes of [0, 15 * 1024, 1 << 20]) {
    const readMemory = new MemoryBudget(limitBytes);
    const { stream } = makeStream({ sendCredit: new SendCredit(Infinity) });
    const link = new MemoryLink({ capacityBytes: 1 << 22, maxChunkBytes: 1 << 20 });
    const pool = new BufferPool({ keepBytes: 1 << 20 });
    new Relay(stream, { environment: { pool, readMemory } }).join(link.ends[0]);
    const visitor = new Plug(link.ends[1], { mine: 1, theirs: 2 });
    visitor.send(1 << 21);
    let largest = 0;
    for (let moved = true; moved;) {
      while (link.step());
      moved = stream.chunk !== undefined;
      const bytes = (stream.chunk?.length ?? 0) - stream.chunkStart;
      largest = Math.max(largest, bytes);
      if (moved) stream.framed(bytes, false);
      stream.released();
    }
    // The first KiB is free: 4 KiB take three of the budget, 16 KiB fifteen in all.
    const expected = { 0: 1, [15 * 1024]: 16, [1 << 20]: 256 }[limitBytes] as number;
    assert.equal(largest, expected * 1024 - 16);
    assert.equal(readMemory.usedBytes, (expected - 1) * 1024);
    stream.closeReceived({ kind: "error", message: "gone" });
    while (link.step());
    assert.equal(readMemory.usedBytes, 0);
  }
});

const act = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant("visit" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("send" as const, "answer" as const),
      pair: fc.nat(5),
      bytes: fc.integer({ min: 1, max: 60_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("end" as const, "endAnswer" as const, "abort" as const, "abortService" as const),
      pair: fc.nat(5),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("takes" as const), pair: fc.nat(5), takes: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("steps" as const), count: fc.integer({ min: 1, max: 60 }) }),
  },
);

test("Relays carry every byte between visitors and services, and tell of every abort", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.boolean(),
      fc.array(act, { minLength: 20, maxLength: 80, size: "max" }),
      async (seed, lendsSpace, acts) => {
        const bench = new RelayBench(seed, lendsSpace);
        bench.visit();
        for (const each of acts) {
          if (each.type === "visit") {
            if (bench.pairs.length < 12) bench.visit();
            continue;
          }
          if (each.type === "steps") {
            await bench.steps(each.count);
            continue;
          }
          const pair = bench.pairs.at(-1 - each.pair % bench.pairs.length) as Pair;
          if (each.type === "send") pair.visitor.send(each.bytes);
          else if (each.type === "answer") pair.service?.send(each.bytes);
          else if (each.type === "end") pair.visitor.finish();
          else if (each.type === "endAnswer") pair.service?.finish();
          else if (each.type === "takes") pair.visitor.takes = each.takes;
          else {
            pair.aborted = true;
            (each.type === "abort" ? pair.visitor : pair.service ?? pair.visitor).abort();
          }
        }
        for (const { visitor } of bench.pairs) visitor.takes = true;
        await bench.settle();
        for (const { visitor, service } of bench.pairs) {
          visitor.finish();
          service?.finish();
        }
        await bench.settle();
        for (const { visitor, service, aborted } of bench.pairs) {
          assert(visitor.closed !== undefined && service?.closed !== undefined, "a socket stayed open");
          if (aborted) continue;
          assert.equal(service.receivedBytes, visitor.queuedBytes);
          assert.equal(visitor.receivedBytes, service.queuedBytes);
          assert.deepEqual([visitor.closed.error, service.closed.error], [undefined, undefined]);
        }
        const { server, client } = bench.world;
        assert.equal(server.session.streamCount + client.session.streamCount, 0);
        assert.equal(server.session.closingCount + client.session.closingCount, 0);
        assert.deepEqual(bench.readMemory.map((budget) => budget.usedBytes), [0, 0]);
        bench.assertSound();
        await dispose(bench.world);
      },
    ),
    { numRuns: runs(40) },
  );
}, { timeoutMs: 600_000 });
