import assert from "node:assert/strict";
import { runtime } from "../../src/runtime/mod.ts";
import { TunnelServer } from "../../src/tunnel/server.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";
import { CLIENT_CAPABILITIES, type Puppet } from "./puppet.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, TOKEN, until, World } from "./world.ts";

/** A client takes no new visitors from here on. */
function goAway(puppet: Puppet): void {
  puppet.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0));
}

test("A client that starts while its predecessor drains serves at once", async () => {
  await using world = new World();
  // The server's time stands still: no probe can end.
  const { server, port } = await world.server({}, { clock: new FakeClock() });
  const echo = await world.echo();
  const options = { tunnelId: "home", services: [service("echo", echo.port)] };
  const first = world.client(port, { ...options, limits: { drainTimeoutMs: 30_000 } });
  const visitor = await world.visitor(portOf((await first.client.ready)[0]?.publicUrl));
  visitor.write("old");
  assert.equal(await visitor.readText(3), "old");

  const stopped = first.client.stop();
  await until(() => server.status().services.length === 0);
  const second = world.client(port, options);
  const [state] = await second.client.ready;
  assert.equal(state?.error, undefined);
  assert.deepEqual(second.events.of("disconnected"), []);
  assert.deepEqual(server.status().clients.map(({ tunnelId }) => tunnelId), ["home", "home"]);
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "new"), "new");

  visitor.write("end");
  visitor.end();
  assert.equal(await visitor.readText(3), "end", "the predecessor still serves what it had");
  await stopped;
  await until(() => server.status().clients.length === 1);
  assert.deepEqual(server.status().services.map(({ online }) => online), [true]);
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "new"), "new");
});

test("A client that is leaving counts as a client until it is gone", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ limits: { maxSessions: 1 } });
  const leaving = await world.puppet(port);
  await leaving.handshake({ token: TOKEN, tunnelId: "home" });
  await leaving.register("one", 0);
  goAway(leaving);
  await events.next("service_released");
  for (const token of [TOKEN, OTHER_TOKEN]) {
    const early = await world.puppet(port);
    assert.equal((await early.handshake({ token, tunnelId: "home" })).status, "rate_limited");
  }
  assert.equal(server.status().clients.length, 1);
  await leaving.socket.destroy();
  await events.next("client_disconnected");
  const next = await world.puppet(port);
  assert.equal((await next.handshake({ token: TOKEN, tunnelId: "home" })).status, "success");
});

test("A client that is leaving takes nothing from its successor", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const old = await world.puppet(port);
  await old.handshake({ token: TOKEN, tunnelId: "home" });
  await old.register("one", 0);
  goAway(old);
  await events.next("service_released");
  const successor = await world.puppet(port);
  assert.equal((await successor.handshake({ token: TOKEN, tunnelId: "home" })).status, "success");
  const { publicUrl } = await successor.register("one", 0);
  goAway(old);
  const late = await old.register("one", 0);
  assert.equal(late.status, "quota_exceeded");
  assert.match(late.publicUrl, /The client is leaving/);
  await old.socket.destroy();
  await events.next("client_disconnected");
  assert.deepEqual(server.status().services.map(({ online }) => online), [true]);
  await world.visitor(portOf(publicUrl));
  await successor.expect("open_stream");
  const thief = await world.puppet(port);
  assert.equal((await thief.handshake({ token: OTHER_TOKEN, tunnelId: "home" })).status, "tunnel_id_taken");
});

test("A client of one service that is leaving leaves the shared port to the next in line", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const capabilities = CLIENT_CAPABILITIES.filter((capability) => !/services/.test(capability));
  assert.equal(capabilities.length, CLIENT_CAPABILITIES.length - 1);
  const old = await world.puppet(port);
  await old.handshake({ token: TOKEN, tunnelId: "home", capabilities });
  const successor = await world.puppet(port);
  await successor.handshake({ token: TOKEN, tunnelId: "other", capabilities });
  goAway(old);
  old.send({ type: "heartbeat", timestamp: 1n });
  await old.expect("heartbeat_ack"); // What came before it was read.
  await world.visitor(server.tcpAddress?.port ?? 0);
  await successor.expect("open_stream");
  assert.deepEqual(events.of("client_disconnected"), []);
});

test("TunnelServer.hasRoom() is false from the moment it stops, without a limit that was hit", async () => {
  const tokens = [{ name: "first", token: TOKEN }];
  const server = new TunnelServer({ tokens }, {
    runtime,
    ingress: () => () => Promise.reject(new TypeError("Nothing is bound here")),
    clock: new FakeClock(),
  });
  assert.equal(server.hasRoom(), true);
  const stop = server.stop();
  assert.equal(server.hasRoom(), false);
  assert.equal(server.counters.get("limits_hit", "max_sessions"), 0);
  await stop;
});
