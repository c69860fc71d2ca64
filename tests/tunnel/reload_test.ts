import assert from "node:assert/strict";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import { DIRECT_STREAM_ID } from "../../src/tunnel/direct_link.ts";
import { test } from "../harness.ts";
import { direct, owner } from "./direct_puppets.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, TOKEN, World } from "./world.ts";

const FIRST = { name: "first", hash: hashToken(TOKEN) };
const SECOND = { name: "second", token: OTHER_TOKEN };

test("A token that is revoked ends its sessions and frees its names; visitors of others go on", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port, server, events } = await world.server();
  const gone = world.client(port, { services: [service("gone", echo.port)], tunnelId: "gone" });
  const stays = world.client(port, {
    services: [service("stays", echo.port)],
    tunnelId: "stays",
    token: OTHER_TOKEN,
  });
  await gone.client.ready;
  const visitor = await world.visitor(portOf((await stays.client.ready)[0]?.publicUrl));
  visitor.write("before");
  assert.equal(await visitor.readText(6), "before");
  await server.reload({ tokens: [SECOND] });
  const lost = await gone.events.next("disconnected");
  assert.match(lost.reason, /has disconnected this client: The token first is not valid any more/);
  assert.equal((await events.next("service_released")).service, "gone");
  assert.equal((await events.next("client_refused")).reason, "invalid_token");
  visitor.write("after");
  assert.equal(await visitor.readText(5), "after");
  assert.deepEqual(stays.events.of("disconnected"), []);
  assert.deepEqual(server.status().services.map(({ name }) => name), ["stays"]);
});

test("A token that is replaced under its name ends its sessions, and its ports are kept for who comes with the new one", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port, server } = await world.server();
  const { client, events } = world.client(port, { services: [service("web", echo.port)], tunnelId: "same" });
  const before = portOf((await client.ready)[0]?.publicUrl);
  await server.reload({ tokens: [{ name: "first", token: "a new one" }] });
  assert.match((await events.next("disconnected")).reason, /The token first was replaced/);
  await client.stop();
  const next = world.client(port, {
    services: [service("web", echo.port)],
    tunnelId: "same",
    token: "a new one",
  });
  assert.equal(portOf((await next.client.ready)[0]?.publicUrl), before);
});

test("A scope that no longer fits ends the sessions that have too much, and no others of the token", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port, server } = await world.server();
  const a = world.client(port, { services: [service("web", echo.port)], tunnelId: "a" });
  const b = world.client(port, { services: [service("ssh", echo.port)], tunnelId: "b" });
  await Promise.all([a.client.ready, b.client.ready]);
  await server.reload({ tokens: [{ ...FIRST, services: ["web*"] }] });
  const { reason } = await b.events.next("disconnected");
  assert.match(
    reason,
    /The token first does not permit service ssh any more: Service name ssh is not permitted/,
  );
  assert.match(
    (await b.events.next("service_refused")).reason,
    /Service name ssh is not permitted, only web\*/,
  );
  assert.deepEqual(a.events.of("disconnected"), []);
});

test("Fewer connections than there are: those that came last have to go", async () => {
  await using world = new World();
  const { port, server, events } = await world.server();
  const puppets = [];
  for (const tunnelId of ["a", "b", "c"]) {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: TOKEN, tunnelId });
    puppets.push(puppet);
  }
  await server.reload({ tokens: [{ ...FIRST, maxConnections: 2 }] });
  assert.match((await puppets[2]!.expect("error")).message, /permits only 2 connections/);
  assert.equal((await puppets[2]!.expect("go_away")).code, "revoked");
  assert.equal((await events.next("client_disconnected")).tunnelId, "c");
  assert.equal(server.status().clients.length, 2);
});

test("Direct visitors of a token that is revoked are ended too", async () => {
  await using world = new World();
  const echo = await world.echo();
  const { port, server } = await world.server();
  const services = [service("web", echo.port, { mode: "direct" })];
  const { client } = world.client(port, { services, directPool: 1 });
  const visitor = await world.visitor(portOf((await client.ready)[0]?.publicUrl));
  visitor.write("x");
  assert.equal(await visitor.readText(1), "x");
  await server.reload({ tokens: [SECOND] });
  await visitor.ended;
});

test("Direct visitors whose client has gone count, and are ended when its token is revoked", async () => {
  await using world = new World();
  const { port, server, events } = await world.server({ tokens: [{ ...FIRST, maxStreams: 1 }] });
  const { puppet, session, publicPort } = await owner(world, port, 1);
  const carrier = await direct(world, port, { session });
  const visitor = await world.visitor(publicPort);
  await carrier.puppet.expect("open_stream");
  carrier.puppet.send({ type: "stream_ack", streamId: DIRECT_STREAM_ID, status: "accepted" });
  carrier.puppet.sendRaw(Uint8Array.of(120));
  assert.equal(await visitor.readText(1), "x");
  puppet.socket.end();
  await events.next("client_disconnected");
  const second = await owner(world, port, 1);
  const refused = await world.visitor(second.publicPort);
  await refused.ended;
  assert.equal(server.counters.get("limits_hit", "token_max_streams"), 1);
  await server.reload({ tokens: [SECOND] });
  await visitor.ended;
});

test("A client that names no service has to go when a scope no longer permits it the shared port", async () => {
  await using world = new World();
  const { port, server, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  for (const [tunnelId, token] of [["old", TOKEN], ["other", OTHER_TOKEN]] as const) {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token, tunnelId, capabilities: ["basic", "tcp"] });
  }
  await server.reload({ tokens: [{ ...FIRST, services: ["ol*"], kinds: ["tcp"] }, SECOND] });
  assert.deepEqual(server.status().clients.map(({ tunnelId }) => tunnelId), ["old", "other"]);
  await server.reload({ tokens: [{ ...FIRST, services: ["new"] }, SECOND] });
  assert.equal((await events.next("client_disconnected")).tunnelId, "old");
  assert.deepEqual(server.status().clients.map(({ tunnelId }) => tunnelId), ["other"]);
});

test("Allowed ports and limits count from the reload on; what cannot be used changes nothing", async () => {
  await using world = new World();
  const { port, server } = await world.server();
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN, tunnelId: "a" });
  await assert.rejects(server.reload({ tokens: [] }), TypeError);
  const allowPorts = [{ from: 23000, to: 23000 }];
  await server.reload({ tokens: [FIRST], allowPorts, limits: { maxSessions: 1 } });
  assert.match((await puppet.register("two", 24000)).publicUrl, /Port 24000 is not allowed .* allows 23000/);
  const other = await world.puppet(port);
  assert.equal((await other.handshake({ token: TOKEN, tunnelId: "b" })).status, "rate_limited");
});

test("Allowed ports that are fewer end the services outside of them, with the reason, and no others", async () => {
  await using world = new World();
  const { port, server, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const ports: number[] = [];
  for (const tunnelId of ["a", "b"]) {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: TOKEN, tunnelId });
    ports.push(portOf((await puppet.register(tunnelId, 0)).publicUrl));
  }
  const shares = await world.puppet(port);
  await shares.handshake({ token: TOKEN, tunnelId: "shares" });
  assert.equal((await shares.register("shares")).status, "success");
  const gone = world.client(port, { services: [service("gone", 1)], tunnelId: "gone" });
  await gone.client.ready;
  const [first = 0] = ports;
  await server.reload({ tokens: [FIRST], allowPorts: [{ from: first, to: first }] });
  const { reason } = await gone.events.next("disconnected");
  assert.match(
    reason,
    /The server does not permit service gone any more: Port \d+ is not allowed by the server, which allows \d+/,
  );
  assert.match((await gone.events.next("service_refused")).reason, /already in use/);
  assert.equal((await events.next("service_released")).service, "b");
  assert.deepEqual(
    server.status().services.map(({ name }) => name).filter((name) => name !== "gone"),
    ["a", "shares"],
    "the shared port is not one of them",
  );
});

test("A client's services come, change and go while visitors of the others notice nothing", async () => {
  await using world = new World();
  const echo = await world.echo();
  const other = await world.service((socket) => {
    void socket.read(1).then(() => {
      socket.write("other");
      socket.end();
    });
  });
  const { port, events } = await world.server();
  const keeps = service("keeps", echo.port);
  const { client } = world.client(port, {
    services: [keeps, service("moves", echo.port), service("goes", echo.port)],
  });
  const before = await client.ready;
  const visitor = await world.visitor(portOf(before[0]?.publicUrl));
  const leaver = await world.visitor(portOf(before[2]?.publicUrl));
  for (const socket of [visitor, leaver]) {
    socket.write("a");
    assert.equal(await socket.readText(1), "a");
  }
  await client.reload({ services: [keeps, service("moves", other.port), service("comes", echo.port)] });
  const services = client.status().services.map(({ name, error }) => [name, error]);
  assert.deepEqual(services, [["keeps", undefined], ["moves", undefined], ["comes", undefined]]);
  assert.equal((await events.next("service_released")).service, "goes");
  const urls = new Map(client.status().services.map(({ name, publicUrl }) => [name, portOf(publicUrl)]));
  assert.equal(urls.get("moves"), portOf(before[1]?.publicUrl), "its port stays");
  assert.equal(await roundTrip(world, urls.get("moves") ?? 0, "?"), "other");
  assert.equal(await roundTrip(world, urls.get("comes") ?? 0, "new"), "new");
  for (const socket of [visitor, leaver]) {
    socket.write("b");
    assert.equal(await socket.readText(1), "b", "who was there stays");
  }
  await assert.rejects(client.reload({ services: [] }), TypeError);
  await assert.rejects(client.reload({ services: [keeps, keeps] }), TypeError);
  assert.equal(client.status().services.length, 3, "what cannot be shown changes nothing");
});

test("A service is taken back only by its owner, only by who may, and is free for others at once", async () => {
  await using world = new World();
  const { port } = await world.server();
  const withdraw = { type: "register", serviceName: "web", protocol: "tcp" } as const;
  const metadata = new Map([["withdraw", ""]]);
  const capabilities = [
    "ferrotunnel.streams/1;window=65536",
    "ferrotunnel.services/1",
    "ferrotunnel.withdraw/1",
  ];
  const owner = await world.puppet(port);
  const ack = await owner.handshake({ token: TOKEN, tunnelId: "a", capabilities });
  assert.ok(ack.capabilities.includes("ferrotunnel.withdraw/1"));
  assert.equal((await owner.register("web", 0)).status, "success");
  const thief = await world.puppet(port);
  await thief.handshake({ token: TOKEN, tunnelId: "b", capabilities });
  thief.send({ ...withdraw, metadata });
  await thief.expect("register_ack");
  assert.equal((await thief.register("web", 0)).status, "service_name_taken");
  owner.send({ ...withdraw, metadata });
  assert.deepEqual(await owner.expect("register_ack"), {
    type: "register_ack",
    publicUrl: "",
    status: "success",
  });
  assert.equal((await thief.register("web", 0)).status, "success");
  // Without the capability the key means nothing.
  const old = await world.puppet(port);
  assert.ok(
    !(await old.handshake({ token: TOKEN, tunnelId: "c" })).capabilities.includes("ferrotunnel.withdraw/1"),
  );
  old.send({
    ...withdraw,
    serviceName: "plain",
    metadata: new Map([["withdraw", ""], ["remote_port", "0"]]),
  });
  assert.match((await old.expect("register_ack")).publicUrl, /^tcp:/);
});

test("To a server that takes no service back nothing of it is sent, and its visitors are refused at the client", async () => {
  await using world = new World();
  const server = await world.puppetServer();
  const { client } = world.client(server.port, { services: [service("a", 1), service("b", 1)] });
  const puppet = await server.accepted();
  await puppet.welcome();
  for (const _ of ["a", "b"]) {
    await puppet.expect("register");
    puppet.send({ type: "register_ack", publicUrl: "tcp://h:1", status: "success" });
  }
  await client.ready;
  await client.reload({ services: [service("a", 1)] });
  const headers = [["service", "b"], ["visitor", "127.0.0.1:1"]] as const;
  puppet.send({
    type: "open_stream",
    streamId: 2,
    protocol: "tcp",
    headers,
    bodyHint: undefined,
    priority: "normal",
  });
  assert.deepEqual((await puppet.expect("close_stream")).reason, {
    kind: "error",
    message: 'No service "b" here',
  });
});
