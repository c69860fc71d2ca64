import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";
import { TAKEOVER_PROBE_MS } from "../../src/tunnel/server_session.ts";
import { freePort } from "./sockets.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, sharedService, TOKEN, until, World } from "./world.ts";

test("A client whose connection is cut comes back to the same names and ports", async () => {
  await using world = new World();
  const { server, port } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const relay = await world.relay(port);
  const echo = await world.echo();
  const { client, events } = world.client(relay.port, {
    services: [
      service("any", echo.port),
      service("own", echo.port, { remotePort: await freePort() }),
      sharedService("shared", echo.port),
    ],
  });
  const urls = (await client.ready).map(({ publicUrl }) => publicUrl);
  const visitor = await world.visitor(portOf(urls[0]));
  visitor.write("x");
  await visitor.read(1);
  for (let round = 0; round < 5; round++) {
    await relay.cut();
    assert.ok((await events.next("disconnected")).retryInMs <= 40);
    await events.next("connected");
    for (const url of urls) assert.equal((await events.next("service_ready")).publicUrl, url);
    for (const url of urls) assert.equal(await roundTrip(world, portOf(url), "back"), "back");
  }
  await visitor.ended;
  assert.equal(server.counters.get("sessions_opened"), 6);
  assert.equal(server.status().clients.length, 1);
});

test("A client that vanished takes its session over at once, again and again (H9)", async () => {
  await using world = new World();
  // The server's time stands still: no probe and no grace can end.
  const { server, port, events: serverEvents } = await world.server({}, { clock: new FakeClock() });
  const relay = await world.relay(port);
  const echo = await world.echo();
  const { client, events } = world.client(relay.port, { services: [service("any", echo.port)] });
  const url = (await client.ready)[0]?.publicUrl;
  await events.next("service_ready");
  for (let round = 0; round < 20; round++) {
    await relay.vanish(); // The server still believes in the old connection.
    await events.next("connected");
    assert.equal((await events.next("service_ready")).publicUrl, url);
    assert.equal(await roundTrip(world, portOf(url), "back"), "back");
  }
  assert.equal(server.counters.get("sessions_closed", "replaced"), 20);
  assert.deepEqual(serverEvents.of("service_released"), [], "no old session took the name with it");
  assert.deepEqual(server.status().services.map(({ online }) => online), [true]);
});

test("A client comes back to a server that is full, because it is in there already", async () => {
  await using world = new World();
  const { port } = await world.server({ limits: { maxSessions: 1 } }, { clock: new FakeClock() });
  const relay = await world.relay(port);
  const { client, events } = world.client(relay.port, { tunnelId: "home", services: [service("any", 1)] });
  const url = (await client.ready)[0]?.publicUrl;
  await events.next("service_ready");
  const other = await world.puppet(port);
  assert.equal((await other.handshake({ token: TOKEN, tunnelId: "other" })).status, "rate_limited");
  await relay.vanish();
  await events.next("disconnected");
  assert.equal((await events.next("service_ready")).publicUrl, url);
});

test("A lost client's names and ports are kept for it alone, and only for the grace", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port, events } = await world.server({ limits: { reclaimGraceMs: 5_000 } }, { clock });
  const first = await world.puppet(port);
  await first.handshake({ token: TOKEN, tunnelId: "home" });
  const url = (await first.register("ssh", 0)).publicUrl;
  await first.socket.destroy();
  await events.next("client_disconnected");

  const thief = await world.puppet(port);
  await thief.handshake({ token: TOKEN, tunnelId: "office" });
  assert.equal((await thief.register("ssh", 0)).status, "service_name_taken");
  assert.equal((await thief.register("web", portOf(url))).status, "service_name_taken");
  const visitor = await world.visitor(portOf(url));
  await visitor.ended; // Nobody serves it at the moment.

  clock.advance(4_999);
  const back = await world.puppet(port);
  await back.handshake({ token: TOKEN, tunnelId: "home" });
  assert.equal((await back.register("ssh", 0)).publicUrl, url);
  await back.socket.destroy();
  await events.next("client_disconnected");
  clock.advance(5_000);
  assert.equal((await events.next("service_released")).service, "ssh");
  assert.equal((await thief.register("ssh", 0)).status, "success");
});

test("A client finds its ports again after its server was restarted", async () => {
  await using world = new World();
  const first = await world.server();
  const echo = await world.echo();
  const services = [service("own", echo.port, { remotePort: await freePort() }), service("any", echo.port)];
  const { client, events } = world.client(first.port, { services });
  const states = await client.ready;
  for (let round = 0; round < 3; round++) {
    await (round === 0 ? first.server.stop() : undefined);
    const { server } = await world.server({ bind: { hostname: "127.0.0.1", port: first.port } });
    await events.next("disconnected");
    await events.next("connected");
    await until(() => client.connected);
    const [own, any] = client.status().services;
    assert.equal(own?.publicUrl, states[0]?.publicUrl);
    for (const url of [own?.publicUrl, any?.publicUrl]) {
      assert.equal(await roundTrip(world, portOf(url), "again"), "again");
    }
    await server.stop();
    assert.equal(server.counters.get("sessions_opened"), 1);
  }
});

test("Another client with the same tunnel id is refused while the first one lives", async () => {
  await using world = new World();
  const { server, port, events: serverEvents } = await world.server();
  const echo = await world.echo();
  const options = { tunnelId: "home", services: [service("any", echo.port)] };
  const first = world.client(port, options);
  const url = (await first.client.ready)[0]?.publicUrl;
  const second = world.client(port, options);
  const { reason, retryInMs } = await second.events.next("disconnected");
  assert.match(reason, /The tunnel id is in use by another client/);
  assert.ok(retryInMs >= 5_000, `${retryInMs} ms`);
  assert.equal((await serverEvents.next("client_refused")).reason, "tunnel_id_taken");
  assert.equal(await roundTrip(world, portOf(url), "mine"), "mine");
  assert.equal(server.counters.get("sessions_opened"), 1);
  assert.deepEqual(first.events.of("disconnected"), []);
});

test("Another client with the same tunnel id gets in as soon as the first one has not answered a probe", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port } = await world.server({}, { clock });
  const relay = await world.relay(port);
  const echo = await world.echo();
  const options = { tunnelId: "home", services: [service("any", echo.port)] };
  const first = world.client(relay.port, options);
  const url = (await first.client.ready)[0]?.publicUrl;
  relay.blackhole();
  const second = world.client(port, options);
  await clock.timerOf(TAKEOVER_PROBE_MS);
  clock.advance(TAKEOVER_PROBE_MS - 1);
  assert.deepEqual(second.events.all, []);
  clock.advance(1);
  assert.equal((await second.client.ready)[0]?.publicUrl, url);
  assert.equal(await roundTrip(world, portOf(url), "yours"), "yours");
  assert.ok(TAKEOVER_PROBE_MS <= 1_000);
});

test("A tunnel id is bound to its token, also while its client is away (H7)", async () => {
  await using world = new World();
  const { port, events } = await world.server({}, { clock: new FakeClock() });
  const first = await world.puppet(port);
  await first.handshake({ token: TOKEN, tunnelId: "home" });
  await first.register("ssh", 0);
  const claim = async (token: string): Promise<string> => {
    const puppet = await world.puppet(port);
    const { status } = await puppet.handshake({ token, tunnelId: "home" });
    await puppet.socket.destroy();
    return status;
  };
  assert.equal(await claim(OTHER_TOKEN), "tunnel_id_taken");
  await first.socket.destroy();
  await events.next("client_disconnected");
  assert.equal(await claim(OTHER_TOKEN), "tunnel_id_taken");
  assert.equal(await claim(TOKEN), "success");
});

test("A service that was taken is asked for again until it is free", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { port, events: serverEvents } = await world.server();
  const holder = await world.puppet(port);
  await holder.handshake({ token: TOKEN, tunnelId: "holder" });
  await holder.register("ssh", 0);
  const services = [service("ssh", 1), service("bad name", 1)];
  const { client, events } = world.client(port, { services }, { clock });
  assert.match((await client.ready)[0]?.error ?? "", /belongs to another client/);
  await events.next("service_refused");
  await events.next("service_refused");
  clock.advance(15_000);
  assert.equal((await events.next("service_refused")).service, "ssh");
  holder.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0)); // Goes away.
  await serverEvents.next("service_released");
  await clock.timerOf(15_000);
  clock.advance(15_000);
  assert.equal((await events.next("service_ready")).service, "ssh");
  assert.equal(client.status().services[0]?.error, undefined);
  const refused = events.of("service_refused").map((event) => event.service);
  assert.deepEqual(refused, ["ssh", "bad name", "ssh"], "a bad name is not asked for again");
});

test("A client that was replaced by another one waits long before it comes back (H10)", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const { events } = world.client(puppets.port, { services: [sharedService("one", 1)] });
  const puppet = await puppets.accepted();
  await puppet.welcome();
  await puppet.expect("register");
  puppet.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 1));
  const { reason, retryInMs } = await events.next("disconnected");
  assert.match(reason, /replaced/);
  assert.ok(retryInMs >= 30_000, `${retryInMs} ms`);
});
