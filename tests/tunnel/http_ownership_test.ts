import assert from "node:assert/strict";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import { encodeGoAway } from "../../src/wire/frame.ts";
import { test } from "../harness.ts";
import { httpService, joined, registerHttp, routedServer } from "./http_world.ts";
import type { Puppet } from "./puppet.ts";
import { OTHER_TOKEN, portOf, roundTrip, service, TOKEN, until, World } from "./world.ts";

const UNKNOWN = { state: "unknown" };
const AWAY = { state: "away" };

test("A host belongs to one client until that one gives it up", async () => {
  await using world = new World();
  const { port, route, events } = await routedServer(world);
  const first = await joined(world, port, "first");
  const second = await joined(world, port, "second", OTHER_TOKEN);
  const host = { "host.0": "a.b" };
  assert.equal((await registerHttp(first, "one", { ...host, "path.0": "/one" })).status, "success");
  const other = await registerHttp(second, "two", { ...host, "path.0": "/two" });
  assert.deepEqual([other.status, other.publicUrl], [
    "service_name_taken",
    "Host a.b belongs to another client",
  ]);
  assert.deepEqual(route("a.b", "/two"), UNKNOWN);

  assert.equal((await registerHttp(first, "pool", { "host.0": "*.pool" })).status, "success");
  const below = await registerHttp(second, "two", { "host.0": "x.pool" });
  assert.equal(below.publicUrl, "Host x.pool lies below *.pool, which belongs to another client");

  first.sendRaw(encodeGoAway("shutting_down"));
  const released = (name: string): boolean =>
    events.of("service_released").some(({ service }) => service === name);
  await until(() => released("one") && released("pool"));
  assert.deepEqual([route("a.b", "/one"), route("x.pool")], [UNKNOWN, UNKNOWN]);
  assert.equal((await registerHttp(second, "two", { ...host, "path.0": "/two" })).status, "success");
  assert.equal(route("a.b", "/two").state, "found");
});

test("A host is kept for a client that was lost, and led to it again when it is back", async () => {
  await using world = new World();
  const { server, port, route, events } = await routedServer(world);
  const first = await joined(world, port, "home");
  await registerHttp(first, "web", { "host.0": "a.b" });
  await first.socket.destroy();
  await events.next("client_disconnected");
  assert.deepEqual(route("a.b"), AWAY);
  assert.deepEqual(server.status().services.map(({ online, hosts }) => [online, hosts]), [[false, ["a.b"]]]);

  const thief = await joined(world, port, "thief");
  assert.equal((await registerHttp(thief, "other", { "host.0": "a.b" })).status, "service_name_taken");
  assert.equal(
    (await registerHttp(thief, "other", { "host.0": "a.b", "path.0": "/x" })).status,
    "service_name_taken",
  );

  const back = await joined(world, port, "home");
  assert.deepEqual(route("a.b"), AWAY, "until it has registered again");
  assert.equal((await registerHttp(back, "web", { "host.0": "a.b", "host.1": "c.d" })).status, "success");
  assert.deepEqual([route("a.b").state, route("c.d").state], ["found", "found"]);
});

test("A host is free when the grace is over", async () => {
  await using world = new World();
  const { port, route, events } = await routedServer(world, { more: { limits: { reclaimGraceMs: 1 } } });
  const first = await joined(world, port, "home");
  await registerHttp(first, "web", { "host.0": "a.b" });
  await first.socket.destroy();
  await events.next("service_released");
  assert.deepEqual(route("a.b"), UNKNOWN);
  const other = await joined(world, port, "other", OTHER_TOKEN);
  assert.equal((await registerHttp(other, "web", { "host.0": "a.b" })).status, "success");
});

test("A registration replaces the one before, from TCP to HTTP and back too", async () => {
  await using world = new World();
  const { server, port, route } = await routedServer(world, {
    more: { tcpBind: { hostname: "127.0.0.1", port: 0 } },
  });
  const puppet = await joined(world, port, "home");
  const kinds = (): (string | undefined)[] =>
    server.status().services.map(({ kind, publicUrl }) => `${kind} ${publicUrl}`);
  const tcp = await puppet.register("web", 0);
  const oldPort = portOf(tcp.publicUrl);
  await registerHttp(puppet, "web", { "host.0": "a.b" });
  assert.deepEqual(kinds(), ["http http://a.b:8080/"]);
  await assert.rejects(() => roundTrip(world, oldPort, "x"));
  await registerHttp(puppet, "web", { "host.0": "c.d" });
  assert.deepEqual([route("a.b").state, route("c.d").state], ["unknown", "found"]);
  assert.equal((await puppet.register("web")).publicUrl, `tcp://127.0.0.1:${server.tcpAddress?.port}`);
  assert.deepEqual(route("c.d"), UNKNOWN);
  await registerHttp(puppet, "web", { "host.0": "c.d" });
  assert.equal((await puppet.register("other")).status, "success", "the shared port is free again");
  assert.equal((await puppet.register("web", 0)).status, "success");
  assert.deepEqual(route("c.d"), UNKNOWN);
  assert.equal((await registerHttp(puppet, "web", { "host.0": "a b" })).status, "quota_exceeded");
  assert.deepEqual(server.status().services.map(({ name }) => name), ["other"]);
});

test("Services over HTTP count among those that one client may have", async () => {
  await using world = new World();
  const { port } = await routedServer(world, { more: { limits: { maxServices: 2 } } });
  const puppet = await joined(world, port, "home");
  assert.equal((await registerHttp(puppet, "a", { "host.0": "a" })).status, "success");
  assert.equal((await puppet.register("b", 0)).status, "success");
  const refusal = await registerHttp(puppet, "c", { "host.0": "c" });
  assert.equal(refusal.status, "quota_exceeded");
  assert.match(refusal.publicUrl, /allows 2 services for one client/);
});

/** A client of plain version 1. */
async function joinedUnnamed(world: World, port: number, tunnelId: string, token = TOKEN): Promise<Puppet> {
  const puppet = await world.puppet(port);
  const { status } = await puppet.handshake({ token, tunnelId, capabilities: ["basic", "tcp"] });
  assert.equal(status, "success");
  return puppet;
}

test("A client of version 1 is reached by its tunnel id, alone and below the domain, while it is there", async () => {
  await using world = new World();
  const { port, route, events } = await routedServer(world, { http: { domain: "example.com" } });
  const old = await joinedUnnamed(world, port, "My-App");
  for (const host of ["my-app", "my-app.example.com"]) {
    const found = route(host);
    assert.ok(found.state === "found", host);
    assert.deepEqual([found.service, found.tunnelId], [undefined, "My-App"]);
    assert.deepEqual(found.policy.plugins, []);
  }
  const named = await joined(world, port, "named");
  const { status } = await registerHttp(named, "my-app");
  assert.equal(status, "service_name_taken", "the host is the other client's");
  await old.socket.destroy();
  await events.next("client_disconnected");
  assert.deepEqual([route("my-app"), route("my-app.example.com")], [UNKNOWN, UNKNOWN]);
  assert.equal((await registerHttp(named, "my-app")).status, "success");
  // Whoever was there first keeps it: one of the two names is left for this client.
  await joinedUnnamed(world, port, "my-app", OTHER_TOKEN);
  const [alone, below] = [route("my-app"), route("my-app.example.com")];
  assert.ok(alone.state === "found" && below.state === "found");
  assert.deepEqual([alone.service, below.service], [undefined, "my-app"]);
});

test("A client that cannot name its services keeps its host when its new connection replaces the old one", async () => {
  await using world = new World();
  const { server, port, route, events } = await routedServer(world);
  // In a group a connection joins before the one that it replaces has left.
  const group = { member: 0, of: 2 };
  const capabilities = formatCapabilities({
    window: 65536,
    services: false,
    instance: "0".repeat(32),
    group,
  });
  const connect = async (): Promise<Puppet> => {
    const puppet = await world.puppet(port);
    assert.equal((await puppet.handshake({ token: TOKEN, tunnelId: "app", capabilities })).status, "success");
    return puppet;
  };
  const first = await connect();
  const before = route("app");
  const second = await connect();
  await first.closed;
  await events.next("client_disconnected");
  const after = route("app");
  assert.ok(before.state === "found" && after.state === "found");
  assert.notEqual(after.session, before.session);
  assert.equal(server.status().clients.length, 1);
  await second.socket.destroy();
  await events.next("client_disconnected");
  assert.deepEqual(route("app"), UNKNOWN);
});

test("A client of version 1 gets no host that the server does not allow, and none that is no host", async () => {
  await using world = new World();
  const { port, route } = await routedServer(world, { http: { domain: "example.com", allowHosts: ["ok"] } });
  for (const tunnelId of ["ok", "not-ok", "a b", "*.example.com", "example.com", ""]) {
    await joinedUnnamed(world, port, tunnelId);
  }
  const states = ["ok", "ok.example.com", "not-ok", "not-ok.example.com", "example.com", "x.example.com"]
    .map((host) => route(host).state);
  assert.deepEqual(states, ["found", "found", "unknown", "found", "unknown", "unknown"]);
});

test("A client of ours shows a service over HTTP on a server of version 1", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const [web, raw] = [await world.echo(), await world.echo()];
  const { client } = world.client(puppets.port, {
    services: [
      service("own-port", raw.port),
      httpService("web", { local: { hostname: "127.0.0.1", port: web.port } }),
      httpService("second"),
    ],
  });
  const puppet = await puppets.accepted();
  await puppet.expect("handshake");
  puppet.answer("success", 1, ["basic", "tcp"]);
  const states = await client.ready;
  assert.deepEqual(states[1], { name: "web", publicUrl: undefined, error: undefined });
  assert.match(states[0]?.error ?? "", /give it no remote port/);
  assert.match(
    states[2]?.error ?? "",
    /shows one service of a client, on the server's own port, which is web/,
  );
  const open = { type: "open_stream", headers: [], bodyHint: undefined, priority: "normal" } as const;
  puppet.send({ ...open, streamId: 2, protocol: "http" });
  await until(() => web.sockets.length === 1);
  puppet.send({ ...open, streamId: 4, protocol: "tcp" });
  await until(() => web.sockets.length === 2);
});
