import assert from "node:assert/strict";
import { formatCapabilities, type GroupPlace, parseCapabilities } from "../../src/wire/capabilities.ts";
import type { HandshakeAck } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";
import type { Puppet } from "./puppet.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, type TestClient, TOKEN, until, World } from "./world.ts";

const INSTANCE = "00112233445566778899aabbccddeeff";
const OTHER_INSTANCE = "ffeeddccbbaa99887766554433221100";

/** Waits until the client has `count` connections and its services. */
async function connected({ client }: TestClient, count: number): Promise<void> {
  await client.ready;
  await until(() => client.status().connections.filter((one) => one.connected).length === count);
  await until(() => client.connected);
}

function handshake(
  puppet: Puppet,
  group: GroupPlace,
  instance = INSTANCE,
  token = TOKEN,
): Promise<HandshakeAck> {
  const capabilities = formatCapabilities({ window: 65536, services: true, instance, group });
  return puppet.handshake({ token, tunnelId: "home", capabilities });
}

test("A client keeps as many connections as it is told, and its visitors are spread over them", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const one = world.client(port, { connections: 4, services: [service("echo", echo.port)] });
  await connected(one, 4);
  const publicPort = portOf((await one.client.ready)[0]?.publicUrl);
  const visitors = await Promise.all(Array.from({ length: 10 }, () => world.visitor(publicPort)));
  for (const visitor of visitors) {
    visitor.write("hello");
    assert.equal(await visitor.readText(5), "hello");
  }
  const { clients } = server.status();
  assert.deepEqual(clients.map(({ member }) => member).sort(), [0, 1, 2, 3]);
  assert.deepEqual(clients.map((member) => member.streams).sort(), [2, 2, 3, 3]);
  const { connections, streams } = one.client.status();
  assert.deepEqual(connections.map((connection) => connection.streams).sort(), [2, 2, 3, 3]);
  assert.equal(streams, 10);
  assert.equal(server.counters.get("sessions_opened"), 4);
});

test("The loss of one connection leaves the others and their visitors alive, and it is dialled again", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const relay = await world.relay(port);
  const echo = await world.echo();
  const one = world.client(relay.port, { connections: 2, services: [service("echo", echo.port)] });
  await connected(one, 2);
  const publicPort = portOf((await one.client.ready)[0]?.publicUrl);
  for (const lost of [0, 1]) {
    const visitors = [await world.visitor(publicPort), await world.visitor(publicPort)];
    for (const visitor of visitors) {
      visitor.write("here");
      assert.equal(await visitor.readText(4), "here");
    }
    await relay.cutOldest();
    assert.equal((await one.events.next("member_lost")).member, lost);
    assert.equal(await roundTrip(world, publicPort, "still there"), "still there");
    assert.equal((await one.events.next("member_joined")).member, lost);
    await until(() => server.status().clients.length === 2);
    let alive = 0;
    for (const visitor of visitors) {
      visitor.write("alive");
      if (await visitor.readText(5) === "alive") alive++;
    }
    assert.equal(alive, 1);
  }
  assert.deepEqual(one.events.of("disconnected"), []);
  assert.equal(server.status().services[0]?.online, true);
});

test("Every connection lost at once, or a server that starts anew, brings all of them back with the services", async () => {
  await using world = new World();
  const first = await world.server();
  const relay = await world.relay(first.port);
  const echo = await world.echo();
  const one = world.client(relay.port, { connections: 3, services: [service("echo", echo.port)] });
  await connected(one, 3);
  const publicUrl = (await one.client.ready)[0]?.publicUrl;
  await relay.cut();
  await one.events.next("disconnected");
  await connected(one, 3);
  assert.equal(one.client.status().services[0]?.publicUrl, publicUrl);
  assert.equal(await roundTrip(world, portOf(publicUrl), "again"), "again");
  assert.equal(first.server.status().clients.length, 3);
});

test("A client that the server believes to be there takes its own connections over one by one (H9)", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const relay = await world.relay(port);
  const echo = await world.echo();
  const one = world.client(relay.port, { connections: 3, services: [service("echo", echo.port)] });
  await connected(one, 3);
  const publicUrl = (await one.client.ready)[0]?.publicUrl;
  await relay.vanish();
  await one.events.next("disconnected");
  await connected(one, 3);
  assert.equal(await roundTrip(world, portOf(publicUrl), "again"), "again");
  await until(() => server.status().clients.length === 3);
  assert.equal(server.counters.get("sessions_closed", "replaced"), 3);
  assert.deepEqual(server.status().clients.map(({ member }) => member).sort(), [0, 1, 2]);
});

test("A stop lets the visitors of every connection go on to their end", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const echo = await world.echo();
  const one = world.client(port, {
    connections: 2,
    services: [service("echo", echo.port)],
    limits: { drainTimeoutMs: 30_000 },
  });
  await connected(one, 2);
  const publicPort = portOf((await one.client.ready)[0]?.publicUrl);
  const visitors = [await world.visitor(publicPort), await world.visitor(publicPort)];
  for (const visitor of visitors) {
    visitor.write("here");
    assert.equal(await visitor.readText(4), "here");
  }
  const stopped = one.client.stop();
  await events.next("service_released");
  for (const visitor of visitors) {
    visitor.write("and still");
    assert.equal(await visitor.readText(9), "and still");
    visitor.end();
    assert.equal(await visitor.ended, "end");
  }
  await stopped;
  await until(() => server.status().clients.length === 0);
});

test("A server that knows no groups is used with one connection, and the log says so", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const { client } = world.client(puppets.port, { connections: 4, services: [service("any", 1)] }, {
    logger,
  });
  const puppet = await puppets.accepted();
  const { capabilities } = await puppet.welcome();
  assert.deepEqual(parseCapabilities(capabilities).group, { member: 0, of: 4 });
  await puppet.expect("register");
  puppet.send({ type: "register_ack", publicUrl: "tcp://127.0.0.1:1", status: "success" });
  await client.ready;
  assert.equal(puppets.dials, 1);
  assert.ok(lines.includes("{server} takes only one connection of a client"));
});

test("A client takes as many connections as the server grants", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxSessionConnections: 2 } });
  const one = world.client(port, { connections: 5, services: [service("any", 1)] });
  await connected(one, 2);
  await server.stop();
  assert.equal(server.counters.get("sessions_opened"), 2);
  assert.equal(server.counters.get("handshakes_refused"), 0);
});

test("The server takes maxSessionConnections members of one client and refuses one more", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxSessionConnections: 3 } });
  for (const member of [0, 1, 2]) {
    const answer = await handshake(await world.puppet(port), { member, of: 4 });
    assert.equal(answer.status, "success");
    assert.deepEqual(parseCapabilities(answer.capabilities).group, { member, of: 3 });
  }
  assert.equal((await handshake(await world.puppet(port), { member: 3, of: 4 })).status, "rate_limited");
  assert.equal(server.status().clients.length, 3);
});

test("Every member counts in maxSessions, but one that takes its own place needs no room", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxSessions: 2 } });
  const first = await handshake(await world.puppet(port), { member: 0, of: 4 });
  const second = await handshake(await world.puppet(port), { member: 1, of: 4 });
  assert.deepEqual(second.sessionId, first.sessionId);
  assert.equal((await handshake(await world.puppet(port), { member: 2, of: 4 })).status, "rate_limited");
  const again = await handshake(await world.puppet(port), { member: 1, of: 4 });
  assert.equal(again.status, "success");
  assert.deepEqual(again.sessionId, first.sessionId);
  assert.equal(server.counters.get("limits_hit", "max_sessions"), 1);
});

test("Nobody joins somebody else's group: not with another token, nor with another instance (H7)", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const owner = await world.puppet(port);
  owner.answersHeartbeats = true;
  await handshake(owner, { member: 0, of: 4 });
  await owner.register("ssh", 0);
  const foreign = await handshake(await world.puppet(port), { member: 1, of: 4 }, INSTANCE, OTHER_TOKEN);
  assert.equal(foreign.status, "tunnel_id_taken");
  const other = await handshake(await world.puppet(port), { member: 1, of: 4 }, OTHER_INSTANCE);
  assert.equal(other.status, "tunnel_id_taken");
  assert.equal(server.status().clients.length, 1);
});

test("Another instance takes a whole group over when none of its members answers", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({}, { clock });
  const members = [await world.puppet(port), await world.puppet(port)];
  for (const [member, puppet] of members.entries()) await handshake(puppet, { member, of: 2 });
  const other = handshake(await world.puppet(port), { member: 0, of: 2 }, OTHER_INSTANCE);
  await clock.timerOf(500);
  clock.advance(500);
  assert.equal((await other).status, "success");
  for (const puppet of members) assert.equal((await puppet.expect("go_away")).code, "replaced");
  assert.deepEqual(server.status().clients.map(({ member }) => member), [0]);
});

test("One living member keeps the tunnel id for its group", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port } = await world.server({}, { clock });
  const [dead, alive] = [await world.puppet(port), await world.puppet(port)];
  alive.answersHeartbeats = true;
  await handshake(dead, { member: 0, of: 2 });
  await handshake(alive, { member: 1, of: 2 });
  const other = handshake(await world.puppet(port), { member: 0, of: 2 }, OTHER_INSTANCE);
  await clock.timerOf(500);
  await alive.expect("heartbeat");
  await until(() => clock.delays.filter((delay) => delay === 500).length === 1);
  clock.advance(500);
  assert.equal((await other).status, "tunnel_id_taken");
});

test("A client without parallel connections takes over from one that had some, and the other way round", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const plain = formatCapabilities({ window: 65536, services: true, instance: INSTANCE });
  await handshake(await world.puppet(port), { member: 0, of: 2 });
  await handshake(await world.puppet(port), { member: 1, of: 2 });
  const single = await world.puppet(port);
  const answer = await single.handshake({ token: TOKEN, tunnelId: "home", capabilities: plain });
  assert.equal(answer.status, "success");
  await until(() => server.status().clients.length === 1);
  assert.equal((await handshake(await world.puppet(port), { member: 1, of: 2 })).status, "success");
  await until(() => server.status().clients.map(({ member }) => member).join() === "1");
});

test("A service stays while one member lives, and is released when the last has gone away", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const [first, second] = [await world.puppet(port), await world.puppet(port)];
  await handshake(first, { member: 0, of: 2 });
  await handshake(second, { member: 1, of: 2 });
  await second.register("ssh", 0);
  second.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0)); // Goes away.
  const publicPort = portOf((await first.register("web", 0)).publicUrl);
  await world.visitor(publicPort);
  assert.equal((await first.expect("open_stream")).streamId, 2);
  assert.deepEqual(server.status().services.map(({ online }) => online), [true, true]);
  first.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0));
  assert.equal((await events.next("service_released")).service, "ssh");
  assert.equal((await events.next("service_released")).service, "web");
});

test("A client has 1 to 16 connections", () => {
  const world = new World();
  for (const connections of [0, 17, 1.5, NaN]) {
    assert.throws(() => world.client(1, { connections, services: [service("any", 1)] }), RangeError);
  }
});
