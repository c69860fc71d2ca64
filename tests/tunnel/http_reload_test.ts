import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { HTTP_PORT, httpService, joined, registerHttp, routedServer } from "./http_world.ts";
import { OTHER_TOKEN, TOKEN, World } from "./world.ts";

const TOKENS = { tokens: [{ name: "first", token: TOKEN }, { name: "second", token: OTHER_TOKEN }] };
const BIND = { hostname: "127.0.0.1", port: HTTP_PORT };

test("Hosts that are allowed no more end who has them, with the reason; others notice nothing", async () => {
  await using world = new World();
  const { port, route, server } = await routedServer(world);
  const goes = world.client(port, {
    tunnelId: "goes",
    services: [httpService("web", { hosts: ["a.test"] })],
  });
  await goes.client.ready;
  const stays = await joined(world, port, "stays", OTHER_TOKEN);
  assert.equal((await registerHttp(stays, "other", { "host.0": "b.test" })).status, "success");
  await server.reload({ ...TOKENS, http: { bind: BIND, allowHosts: ["b.test"] } });
  assert.deepEqual([route("a.test").state, route("b.test").state], ["unknown", "found"]);
  assert.match(
    (await goes.events.next("disconnected")).reason,
    /The server does not permit service web any more: Host a\.test is not allowed by the server, which allows b\.test/,
  );
  assert.match((await goes.events.next("service_refused")).reason, /Host a\.test is not allowed/);
  assert.deepEqual(server.status().clients.map(({ tunnelId }) => tunnelId).includes("stays"), true);
});

test("Another domain ends who has a name below the old one, and whoever comes back is below the new one", async () => {
  await using world = new World();
  const { port, route, server } = await routedServer(world, { http: { domain: "old.test" } });
  const { client, events } = world.client(port, { services: [httpService("web")] });
  const named = await joined(world, port, "named", OTHER_TOKEN);
  assert.equal((await registerHttp(named, "named", { "host.0": "x.old.test" })).status, "success");
  await client.ready;
  assert.equal(route("web.old.test").state, "found");
  await server.reload({ ...TOKENS, http: { bind: BIND, domain: "new.test" } });
  assert.match(
    (await events.next("disconnected")).reason,
    /The server does not permit service web any more: Host web\.old\.test is not below the server's domain new\.test/,
  );
  assert.equal(route("web.old.test").state, "unknown");
  assert.equal(route("x.old.test").state, "found", "every host is allowed, and it has asked for this one");
  for (;;) if ((await events.next("service_ready")).publicUrl?.includes("new.test")) break;
  assert.equal(route("web.new.test").state, "found");
});

test("A client that names no service has to go when its host is allowed no more", async () => {
  await using world = new World();
  const { port, route, server } = await routedServer(world, { http: { domain: "old.test" } });
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN, tunnelId: "box", capabilities: ["basic", "tcp"] });
  await server.reload({ ...TOKENS, http: { bind: BIND, domain: "old.test", publicPort: 80 } });
  assert.equal(route("box.old.test").state, "found");
  await server.reload({ ...TOKENS, http: { bind: BIND, domain: "new.test" } });
  assert.equal(route("box.old.test").state, "unknown");
  await puppet.closed;
});

test("Public ports change the URLs that the server tells, and rules reach the ports", async () => {
  await using world = new World();
  const { port, server, changes } = await routedServer(world);
  const puppet = await joined(world, port, "one");
  await registerHttp(puppet, "web", { "host.0": "a.test" });
  const http = { bind: { ...BIND, port: 1 }, publicPort: 80, trustedProxies: ["10.0.0.0/8"] };
  await server.reload({ ...TOKENS, http });
  assert.equal(server.status().services[0]?.publicUrl, "http://a.test/");
  assert.deepEqual(changes, [{ http: { ...http, bind: BIND } }], "where it is bound stays");
  await server.reload(TOKENS);
  assert.deepEqual(changes[1], changes[0], "without anything about HTTP all of it stays");
});

test("Rules that cannot be used change nothing", async () => {
  await using world = new World();
  const { port, route, server, changes } = await routedServer(world);
  const puppet = await joined(world, port, "one");
  await registerHttp(puppet, "web", { "host.0": "a.test" });
  const limits = { maxSessions: 1 };
  const allowPorts = [{ from: 1, to: 1 }];
  const bad = {
    ...TOKENS,
    limits,
    allowPorts,
    http: { bind: BIND, allowHosts: ["b.test"], domain: "no host" },
  };
  await assert.rejects(server.reload(bad), TypeError);
  await assert.rejects(
    server.reload({ ...bad, http: { bind: BIND, allowHosts: ["b.test"] }, tokens: [] }),
    TypeError,
  );
  assert.equal(route("a.test").state, "found");
  assert.deepEqual(changes, []);
  assert.equal(server.limits.maxSessions, 1_000);
});
