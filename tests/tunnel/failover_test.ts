import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import type { SocketAddress } from "../../src/runtime/types.ts";
import { RetryPolicy } from "../../src/tunnel/retry_policy.ts";
import { ServerChoice } from "../../src/tunnel/server_choice.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";
import { freePort } from "./sockets.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, until, World } from "./world.ts";

/** Short, so that heartbeats are not missed when the clock moves by it. */
const FAILBACK_MS = 1_234;

function servers(...names: string[]): SocketAddress[] {
  return names.map((hostname) => ({ hostname, port: 1 }));
}

function loopback(port: number): SocketAddress {
  return { hostname: "127.0.0.1", port };
}

test("ServerChoice goes through the servers in order, and begins again from the first", () => {
  const choice = new ServerChoice({ servers: servers("a", "b", "c"), order: "in_order" });
  const seen: string[] = [];
  for (let dial = 0; dial < 7; dial++) {
    seen.push(`${choice.current.hostname}${choice.failed() ? "!" : ""}`);
  }
  assert.deepEqual(seen, ["a", "b", "c!", "a", "b", "c!", "a"]);
  assert.equal(choice.current.hostname, "b");
  choice.newRound();
  assert.equal(choice.current.hostname, "a");
});

test("ServerChoice prefers the first server in order, and none at random", () => {
  const inOrder = new ServerChoice({ servers: servers("a", "b", "c"), order: "in_order" });
  const seen: (string | undefined)[] = [];
  for (let dial = 0; dial < 4; dial++) {
    seen.push(inOrder.preferred?.hostname);
    inOrder.failed();
  }
  assert.deepEqual(seen, [undefined, "a", "a", undefined]);
  const random = new ServerChoice({ servers: servers("a", "b", "c"), order: "random", random: () => 0.5 });
  random.failed();
  assert.equal(random.preferred, undefined);
  assert.equal(new ServerChoice({ servers: servers("a"), order: "in_order" }).several, false);
  assert.throws(() => new ServerChoice({ servers: [], order: "in_order" }), TypeError);
});

test("ServerChoice at random tries each server once a round, every order as often as every other", () => {
  const counts = new Map<string, number>();
  const choice = new ServerChoice({ servers: servers("a", "b", "c"), order: "random", random: mulberry(1) });
  for (let round = 0; round < 6_000; round++) {
    let order = "";
    for (let over = false; !over;) {
      order += choice.current.hostname;
      over = choice.failed();
    }
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), ["abc", "acb", "bac", "bca", "cab", "cba"]);
  for (const [order, count] of counts) assert.ok(count > 800 && count < 1_200, `${order}: ${count}`);
});

/** Numbers from 0 to 1, the same each time. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("RetryPolicy gives up on a wrong token or version only when no server is left, and never after it was right", () => {
  const wrong = new TunnelError("AUTHENTICATION", "No");
  const searching = { searching: true };
  const policy = new RetryPolicy({ servers: 2, nextServer: () => false });
  assert.equal(policy.failed(wrong, searching), "at_once");
  assert.equal(policy.failed(new TunnelError("VERSION", "Old"), searching), "never");
  policy.connected();
  assert.equal(policy.failed(new TunnelError("VERSION", "Old"), searching), "at_once");
  assert.deepEqual(policy.failed(wrong, searching), "at_once");
  const other = new RetryPolicy({ servers: 1, nextServer: () => true });
  assert.deepEqual(other.failed(new TunnelError("LIMIT", "Full"), searching), { atLeastMs: 5_000 });
  assert.deepEqual(other.failed(new Error("Refused"), searching), { atLeastMs: 0 });
  assert.deepEqual(other.failed(wrong, { searching: false }), { atLeastMs: 30_000 });
  other.connected();
  assert.deepEqual(other.failed(wrong, searching), { atLeastMs: 30_000 });
  assert.equal(other.failed(new TunnelError("VERSION", "Old"), searching), "never");
});

test("A client takes the next server at once when the first cannot be reached", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const gone = await freePort();
  const options = { server: [loopback(gone), loopback(port)], services: [service("echo", echo.port)] };
  const { client, events } = world.client(0, options, { random: () => 1 });
  const publicPort = portOf((await client.ready)[0]?.publicUrl);
  assert.equal(await roundTrip(world, publicPort, "there"), "there");
  assert.deepEqual(events.of("disconnected").map(({ retryInMs }) => retryInMs), [0]);
  assert.equal(client.status().server, `127.0.0.1:${port}`);
  assert.deepEqual(client.status().servers, [`127.0.0.1:${gone}`, `127.0.0.1:${port}`]);
  assert.equal(server.status().clients.length, 1);
});

test("When no server can be reached the client waits only after it has tried all", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const list = [loopback(await freePort()), loopback(await freePort()), loopback(await freePort())];
  const limits = { reconnectMinMs: 1_000, reconnectMaxMs: 1_000 };
  const options = { server: list, services: [service("any", 1)], limits };
  const { events } = world.client(0, options, { clock, random: () => 1 });
  const waits: number[] = [];
  for (let dial = 0; dial < 6; dial++) {
    const { retryInMs } = await events.next("disconnected");
    waits.push(retryInMs);
    clock.advance(retryInMs);
  }
  assert.deepEqual(waits, [0, 0, 1_000, 0, 0, 1_000]);
});

test("A client that loses its server goes to the next, and back to the first when that is there again", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const first = await world.server();
  const second = await world.server();
  const echo = await world.echo();
  const { client, events } = world.client(0, {
    server: [loopback(first.port), loopback(second.port)],
    services: [service("echo", echo.port)],
    limits: { failbackIntervalMs: FAILBACK_MS },
  }, { clock, random: () => 0 });
  await client.ready;
  assert.equal((await events.next("connected")).server.port, first.port);
  assert.ok(!clock.delays.includes(FAILBACK_MS));
  await first.server.stop();
  await events.next("disconnected");
  clock.advance(0);
  await events.next("disconnected"); // The first is gone.
  clock.advance(0);
  assert.equal((await events.next("connected")).server.port, second.port);
  const old = await events.next("service_ready");
  const visitor = await world.visitor(portOf(old.publicUrl));
  visitor.write("on the second");
  assert.equal(await visitor.readText(13), "on the second");

  clock.advance(FAILBACK_MS); // Still gone.
  await clock.timerOf(FAILBACK_MS);
  const again = await world.server({ bind: loopback(first.port) });
  clock.advance(FAILBACK_MS);
  assert.equal((await events.next("connected")).server.port, first.port);
  const { publicUrl } = await events.next("service_ready");
  assert.equal(await roundTrip(world, portOf(publicUrl), "back"), "back");
  assert.equal(client.status().server, `127.0.0.1:${first.port}`);
  assert.equal((await second.events.next("service_released")).service, "echo");
  visitor.write("still on the second");
  assert.equal(await visitor.readText(19), "still on the second");
  visitor.end();
  await visitor.ended;
  await until(() => second.server.status().clients.length === 0);
  assert.equal(again.server.status().clients.length, 1);
  assert.ok(!clock.delays.includes(FAILBACK_MS));
  assert.equal(events.of("disconnected").length, 2);
});

test("Parallel and direct connections move to the other server together with the first", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const away = await freePort();
  const second = await world.server();
  const echo = await world.echo();
  const { client } = world.client(0, {
    server: [loopback(away), loopback(second.port)],
    connections: 3,
    directPool: 2,
    services: [service("echo", echo.port), service("ssh", echo.port, { mode: "direct" })],
    limits: { failbackIntervalMs: FAILBACK_MS },
  }, { clock, random: () => 0 });
  await clock.timerOf(0);
  clock.advance(0);
  await client.ready;
  await until(() => second.server.status().clients.map(({ direct }) => direct.idle).join() === "2,2,2");
  const first = await world.server({ bind: loopback(away) });
  clock.advance(FAILBACK_MS);
  await until(() => first.server.status().clients.map(({ direct }) => direct.idle).join() === "2,2,2");
  await until(() => second.server.status().clients.length === 0);
  await until(() => client.connected);
  for (const { publicUrl } of client.status().services) {
    assert.equal(await roundTrip(world, portOf(publicUrl), "moved"), "moved");
  }
});

test("A server that refuses the token is passed over, and the client gives up only when all have", async () => {
  await using world = new World();
  const foreign = await world.server({ tokens: [{ name: "other", token: OTHER_TOKEN }] });
  const own = await world.server();
  const services = [service("any", 1)];
  const both = world.client(0, { server: [loopback(foreign.port), loopback(own.port)], services });
  await both.client.ready;
  const none = world.client(0, { server: [loopback(foreign.port), loopback(foreign.port)], services });
  await assert.rejects(none.client.ready, { code: "AUTHENTICATION" });
  await assert.rejects(none.client.closed, { code: "AUTHENTICATION" });
});

test("Servers at random are all used, and none is preferred", async () => {
  await using world = new World();
  const ports = [(await world.server()).port, (await world.server()).port];
  const clock = new FakeClock();
  for (const [draw, expected] of [[0, ports[0]], [0.99, ports[1]]] as const) {
    const options = {
      server: ports.map(loopback),
      serverOrder: "random" as const,
      services: [service(`s${draw}`, 1)],
    };
    const { client, events } = world.client(0, options, { clock, random: () => draw });
    assert.equal((await events.next("connected")).server.port, expected);
    await client.ready;
    assert.ok(!clock.delays.includes(FAILBACK_MS));
  }
});
