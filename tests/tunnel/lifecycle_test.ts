import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { startServer } from "../../src/app/server.ts";
import { TunnelError, type TunnelErrorCode } from "../../src/errors.ts";
import { test } from "../harness.ts";
import { TAKEOVER_PROBE_MS } from "../../src/tunnel/server_session.ts";
import { FakeClock } from "./fake_clock.ts";
import { CLIENT_CAPABILITIES } from "./puppet.ts";
import { freePort, isRefused, TestService, type TestSocket } from "./sockets.ts";
import { portOf, roundTrip, service, sharedService, TOKEN, until, World } from "./world.ts";

const MIB = 1024 * 1024;

function hasCode(code: TunnelErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof TunnelError && error.code === code;
}

test("startServer() fails with BIND when a port is taken, and binds nothing then", async () => {
  await using world = new World();
  const taken = await world.echo();
  const bind = { hostname: "127.0.0.1", port: taken.port };
  const tokens = [{ name: "first", token: TOKEN }];
  const sharedBind = { hostname: "127.0.0.1", port: await freePort() };
  await assert.rejects(startServer({ bind, tokens, tcpBind: sharedBind }), hasCode("BIND"));
  await assert.rejects(startServer({ bind: sharedBind, tokens, tcpBind: bind }), hasCode("BIND"));
  await assert.rejects(startServer({ bind: sharedBind, tokens: [] }), TypeError);
  assert.equal(await isRefused(sharedBind.port), true);
});

test("A client refuses options that cannot be used", () => {
  const world = new World();
  assert.throws(() => world.client(1, { services: [] }), /at least one service/);
  assert.throws(() => world.client(1, { services: [service("a", 1), service("a", 2)] }), /the same name/);
  assert.throws(() => world.client(1, { services: [service("a", 1)], token: "" }), TypeError);
  for (const name of ["x".repeat(257), "\ud800"]) {
    assert.throws(() => world.client(1, { services: [service(name, 1)] }), TypeError);
    assert.throws(() => world.client(1, { services: [service("a", 1)], tunnelId: name }), TypeError);
  }
});

test("A client with a wrong token gives up: ready and closed reject with AUTHENTICATION", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const { client, events: clientEvents } = world.client(port, {
    services: [service("a", 1)],
    token: "wrong",
  });
  await assert.rejects(client.ready, hasCode("AUTHENTICATION"));
  await assert.rejects(client.closed, hasCode("AUTHENTICATION"));
  assert.deepEqual(clientEvents.all, []);
  assert.equal((await events.next("client_refused")).reason, "invalid_token");
  assert.equal(server.counters.get("handshakes_refused", "invalid_token"), 1);
  await client.stop();
});

test("A client keeps dialling while its server cannot be reached", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  await server.stop();
  const echo = await world.echo();
  const { client, events } = world.client(port, { services: [service("a", echo.port)] });
  for (let attempt = 0; attempt < 3; attempt++) await events.next("disconnected");
  assert.equal(client.connected, false);
  const restarted = await world.server({ bind: { hostname: "127.0.0.1", port } });
  assert.equal(restarted.port, port);
  const [state] = await client.ready;
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "late"), "late");
});

test("TunnelClient.stop() before the server was reached ends everything", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  await server.stop();
  const { client, events } = world.client(port, { services: [service("a", 1)] }, { clock: new FakeClock() });
  await events.next("disconnected");
  const stopped = client.stop();
  assert.equal(client.stop(), stopped);
  await stopped;
  await client.closed;
  await assert.rejects(client.ready, hasCode("CLOSED"));
});

test("TunnelClient.stop() during the handshake closes the connection", async () => {
  await using world = new World();
  const silent = await world.puppetServer();
  // The client's time stands still: no deadline of its own closes the connection.
  const clock = new FakeClock();
  const { client, events } = world.client(silent.port, { services: [service("a", 1)] }, { clock });
  const puppet = await silent.accepted();
  await puppet.expect("handshake");
  await client.stop();
  await client.closed;
  await puppet.closed;
  assert.deepEqual(events.all, []);
});

test("TunnelClient.stop() frees its names and ports at once", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const echo = await world.echo();
  const services = [service("own", echo.port), sharedService("shared", echo.port)];
  const first = world.client(port, { tunnelId: "first", services });
  const ownPort = portOf((await first.client.ready)[0]?.publicUrl);
  await first.client.stop();
  await first.client.closed;
  assert.equal((await events.next("service_released")).service, "own");
  assert.equal((await events.next("service_released")).service, "shared");
  assert.equal((await events.next("client_disconnected")).tunnelId, "first");
  assert.equal(await isRefused(ownPort), true);
  assert.deepEqual(server.status().services, []);
  const second = world.client(port, { tunnelId: "second", services });
  assert.deepEqual((await second.client.ready).map(({ error }) => error), [undefined, undefined]);
});

/** Answers with the digest of what it got, after the visitor's end. */
function startDigest(): Promise<TestService> {
  return TestService.start((socket) => void answerWithDigest(socket));
}

async function answerWithDigest(socket: TestSocket): Promise<void> {
  const bytes = await socket.readAll();
  socket.write(createHash("sha256").update(bytes).digest());
  socket.end();
}

for (const role of ["client", "server"] as const) {
  test(`Stopping the ${role} lets a stream of several MiB finish and takes no new visitors`, async () => {
    await using world = new World();
    const limits = { drainTimeoutMs: 20_000 };
    const { server, port } = await world.server({ limits });
    const digest = await startDigest();
    world.defer(() => digest.close());
    const { client, events } = world.client(port, { services: [service("digest", digest.port)], limits });
    const publicPort = portOf((await client.ready)[0]?.publicUrl);
    const payload = new Uint8Array(8 * MIB).map((_, index) => (index * 31) >>> 3);
    const visitor = await world.visitor(publicPort);
    const served = digest.accepted();
    await visitor.writeAll(payload.subarray(0, MIB));
    await served;

    let stopped = false;
    const stop = (role === "client" ? client : server).stop().then(() => stopped = true);
    await until(() => server.status().services.length === 0);
    assert.equal(await isRefused(publicPort), true);
    if (role === "server") {
      assert.equal(server.ready, false);
      assert.equal(await isRefused(port), true);
      assert.match((await events.next("disconnected")).reason, /shutting down/);
    }
    assert.equal(stopped, false);
    await visitor.writeAll(payload.subarray(MIB));
    visitor.end();
    const expected = createHash("sha256").update(payload).digest();
    assert.deepEqual(await visitor.readAll(), new Uint8Array(expected));
    await stop;
    await (role === "client" ? client.closed : client.stop());
    if (role === "client") await until(() => server.status().clients.length === 0);
    assert.equal(server.counters.get("streams_reset"), 0);
  });

  test(`Stopping the ${role} closes what has not ended when the time is over`, async () => {
    await using world = new World();
    const limits = { drainTimeoutMs: 15_000 };
    const clock = new FakeClock();
    const { server, port } = await world.server({ limits }, role === "server" ? { clock } : {});
    const echo = await world.echo();
    const { client } = world.client(
      port,
      { services: [service("echo", echo.port)], limits },
      role === "client" ? { clock } : {},
    );
    const visitor = await world.visitor(portOf((await client.ready)[0]?.publicUrl));
    visitor.write("x");
    await visitor.read(1);
    let stopped = false;
    const stop = (role === "client" ? client : server).stop().then(() => stopped = true);
    await until(() => server.status().services.length === 0);
    clock.advance(14_999);
    assert.equal(await Promise.race([visitor.ended, Promise.resolve("open")]), "open");
    assert.equal(stopped, false);
    clock.advance(1);
    await stop;
    await visitor.ended;
    await client.stop();
  });
}

test("A server that is stopping registers nothing any more", async () => {
  await using world = new World();
  const limits = { drainTimeoutMs: 15_000 };
  const clock = new FakeClock();
  const { server, port } = await world.server({ limits }, { clock });
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN });
  const { publicUrl } = await puppet.register("first", 0);
  await world.visitor(portOf(publicUrl));
  await puppet.expect("open_stream"); // It stays open, and the server with it.
  const stop = server.stop();
  assert.equal((await puppet.expect("go_away")).code, "shutting_down");
  const { status, publicUrl: reason } = await puppet.register("second", 0);
  assert.notEqual(status, "success");
  assert.match(reason, /stopping/);
  assert.deepEqual(server.status().services, []);
  clock.advance(15_000);
  await stop;
});

test("A server that is stopping takes no client that was about to come in, and refuses none for good", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port, events } = await world.server({ limits: { drainTimeoutMs: 15_000 } }, { clock });
  const inside = await world.puppet(port);
  await inside.handshake({ token: TOKEN, tunnelId: "home" });
  const { publicUrl } = await inside.register("first", 0);
  await world.visitor(portOf(publicUrl));
  await inside.expect("open_stream"); // It stays open, and the server with it.

  const silent = await world.puppet(port);
  const probing = await world.puppet(port);
  const capabilities = CLIENT_CAPABILITIES;
  probing.send({
    type: "handshake",
    token: TOKEN,
    tunnelId: "home",
    minVersion: 1,
    maxVersion: 1,
    capabilities,
  });
  await clock.timerOf(TAKEOVER_PROBE_MS);
  await until(() => server.status().unauthenticated === 2);
  const stop = server.stop();
  for (const puppet of [silent, probing]) {
    assert.equal(await puppet.next(), undefined, "closed without an answer");
  }
  assert.deepEqual(server.status().clients.map(({ tunnelId }) => tunnelId), ["home"]);
  assert.equal(server.status().unauthenticated, 0);
  assert.deepEqual(events.of("client_refused"), []);
  clock.advance(15_000);
  await stop;
});

test("Ten servers and ten clients live in one process without knowing each other", async () => {
  await using world = new World();
  const echoes = await Promise.all(Array.from({ length: 10 }, async (_, index) => {
    const { server, port } = await world.server({ tokens: [{ name: "own", token: `token ${index}` }] });
    const answer = await world.service((socket) => {
      socket.write(`answer ${index}`);
      socket.end();
    });
    // Everywhere the same names: nothing is shared between servers.
    const services = [service("echo", answer.port)];
    const { client } = world.client(port, { token: `token ${index}`, tunnelId: "same", services });
    const [state] = await client.ready;
    assert.equal(state?.error, undefined);
    const visitor = await world.visitor(portOf(state?.publicUrl));
    const text = await visitor.readText(100);
    visitor.end();
    return { text, accepted: server.counters.get("visitors_accepted") };
  }));
  assert.deepEqual(
    echoes,
    Array.from({ length: 10 }, (_, index) => ({ text: `answer ${index}`, accepted: 1 })),
  );
});
