import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { FakeClock } from "../tunnel/fake_clock.ts";
import type { PuppetServer } from "../tunnel/puppet.ts";
import { sharedService, type TestClient, World } from "../tunnel/world.ts";

interface Fixture extends TestClient {
  readonly puppets: PuppetServer;
  readonly clock: FakeClock;
}

/** A client on a clock that stands still, whose waits are as long as their bounds. */
async function fixture(world: World): Promise<Fixture> {
  const puppets = await world.puppetServer();
  const clock = new FakeClock();
  const limits = { reconnectMinMs: 500, reconnectMaxMs: 30_000 };
  const options = { services: [sharedService("a", 1)], limits };
  return { ...world.client(puppets.port, options, { clock, random: () => 1 }), puppets, clock };
}

test("H16: a client whose token is no longer taken dials again twice a minute at most", async () => {
  await using world = new World();
  const { puppets, clock, events, client } = await fixture(world);
  const first = await puppets.accepted();
  await first.welcome();
  await first.expect("register");
  await first.socket.destroy();
  let { retryInMs } = await events.next("disconnected");
  assert.equal(retryInMs, 500);
  for (let round = 0; round < 10; round++) {
    const dials = puppets.dials;
    clock.advance(retryInMs - 1);
    assert.equal(clock.delays.includes(retryInMs), true, "it still waits");
    assert.equal(puppets.dials, dials);
    clock.advance(1);
    const puppet = await puppets.accepted();
    await puppet.expect("handshake");
    puppet.answer("invalid_token");
    const disconnected = await events.next("disconnected");
    assert.match(disconnected.reason, /refused the token/);
    retryInMs = disconnected.retryInMs;
    assert.ok(retryInMs >= 30_000, `${retryInMs} ms`);
  }
  assert.equal(puppets.dials, 11);
  // The token was rotated at the server and is right again.
  clock.advance(retryInMs);
  const last = await puppets.accepted();
  await last.welcome();
  await last.expect("register");
  last.send({ type: "register_ack", publicUrl: "tcp://127.0.0.1:1", status: "success" });
  await client.ready;
  await last.socket.destroy(); // A stop would wait for it to read the GoAway, and the clock stands still.
});

test("H16: a server that takes the client and drops it is dialled ever more slowly (P6)", async () => {
  await using world = new World();
  const { puppets, clock, events } = await fixture(world);
  const waits: number[] = [];
  for (let round = 0; round < 8; round++) {
    const puppet = await puppets.accepted();
    await puppet.welcome();
    await puppet.expect("register");
    await events.next("connected");
    await puppet.socket.destroy();
    const { retryInMs } = await events.next("disconnected");
    waits.push(retryInMs);
    clock.advance(retryInMs);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test("P6: a link that dies without a word soon after each dial is dialled ever more slowly", async () => {
  await using world = new World();
  const { puppets, clock, events } = await fixture(world);
  const waits: number[] = [];
  for (let round = 0; round < 8; round++) {
    const puppet = await puppets.accepted();
    await puppet.welcome();
    await puppet.expect("register");
    await events.next("connected");
    // The link is gone for longer than a connection has to last; it is noticed within that time.
    clock.advance(30_000);
    const { reason, retryInMs } = await events.next("disconnected");
    assert.match(reason, /answered no heartbeat/);
    waits.push(retryInMs);
    clock.advance(retryInMs);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

for (const [upMs, waitsMs] of [[29_000, [500, 1_000, 2_000]], [30_000, [500, 500, 500]]] as const) {
  test(`P6: waits ${upMs < 30_000 ? "grow" : "do not grow"} when a link is up for ${upMs} ms before it dies`, async () => {
    await using world = new World();
    const { puppets, clock, events } = await fixture(world);
    const waits: number[] = [];
    while (waits.length < waitsMs.length) {
      const puppet = await puppets.accepted();
      await puppet.welcome();
      await puppet.expect("register");
      await events.next("connected");
      for (let passed = 0; passed < upMs; passed += 1_000) {
        clock.advance(1_000);
        // What a live link does: it brings an answer, and the client is seen to have taken it.
        puppet.send({ type: "heartbeat_ack", timestamp: 0n });
        puppet.send({ type: "heartbeat", timestamp: 0n });
        await puppet.expect("heartbeat_ack");
      }
      clock.advance(30_000);
      const { retryInMs } = await events.next("disconnected");
      waits.push(retryInMs);
      clock.advance(retryInMs);
    }
    assert.deepEqual(waits, waitsMs);
  });
}

test("H16: only a connection that lasted 30 s starts the waits anew", async () => {
  await using world = new World();
  const { puppets, clock, events } = await fixture(world);
  const lifetimes = [0, 0, 0, 29_999, 30_000, 0];
  const waits: number[] = [];
  for (const lifetimeMs of lifetimes) {
    const puppet = await puppets.accepted();
    await puppet.welcome();
    await puppet.expect("register");
    await events.next("connected");
    // Time passes in steps in which the server gives signs of life.
    for (let passed = 0; passed < lifetimeMs; passed += 5_000) {
      puppet.send({ type: "heartbeat_ack", timestamp: 0n });
      puppet.send({ type: "heartbeat", timestamp: BigInt(passed) });
      await puppet.expect("heartbeat_ack");
      clock.advance(Math.min(5_000, lifetimeMs - passed));
    }
    await puppet.socket.destroy();
    const { retryInMs } = await events.next("disconnected");
    waits.push(retryInMs);
    clock.advance(retryInMs);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 500, 1_000]);
});

for (const status of ["rate_limited", "tunnel_id_taken"] as const) {
  test(`H16: a client that is told ${status} waits at least 5 s`, async () => {
    await using world = new World();
    const { puppets, events } = await fixture(world);
    const puppet = await puppets.accepted();
    await puppet.expect("handshake");
    puppet.answer(status);
    assert.equal((await events.next("disconnected")).retryInMs, 5_000);
  });
}
