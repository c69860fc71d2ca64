import assert from "node:assert/strict";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import { runtimeName, test } from "../harness.ts";
import { MAX_DIRECT_DIALS } from "../../src/tunnel/direct_dialler.ts";
import { type Claim, direct, hex, INSTANCE, owner } from "./direct_puppets.ts";
import { FakeClock } from "./fake_clock.ts";
import {
  OTHER_TOKEN,
  portOf,
  roundTrip,
  service,
  type TestClient,
  type TestServer,
  TOKEN,
  until,
  World,
} from "./world.ts";

const OTHER_INSTANCE = "ffeeddccbbaa99887766554433221100";

/** A client of ours with one direct service, whose pool is full. */
async function ready(
  world: World,
  { server, port }: TestServer,
  options: { localPort: number; pool?: number; drainTimeoutMs?: number; relayPort?: number },
): Promise<TestClient & { publicPort: number }> {
  const { localPort, pool = 2, drainTimeoutMs = 0, relayPort = port } = options;
  const services = [service("ssh", localPort, { mode: "direct" })];
  const one = world.client(relayPort, { directPool: pool, services, limits: { drainTimeoutMs } });
  const publicPort = portOf((await one.client.ready)[0]?.publicUrl);
  await until(() => server.status().clients[0]?.direct.idle === pool);
  return { ...one, publicPort };
}

test("A visitor of a direct service gets a connection of its own, in both directions and to the end", async () => {
  await using world = new World();
  const one = await world.server();
  const echo = await world.echo();
  const { client, publicPort } = await ready(world, one, { localPort: echo.port });
  for (const text of ["one", "two", "three", "four"]) {
    assert.equal(await roundTrip(world, publicPort, text), text);
  }
  const { counters } = one.server;
  assert.equal(counters.get("streams_opened", "direct"), 4);
  assert.equal(counters.get("streams_opened", "local"), 0);
  assert.equal(counters.get("visitors_accepted"), 4);
  assert.equal(counters.bytesSent, 15);
  assert.equal(counters.bytesReceived, 15);
  await until(() => client.status().direct.visitors === 0 && client.status().direct.idle === 2);
  await until(() => one.server.status().clients[0]?.direct.visitors === 0);
  assert.equal(one.server.status().services[0]?.mode, "direct");
  assert.equal(one.server.status().unauthenticated, 0);
});

test("Megabytes pass unchanged in both directions at once, and each direction ends by itself", async () => {
  await using world = new World();
  const one = await world.server();
  const echo = await world.echo();
  const { publicPort } = await ready(world, one, { localPort: echo.port });
  const bytes = Uint8Array.from({ length: 8 << 20 }, (_, index) => (index * 31 + (index >>> 8) * 7) & 0xff);
  const visitors = await Promise.all([1, 2, 3].map(() => world.visitor(publicPort)));
  await Promise.all(visitors.map(async (visitor) => {
    const received = visitor.readAll();
    await visitor.writeAll(bytes);
    visitor.end();
    const got = await received;
    assert.equal(got.length, bytes.length);
    assert.ok(got.every((byte, index) => byte === bytes[index]));
  }));
});

test("A service that speaks first, and ends first, is heard to its last byte", async () => {
  await using world = new World();
  const one = await world.server();
  const local = await world.service((socket) => {
    socket.write("welcome");
    socket.end();
  });
  const { publicPort } = await ready(world, one, { localPort: local.port });
  const visitor = await world.visitor(publicPort);
  assert.equal(new TextDecoder().decode(await visitor.readAll()), "welcome");
  visitor.write("thanks");
  visitor.end();
  assert.equal(await local.sockets[0]?.readText(100), "thanks");
});

test("More visitors than are ready at once all get a connection, because the server asks for more", async () => {
  await using world = new World();
  const one = await world.server();
  const echo = await world.echo();
  const { publicPort } = await ready(world, one, { localPort: echo.port, pool: 1 });
  const visitors = await Promise.all(Array.from({ length: 40 }, () => world.visitor(publicPort)));
  for (const visitor of visitors) visitor.write("hello");
  for (const visitor of visitors) assert.equal(await visitor.readText(5), "hello");
  assert.equal(one.server.status().clients[0]?.direct.visitors, 40);
});

test("A local service that cannot be reached, or is not one of the direct ones, refuses the visitor alone", async () => {
  await using world = new World();
  const one = await world.server();
  const gone = await world.echo();
  const { client, publicPort } = await ready(world, one, { localPort: gone.port });
  await gone.close();
  const visitor = await world.visitor(publicPort);
  await visitor.ended;
  assert.equal(client.counters.get("local_connect_failed", "ssh"), 1);
  assert.equal(one.server.counters.get("visitors_refused", "no_direct_connection"), 1);
  await until(() => one.server.status().clients[0]?.direct.idle === 2);
});

test("A reset of the service is a reset for its visitor, and the other way round", async () => {
  await using world = new World();
  const one = await world.server();
  const local = await world.service(() => {});
  const { publicPort } = await ready(world, one, { localPort: local.port });
  for (const side of ["service", "visitor"]) {
    const accepted = local.accepted();
    const visitor = await world.visitor(publicPort);
    const socket = await accepted;
    visitor.write("x");
    await socket.read(1);
    (side === "service" ? socket : visitor).reset();
    assert.equal(await (side === "service" ? visitor : socket).ended, "error");
  }
}, { skip: runtimeName === "deno" ? "Deno cannot reset a TCP connection" : undefined });

test("The loss of the session ends what is ready, and visitors who are joined go on", async () => {
  await using world = new World();
  const one = await world.server();
  const relay = await world.relay(one.port);
  const echo = await world.echo();
  const services = [service("ssh", echo.port, { mode: "direct" })];
  const { client, events } = world.client(relay.port, { directPool: 2, services });
  const publicPort = portOf((await client.ready)[0]?.publicUrl);
  await until(() => one.server.status().clients[0]?.direct.idle === 2);
  const visitor = await world.visitor(publicPort);
  visitor.write("before");
  assert.equal(await visitor.readText(6), "before");
  await until(() => one.server.status().clients[0]?.direct.idle === 2);
  await relay.cutOldest(); // The session.
  await events.next("disconnected");
  visitor.write("after");
  assert.equal(await visitor.readText(5), "after");
  await events.next("service_ready");
  await until(() => one.server.status().clients[0]?.direct.idle === 2);
  const second = await world.visitor(publicPort); // The relay in between knows no half-close.
  second.write("again");
  assert.equal(await second.readText(5), "again");
  visitor.write("still");
  assert.equal(await visitor.readText(5), "still");
});

test("A stop of client or server lets visitors go on to their end, or resets them after the drain", async () => {
  for (const side of ["client", "server"] as const) {
    await using world = new World();
    const one = await world.server({ limits: { drainTimeoutMs: 30_000 } });
    const echo = await world.echo();
    const { client, publicPort } = await ready(world, one, { localPort: echo.port, drainTimeoutMs: 30_000 });
    const visitor = await world.visitor(publicPort);
    visitor.write("here");
    assert.equal(await visitor.readText(4), "here");
    const stopped = (side === "client" ? client : one.server).stop();
    visitor.write("and still");
    assert.equal(await visitor.readText(9), "and still");
    visitor.end();
    assert.equal((await visitor.readAll()).length, 0);
    await stopped;
  }
  await using world = new World();
  const one = await world.server({ limits: { drainTimeoutMs: 0 } });
  const echo = await world.echo();
  const { publicPort } = await ready(world, one, { localPort: echo.port });
  const visitor = await world.visitor(publicPort);
  visitor.write("here");
  assert.equal(await visitor.readText(4), "here");
  await one.server.stop();
  await visitor.ended;
});

test("A server that knows no direct mode is used with streams, and the log says so", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  const logger = { debug: log, info: log, warn: log, error: log };
  const services = [service("ssh", 1, { mode: "direct" })];
  const { client } = world.client(puppets.port, { services }, { logger });
  const puppet = await puppets.accepted();
  assert.ok((await puppet.welcome()).capabilities.includes("ferrotunnel.direct/1;pool=8"));
  assert.equal((await puppet.expect("register")).metadata.has("mode"), false);
  puppet.send({ type: "register_ack", publicUrl: "tcp://127.0.0.1:1", status: "success" });
  await client.ready;
  assert.equal(puppets.dials, 1);
  assert.ok(lines.includes("{server} knows no direct mode; services with it are multiplexed"));
  puppet.send({ type: "direct_wanted", count: 1 });
  assert.match((await puppet.expect("error")).message, /without the capability/);
});

test("A direct connection that has waited long is replaced", async () => {
  await using world = new World();
  const one = await world.server();
  const clock = new FakeClock();
  const services = [service("ssh", 1, { mode: "direct" })];
  const options = { directPool: 3, services, limits: { directIdleMs: 60_000 } };
  const { client } = world.client(one.port, options, { clock, random: () => 1 });
  await client.ready;
  await until(() => one.server.status().clients[0]?.direct.idle === 3);
  const timers = (): number => clock.delays.filter((delay) => delay === 60_000).length;
  await until(() => timers() === 3);
  clock.advance(60_000);
  await until(() => timers() === 3 && one.server.status().clients[0]?.direct.idle === 3);
  assert.equal(client.status().direct.idle, 3);
});

test("The server takes as many connections without a visitor as were agreed, and refuses one more", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxDirectPool: 3 } });
  const puppet = await world.puppet(port);
  const capabilities = formatCapabilities({
    window: 65536,
    services: true,
    instance: INSTANCE,
    direct: { pool: 100 },
  });
  const { sessionId, capabilities: named } = await puppet.handshake({
    token: TOKEN,
    tunnelId: "home",
    capabilities,
  });
  assert.ok(named.includes("ferrotunnel.direct/1;pool=3"));
  const session = hex(sessionId);
  for (let count = 1; count <= 3; count++) {
    const { answer } = await direct(world, port, { session });
    assert.equal(answer.status, "success");
    assert.deepEqual(answer.sessionId, sessionId);
    assert.equal(server.status().clients[0]?.direct.idle, count);
  }
  assert.equal((await direct(world, port, { session })).answer.status, "rate_limited");
  assert.equal(server.counters.get("limits_hit", "max_direct_pool"), 1);
  assert.equal(server.status().clients.length, 1);
});

test("Nobody gives a client connections but itself: token, tunnel id, instance and session must all be its own", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const { session } = await owner(world, port);
  const claims: Claim[] = [
    { session, token: OTHER_TOKEN },
    { session, tunnelId: "office" },
    { session, instance: OTHER_INSTANCE },
    { session: INSTANCE },
  ];
  for (const claim of claims) {
    const { puppet, answer } = await direct(world, port, claim);
    assert.equal(answer.status, "tunnel_id_taken", JSON.stringify(claim));
    await puppet.closed;
  }
  const puppet = await world.puppet(port);
  const capabilities = formatCapabilities({ window: undefined, services: false, direct: { session } });
  assert.equal(
    (await puppet.handshake({ token: TOKEN, tunnelId: "home", capabilities })).status,
    "tunnel_id_taken",
  );
  assert.equal((await direct(world, port, { session, token: "wrong" })).answer.status, "invalid_token");
  assert.equal(server.status().clients[0]?.direct.idle, 0);
});

test("A client without direct services takes no direct connections", async () => {
  await using world = new World();
  const { port } = await world.server();
  const puppet = await world.puppet(port);
  const capabilities = formatCapabilities({ window: 65536, services: true, instance: INSTANCE });
  const { sessionId } = await puppet.handshake({ token: TOKEN, tunnelId: "home", capabilities });
  const { answer } = await direct(world, port, { session: hex(sessionId) });
  assert.equal(answer.status, "tunnel_id_taken");
});

test("A visitor goes on to another connection when the first dies before it has answered", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const { session, publicPort } = await owner(world, port);
  const good = (await direct(world, port, { session })).puppet;
  const bad = (await direct(world, port, { session })).puppet;
  const visitor = await world.visitor(publicPort);
  const { headers, streamId } = await bad.expect("open_stream"); // The one that came last.
  assert.equal(streamId, 2);
  assert.deepEqual(headers, [["service", "ssh"], ["visitor", `127.0.0.1:${visitor.localPort}`]]);
  bad.socket.reset();
  await good.expect("open_stream");
  assert.equal(server.status().clients[0]?.direct.visitors, 1);
  good.send({ type: "stream_ack", streamId: 2, status: "accepted" });
  good.sendRaw(new TextEncoder().encode("rewarded"));
  assert.equal(await visitor.readText(8), "rewarded");
});

test("A visitor for whom nothing is ready waits for the open timeout, and the client is asked once for all", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({ limits: { openTimeoutMs: 4_321 } }, { clock });
  const { puppet, session, publicPort } = await owner(world, port);
  const first = await world.visitor(publicPort);
  assert.equal((await puppet.expect("direct_wanted")).count, 1);
  const second = await world.visitor(publicPort);
  assert.equal((await puppet.expect("direct_wanted")).count, 1);
  assert.equal(server.status().clients[0]?.direct.visitors, 2);
  const { puppet: late } = await direct(world, port, { session });
  await late.expect("open_stream"); // For the first.
  late.send({ type: "stream_ack", streamId: 2, status: "accepted" });
  late.sendRaw(new TextEncoder().encode("joined"));
  assert.equal(await first.readText(6), "joined");
  clock.advance(4_320);
  assert.equal(server.status().clients[0]?.direct.visitors, 2);
  clock.advance(1);
  await second.ended;
  assert.equal(server.status().clients[0]?.direct.visitors, 1);
  late.sendRaw(new TextEncoder().encode("and on"));
  assert.equal(await first.readText(6), "and on");
});

test("A connection that waits for a visitor may say nothing; one that is asked must answer with what is an answer", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const { session, publicPort } = await owner(world, port);
  for (
    const raw of [Uint8Array.of(1), Uint8Array.of(0, 0, 0, 2, 3, 0), Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0)]
  ) {
    const { puppet } = await direct(world, port, { session });
    puppet.sendRaw(raw);
    if (raw.length > 1) await puppet.closed;
    else puppet.socket.reset(); // One byte is the beginning of a frame.
    await until(() => server.status().clients[0]?.direct.idle === 0);
  }
  const { puppet } = await direct(world, port, { session });
  const visitor = await world.visitor(publicPort);
  await puppet.expect("open_stream");
  puppet.send({ type: "heartbeat", timestamp: 1n });
  await puppet.closed;
  assert.equal(server.status().clients.length, 1);
  await visitor.destroy();
});

test("One client's visitors with and without a connection are at most maxStreams", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxStreams: 2 } });
  const { puppet, publicPort } = await owner(world, port);
  const [first, second] = [await world.visitor(publicPort), await world.visitor(publicPort)];
  await until(() => server.status().clients[0]?.direct.visitors === 2);
  const third = await world.visitor(publicPort);
  await third.ended;
  assert.equal(server.counters.get("limits_hit", "max_streams"), 1);
  puppet.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0)); // Goes away: nobody will ever come for them.
  await Promise.all([first.ended, second.ended]);
});

test("Connections that have not said whose they are count as such, direct or not", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxUnauthenticatedPerAddress: 2 } });
  const { session } = await owner(world, port);
  const silent = [await world.puppet(port), await world.puppet(port)];
  await until(() => server.status().unauthenticated === 2);
  const refused = await world.puppet(port);
  await refused.closed;
  await silent[0]?.socket.destroy();
  await until(() => server.status().unauthenticated === 1);
  assert.equal((await direct(world, port, { session })).answer.status, "success");
  assert.equal(server.status().unauthenticated, 1);
});

test("A server can make a client dial at most 64 connections at once, and no more than it may have visitors", async () => {
  for (const [maxStreams, expected] of [[10_000, MAX_DIRECT_DIALS], [20, 20]] as const) {
    await using world = new World();
    const puppets = await world.puppetServer();
    const services = [service("ssh", 1, { mode: "direct" })];
    world.client(puppets.port, { directPool: 1, services, limits: { maxStreams } });
    const puppet = await puppets.accepted();
    await puppet.expect("handshake");
    const direct = { pool: 1 };
    const named = formatCapabilities({ window: 65536, services: true, direct });
    puppet.answer("success", 1, named);
    await puppet.expect("register");
    puppet.send({ type: "direct_wanted", count: 0xffff_ffff });
    puppet.send({ type: "direct_wanted", count: 0xffff_ffff });
    await until(() => puppets.dials === 1 + expected);
    for (let beat = 0n; beat < 5n; beat++) {
      puppet.send({ type: "heartbeat", timestamp: beat });
      await puppet.expect("heartbeat_ack");
    }
    assert.equal(puppets.dials, 1 + expected);
  }
});

test("A client keeps 1 to 999 connections ready", () => {
  const world = new World();
  for (const directPool of [0, 1000, 1.5]) {
    assert.throws(() => world.client(1, { directPool, services: [service("any", 1)] }), RangeError);
  }
});
