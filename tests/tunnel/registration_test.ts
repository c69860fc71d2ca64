import assert from "node:assert/strict";
import { PROTOCOLS } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import type { Puppet } from "./puppet.ts";
import { freePort, isRefused } from "./sockets.ts";
import { portOf, roundTrip, service, sharedService, TOKEN, World } from "./world.ts";

test("Services with a port, any port and the shared port are reached under their public URLs", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const echo = await world.echo();
  const remotePort = await freePort();
  const { client, events: clientEvents } = world.client(port, {
    tunnelId: "home",
    services: [
      service("own", echo.port, { remotePort }),
      service("any", echo.port),
      sharedService("shared", echo.port),
    ],
  });
  const states = await client.ready;
  assert.deepEqual(states.map(({ name, error }) => [name, error]), [
    ["own", undefined],
    ["any", undefined],
    ["shared", undefined],
  ]);
  assert.equal(states[0]?.publicUrl, `tcp://127.0.0.1:${remotePort}`);
  assert.equal(states[2]?.publicUrl, `tcp://127.0.0.1:${server.tcpAddress?.port}`);
  for (const { name, publicUrl } of states) {
    assert.equal(await roundTrip(world, portOf(publicUrl), `hello ${name}`), `hello ${name}`);
  }
  assert.deepEqual(events.of("client_connected").map(({ tunnelId }) => tunnelId), ["home"]);
  assert.deepEqual(events.of("service_registered").map((event) => [event.service, event.address.port]), [
    ["own", remotePort],
    ["any", portOf(states[1]?.publicUrl)],
    ["shared", server.tcpAddress?.port],
  ]);
  assert.deepEqual(clientEvents.all.map(({ type }) => type), [
    "connected",
    "service_ready",
    "service_ready",
    "service_ready",
  ]);
  assert.equal(client.connected, true);
});

test("A service that is refused says why, and the client's other services stay up", async () => {
  await using world = new World();
  const { port, events } = await world.server({ allowPorts: [{ from: 20_000, to: 29_999 }] });
  const echo = await world.echo();
  const first = world.client(port, { tunnelId: "first", services: [service("good", echo.port)] });
  const goodPort = portOf((await first.client.ready)[0]?.publicUrl);
  assert.ok(goodPort >= 20_000 && goodPort <= 29_999);

  const second = world.client(port, {
    tunnelId: "second",
    services: [
      service("port-not-allowed", echo.port, { remotePort: 19_999 }),
      service("port-taken", echo.port, { remotePort: goodPort }),
      service("good", echo.port),
      service("bad name", echo.port),
      sharedService("no-shared-port", echo.port),
      service("fine", echo.port),
    ],
  });
  const states = await second.client.ready;
  const expected: [string, RegExp | undefined][] = [
    ["port-not-allowed", /Port 19999 is not allowed by the server, which allows 20000-29999/],
    ["port-taken", new RegExp(`127\\.0\\.0\\.1:${goodPort}`)],
    ["good", /Service name good belongs to another client/],
    ["bad name", /Service name "bad name" is not 1 to 63 of/],
    ["no-shared-port", /The server has no shared port/],
    ["fine", undefined],
  ];
  for (const [index, [name, error]] of expected.entries()) {
    const state = states[index];
    assert.equal(state?.name, name);
    if (error === undefined) assert.equal(state.error, undefined);
    else assert.match(state.error ?? "", error);
    assert.equal(state.publicUrl === undefined, error !== undefined);
  }
  const refused = ["port-not-allowed", "port-taken", "good", "bad name", "no-shared-port"];
  assert.deepEqual(second.events.of("service_refused").map((event) => event.service), refused);
  assert.deepEqual(events.of("service_refused").map((event) => event.service), refused);
  assert.equal(second.client.counters.get("registrations_refused"), refused.length);

  assert.equal(await roundTrip(world, goodPort, "first"), "first");
  assert.equal(await roundTrip(world, portOf(states[5]?.publicUrl), "second"), "second");
});

async function joined(world: World, port: number, tunnelId = "puppet"): Promise<Puppet> {
  const puppet = await world.puppet(port);
  assert.equal((await puppet.handshake({ token: TOKEN, tunnelId })).status, "success");
  return puppet;
}

test("Service names are 1 to 63 letters, digits, dots, underscores and hyphens", async () => {
  await using world = new World();
  const { port } = await world.server();
  const puppet = await joined(world, port);
  const good = ["a", "9", "A.b_c-9", "x".repeat(63)];
  const bad = [
    "",
    "-a",
    ".a",
    "_a",
    "a b",
    "a/b",
    "a\n",
    "a\u0000",
    "caf\u00e9",
    "x".repeat(64),
    "\u001b[31mred",
  ];
  for (const name of good) assert.equal((await puppet.register(name, 0)).status, "success", name);
  for (const name of bad) {
    const { status, publicUrl } = await puppet.register(name, 0);
    assert.equal(status, "invalid_service_name", JSON.stringify(name));
    // What others may read in their logs has no control characters.
    assert.ok([...publicUrl].every((character) => character >= " "), JSON.stringify(publicUrl));
  }
});

test("Only services over TCP and HTTP and well-formed ports are registered", async () => {
  await using world = new World();
  const { port } = await world.server();
  const puppet = await joined(world, port);
  for (const protocol of PROTOCOLS.filter((protocol) => protocol !== "tcp" && protocol !== "http")) {
    const metadata = new Map([["remote_port", "0"]]);
    puppet.send({ type: "register", serviceName: "one", protocol, metadata });
    assert.equal((await puppet.expect("register_ack")).status, "invalid_service_name", protocol);
  }
  for (const text of ["65536", "-1", "1e3", "", " 1", "0x10", "99999", "123456", "1.5"]) {
    const metadata = new Map([["remote_port", text], ["other", "ignored"]]);
    puppet.send({ type: "register", serviceName: "one", protocol: "tcp", metadata });
    const { status, publicUrl } = await puppet.expect("register_ack");
    assert.equal(status, "quota_exceeded", text);
    assert.match(publicUrl, /Remote port .* is not 0 to 65535/);
  }
  assert.equal((await puppet.register("one", 0)).status, "success", "the name is still free");
});

test("A client registers as many services as allowed, and not one more", async () => {
  await using world = new World();
  const { port } = await world.server({ limits: { maxServices: 3 } });
  const [first, second] = [await joined(world, port, "a"), await joined(world, port, "b")];
  for (const name of ["a1", "a2", "a3"]) assert.equal((await first.register(name, 0)).status, "success");
  const refusal = await first.register("a4", 0);
  assert.equal(refusal.status, "quota_exceeded");
  assert.match(refusal.publicUrl, /allows 3 services for one client/);
  assert.equal((await first.register("a2", 0)).status, "success", "one that it has can be asked for again");
  assert.equal((await second.register("a4", 0)).status, "success", "another client has its own places");
});

test("What is kept for a client that was lost counts as its own, and gives way to what it wants now", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ limits: { maxServices: 2 } });
  for (let round = 0; round < 4; round++) {
    const puppet = await joined(world, port, "same");
    for (const name of ["a", "b"]) {
      assert.equal((await puppet.register(`${name}${round}`, 0)).status, "success");
    }
    assert.equal((await puppet.register("more", 0)).status, "quota_exceeded");
    assert.deepEqual(server.status().services.map(({ name }) => name), [`a${round}`, `b${round}`]);
    await puppet.socket.destroy();
    await events.next("client_disconnected");
  }
  const names = events.of("service_released").map((event) => event.service);
  assert.deepEqual(names, ["a0", "b0", "a1", "b1", "a2", "b2"], "the oldest first");
  const back = await joined(world, port, "same");
  assert.equal((await back.register("b3", 0)).status, "success", "what it had is no new claim");
  assert.deepEqual(server.status().services.map(({ name }) => name), ["a3", "b3"]);
});

test("A name that belongs to another costs a client nothing of what is kept for it", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ limits: { maxServices: 1 } });
  const other = await joined(world, port, "other");
  await other.register("theirs", 0);
  const lost = await joined(world, port, "same");
  await lost.register("mine", 0);
  await lost.socket.destroy();
  await events.next("client_disconnected");
  const back = await joined(world, port, "same");
  assert.equal((await back.register("theirs", 0)).status, "service_name_taken");
  assert.deepEqual(server.status().services.map(({ name }) => name), ["theirs", "mine"]);
});

test("A token that comes under ever new tunnel ids holds no more ports than twice what one client may", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ limits: { maxServices: 2 } });
  const ports: number[] = [];
  for (let round = 0; round < 6; round++) {
    const puppet = await joined(world, port, `id ${round}`);
    for (const name of ["a", "b"]) {
      ports.push(portOf((await puppet.register(`${name}${round}`, 0)).publicUrl));
    }
    await puppet.socket.destroy();
    await events.next("client_disconnected");
  }
  assert.deepEqual(server.status().services.map(({ name }) => name), ["a4", "b4", "a5", "b5"]);
  assert.equal(await isRefused(ports[0] ?? 0), true);
  assert.equal(await isRefused(ports.at(-1) ?? 0), false);
});

test("Registering a service again moves it and frees its old port", async () => {
  await using world = new World();
  const { server, port } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const puppet = await joined(world, port);
  const first = portOf((await puppet.register("one", 0)).publicUrl);
  assert.equal(
    portOf((await puppet.register("one", 0)).publicUrl),
    first,
    "any port: it keeps the one it has",
  );
  assert.equal(portOf((await puppet.register("one", first)).publicUrl), first);
  const wanted = await freePort();
  assert.equal(portOf((await puppet.register("one", wanted)).publicUrl), wanted);
  assert.equal(await isRefused(first), true);
  assert.equal(portOf((await puppet.register("one")).publicUrl), server.tcpAddress?.port);
  assert.equal(await isRefused(wanted), true);
});

test("The shared port serves one service; another one is told so", async () => {
  await using world = new World();
  const { port } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const [first, second] = [await joined(world, port, "a"), await joined(world, port, "b")];
  assert.equal((await first.register("one")).status, "success");
  const refusal = await second.register("two");
  assert.equal(refusal.status, "service_name_taken");
  assert.match(refusal.publicUrl, /shared port serves another service/);
  first.send({ type: "error", streamId: undefined, code: "internal_server_error", message: "ignored" });
  first.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0)); // Goes away: its services are free at once.
  assert.match((await first.register("one")).publicUrl, /The client is leaving/);
  assert.equal((await second.register("two")).status, "success");
});

test("Answers to registrations come in the order of the questions", async () => {
  await using world = new World();
  const { port } = await world.server();
  const puppet = await joined(world, port);
  const names = ["a", "bad name", "b", "", "c"];
  for (const serviceName of names) {
    puppet.send({
      type: "register",
      serviceName,
      protocol: "tcp",
      metadata: new Map([["remote_port", "0"]]),
    });
  }
  const statuses = [];
  for (const _ of names) statuses.push((await puppet.expect("register_ack")).status);
  const [yes, no] = ["success", "invalid_service_name"];
  assert.deepEqual(statuses, [yes, no, yes, no, yes]);
});

test("A name whose port could not be bound stays free", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const [first, second] = [await joined(world, port, "a"), await joined(world, port, "b")];
  const taken = portOf((await first.register("one", 0)).publicUrl);
  assert.equal((await first.register("two", taken)).status, "service_name_taken");
  assert.equal((await first.register("two")).status, "quota_exceeded", "there is no shared port");
  assert.deepEqual(server.status().services.map(({ name }) => name), ["one"]);
  assert.equal((await events.next("service_released")).service, "two");
  assert.equal((await second.register("two", 0)).status, "success");
});
