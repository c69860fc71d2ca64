import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { MIN_MARK_BYTES } from "../../src/mux/flight.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { makeRawPeer, open } from "./raw_peer.ts";
import { dispose, makeWorld } from "./support.ts";

const MIB = 1024 * 1024;

for (const lendsSpace of [true, false]) {
  const style = lendsSpace ? "lent" : "own";
  for (const opener of ["server", "client"] as const) {
    test(`Session carries bytes both ways on a stream of the ${opener}, ${style} buffers`, async () => {
      const world = makeWorld({ lendsSpace });
      const mine = world[opener];
      const theirs = opener === "server" ? world.client : world.server;
      const a = mine.open();
      a.send(300_000);
      a.finish();
      await world.settle();
      const [b] = theirs.owner.drivers;
      assert(b !== undefined);
      assert.equal(b.stream.id, opener === "server" ? 2 : 1);
      assert.equal(a.acceptances, 1);
      assert.equal(b.consumedBytes, 300_000);
      assert(b.ended && !b.closed);
      b.send(400_000);
      b.finish();
      await world.settle();
      assert.equal(a.consumedBytes, 400_000);
      assert(a.clean && b.clean);
      assert.equal(mine.session.closingCount + theirs.session.closingCount, 0);
      assert.equal(mine.environment.counters.bytesSent, 300_000);
      assert.equal(mine.environment.counters.bytesReceived, 400_000);
      await dispose(world);
    });
  }
}

for (const first of ["opener", "acceptor"] as const) {
  test(`Session carries 4 MiB after the end of the ${first}'s direction`, async () => {
    const world = makeWorld();
    const a = world.server.open();
    await world.settle();
    const b = world.client.owner.drivers[0]!;
    const [ender, other] = first === "opener" ? [a, b] : [b, a];
    ender.finish();
    await world.settle();
    assert(other.ended && !other.closed && !ender.closed);
    other.send(4 * MIB);
    other.finish();
    await world.settle();
    assert.equal(ender.consumedBytes, 4 * MIB);
    assert(a.clean && b.clean);
    await dispose(world);
  });
}

for (const first of ["opener", "acceptor"] as const) {
  test(`With a peer of version 1, too, 4 MiB follow the end of the ${first}'s direction`, async () => {
    const world = makeWorld({ extended: false });
    const a = world.server.open();
    await world.settle();
    const b = world.client.owner.drivers[0]!;
    const [ender, other] = first === "opener" ? [a, b] : [b, a];
    ender.send(100_000);
    ender.finish();
    await world.settle();
    assert.equal(other.consumedBytes, 100_000);
    assert(other.ended && !other.closed && !ender.closed);
    other.send(4 * MIB);
    other.finish();
    await world.settle();
    assert.equal(ender.consumedBytes, 4 * MIB);
    assert(a.clean && b.clean);
    assert.equal(world.server.session.closingCount + world.client.session.closingCount, 0);
    await dispose(world);
  });
}

test("Windows grow to what the round trip needs, within the maximum, and give their growth back", async () => {
  const world = makeWorld({ beats: true, limits: { windowBytes: 10_000, maxWindowBytes: 1_000_000 } });
  const a = world.server.open();
  // Half of the round trip passes before each turn of the link.
  for (let i = 0; i < 100; i++) {
    a.send(200_000);
    world.clock.advance(20);
    await world.settle();
  }
  const [b] = world.client.owner.drivers;
  assert(b !== undefined);
  assert.equal(b.consumedBytes, 100 * 200_000);
  assert(b.stream.receiveCreditBytes > 100_000 && b.stream.receiveCreditBytes <= 1_000_000);
  await dispose(world);
});

test("A stalled reader holds up its own stream and no other", async () => {
  const world = makeWorld({ limits: { windowBytes: 64 * 1024 } });
  world.client.owner.eager = false;
  const stalled = Array.from({ length: 20 }, () => world.server.open());
  for (const driver of stalled) driver.send(MIB);
  await world.settle();
  world.client.owner.eager = true;
  const fast = world.server.open();
  fast.send(2 * MIB);
  fast.finish();
  await world.settle();
  assert.equal(world.client.owner.drivers.at(-1)?.consumedBytes, 2 * MIB);
  for (const driver of world.client.owner.drivers.slice(0, -1)) assert.equal(driver.receivedBytes, 64 * 1024);
  for (const driver of stalled) assert.equal(driver.stream.creditBytes, 0);
  for (const driver of world.client.owner.drivers) driver.relax();
  await world.settle();
  for (const driver of world.client.owner.drivers.slice(0, -1)) assert.equal(driver.consumedBytes, MIB);
  await dispose(world);
});

test("A reset tells both sides, and data that was on its way is dropped without a trace", async () => {
  const world = makeWorld();
  world.client.owner.eager = false;
  for (let i = 0; i < 300; i++) {
    const a = world.server.open();
    a.send(5_000);
    for (let step = 0; step < i % 7; step++) world.link.step();
    const b = world.client.owner.drivers.find((driver) => driver.stream.id === a.stream.id);
    b?.send(3_000);
    (i % 2 === 0 ? a : b ?? a).reset();
  }
  await world.settle();
  for (const { session, owner, environment } of [world.server, world.client]) {
    assert.equal(session.streamCount, 0);
    assert.equal(session.closingCount, 0);
    assert.equal(session.bufferedBytes, 0);
    assert.equal(environment.memory.usedBytes, 0);
    assert.equal(environment.counters.get("protocol_errors"), 0);
    for (const driver of owner.drivers) assert.equal(driver.closes[0]?.kind === undefined, false);
  }
  await dispose(world);
});

test("A stream that the owner refuses is closed with its reason, and its data is dropped", async () => {
  const world = makeWorld();
  world.client.owner.refusal = "not here";
  const a = world.server.open();
  a.send(1_000);
  await world.settle();
  assert.deepEqual(a.closes, [{ kind: "error", message: "not here" }]);
  assert.equal(world.client.session.closingCount, 0);
  assert.equal(world.server.session.streamCount + world.client.session.streamCount, 0);
  await dispose(world);
});

test("Session.openStream() opens as many streams as the limit allows and refuses one more", async () => {
  const world = makeWorld({ limits: { maxStreams: 3 } });
  const drivers = [world.server.open(), world.server.open(), world.server.open()];
  assert.throws(() => world.server.open(), (error) => error instanceof TunnelError && error.code === "LIMIT");
  drivers[0]?.reset();
  const again = world.server.open();
  assert.equal(again.stream.id, 8);
  await world.settle();
  assert(!again.closed);
  assert.equal(world.server.session.streamCount, 3);
  await dispose(world);
});

test("A peer's stream beyond the limit is refused, and one fewer makes room", async () => {
  const world = makeWorld({ clientLimits: { maxStreams: 2 } });
  const [first, second, third] = [world.server.open(), world.server.open(), world.server.open()];
  await world.settle();
  assert.deepEqual([first.closed, second.closed, third.closed], [false, false, true]);
  assert.equal(world.client.environment.counters.get("limits_hit", "max_streams"), 1);
  first.reset();
  await world.settle();
  const next = world.server.open();
  await world.settle();
  assert.equal(next.acceptances, 1);
  await dispose(world);
});

test("Session.drain() takes what the peer opened before it knew, then no more, and waits for the open ones", async () => {
  const world = makeWorld();
  const a = world.server.open();
  await world.settle();
  let drained = false;
  const draining = world.client.session.drain("shutting_down").then(() => drained = true);
  const crossing = world.server.open();
  await world.settle();
  assert.deepEqual(world.server.owner.goAways, ["shutting_down"]);
  assert.deepEqual(crossing.closes, []);
  assert.throws(
    () => world.server.open(),
    (error) => error instanceof TunnelError && error.code === "CLOSED",
  );
  assert.throws(
    () => world.client.open(),
    (error) => error instanceof TunnelError && error.code === "CLOSED",
  );
  assert.equal(drained, false);
  a.send(100_000);
  a.finish();
  crossing.finish();
  for (const driver of world.client.owner.drivers) driver.finish();
  await world.settle();
  await draining;
  assert(a.clean);
  assert(crossing.clean);
  assert.equal(world.client.owner.drivers[0]?.consumedBytes, 100_000);
  await dispose(world);
});

test("Session.close() ends every stream with a reason, on both sides", async () => {
  const world = makeWorld();
  const drivers = [world.server.open(), world.client.open()];
  for (const driver of drivers) driver.send(10 * MIB);
  for (let i = 0; i < 40; i++) world.link.step();
  world.server.session.close("enough", "replaced");
  world.server.session.close("again");
  await world.settle();
  assert.deepEqual(world.server.owner.ends, [{ code: "replaced", message: "enough" }]);
  assert.equal(world.client.owner.ends.length, 1);
  for (const driver of drivers) assert.equal(driver.closes[0]?.kind, "error");
  assert.throws(
    () => world.server.open(),
    (error) => error instanceof TunnelError && error.code === "CLOSED",
  );
  await dispose(world);
});

test("A lost connection ends both sessions", async () => {
  const world = makeWorld();
  const a = world.server.open();
  a.send(1_000_000);
  await world.settle();
  world.link.ends[0].break();
  await world.settle();
  assert.equal(world.server.owner.ends[0]?.code, "connection_lost");
  assert.equal(world.client.owner.ends[0]?.code, "connection_lost");
  await dispose(world);
});

test("Session.probe() answers whether the peer is there", async () => {
  const world = makeWorld();
  const alive = world.server.session.probe(500);
  await world.settle();
  assert.equal(await alive, true);
  world.link.ends[0].stalled = true;
  const dead = world.server.session.probe(500);
  await world.pass(500);
  assert.equal(await dead, false);
  const pending = world.server.session.probe(500);
  world.server.session.close("over");
  assert.equal(await pending, false, "the end of the session answers");
  assert.equal(await world.server.session.probe(500), false);
  await dispose(world);
});

test("Session ends when the peer answers no mark among the data, though it sends heartbeats and the kernel takes all", async () => {
  const peer = makeRawPeer({ limits: { writeStallTimeoutMs: 20_000, deadAfterMs: 1_000_000 } });
  await peer.say(open(1));
  peer.owner.drivers[0]?.send(MIN_MARK_BYTES);
  await peer.settle();
  const marks = peer.heard.filter(({ type }) => type === "heartbeat");
  assert.equal(marks.length, 1);
  const beat = encodeControl({ type: "heartbeat", timestamp: 1n });
  for (let second = 0; second < 19; second++) {
    peer.clock.advance(1_000);
    await peer.say(beat);
  }
  assert.equal(peer.session.over, false);
  peer.clock.advance(3_000);
  assert.equal(peer.owner.ends[0]?.code, "write_stalled");
});
