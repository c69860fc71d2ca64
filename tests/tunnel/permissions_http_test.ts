import assert from "node:assert/strict";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import type { ScopeOptions } from "../../src/tunnel/options.ts";
import { test } from "../harness.ts";
import { httpService, joined, registerHttp, routedServer } from "./http_world.ts";
import { TOKEN, World } from "./world.ts";

function tokens(scope: ScopeOptions): { tokens: { name: string; hash: string }[] } {
  return { tokens: [{ name: "first", hash: hashToken(TOKEN), ...scope }] };
}

test("Hosts outside of a token's scope are refused with the reason, named or made from the service's name", async () => {
  await using world = new World();
  const more = tokens({ hosts: ["*.example.com"] });
  const { port, route } = await routedServer(world, { http: { domain: "tunnel.test" }, more });
  const puppet = await joined(world, port, "a");
  assert.equal((await registerHttp(puppet, "inside", { "host.0": "app.example.com" })).status, "success");
  assert.equal(route("app.example.com").state, "found");
  const both = await registerHttp(puppet, "both", { "host.0": "b.example.com", "host.1": "b.example.org" });
  assert.match(both.publicUrl, /Host b\.example\.org is not permitted, only \*\.example\.com/);
  assert.equal(route("b.example.com").state, "unknown");
  assert.match((await registerHttp(puppet, "web")).publicUrl, /Host web\.tunnel\.test is not permitted/);
});

test("A client that names no service is reached over HTTP only by hosts and names that its token permits", async () => {
  await using world = new World();
  for (
    const [scope, state] of [
      [{ hosts: ["old.tunnel.test"] }, "found"],
      [{ hosts: ["*.example.com"] }, "unknown"],
      [{ services: ["old"] }, "found"],
      [{ services: ["new*"] }, "unknown"],
      [{ kinds: ["tcp"] }, "unknown"],
    ] as const
  ) {
    const { port, route } = await routedServer(world, {
      http: { domain: "tunnel.test" },
      more: tokens(scope),
    });
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: TOKEN, tunnelId: "old", capabilities: ["basic", "tcp"] });
    assert.equal(route("old.tunnel.test").state, state, JSON.stringify(scope));
  }
});

test("A reload takes away a host that is no longer permitted", async () => {
  await using world = new World();
  const { port, route, server } = await routedServer(world);
  const services = [httpService("web", { hosts: ["app.example.com"] })];
  const { client, events } = world.client(port, { services });
  await client.ready;
  assert.equal(route("app.example.com").state, "found");
  await server.reload(tokens({ hosts: ["*.example.org"] }));
  assert.equal(route("app.example.com").state, "unknown");
  assert.match(
    (await events.next("disconnected")).reason,
    /does not permit service web any more: Host app\.example/,
  );
});

test("A reload takes away the host of a client that names no service", async () => {
  await using world = new World();
  const { port, route, server } = await routedServer(world, { http: { domain: "tunnel.test" } });
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN, tunnelId: "old", capabilities: ["basic", "tcp"] });
  await server.reload(tokens({ hosts: ["old", "*.tunnel.test"] }));
  assert.equal(route("old.tunnel.test").state, "found");
  await server.reload(tokens({ hosts: ["*.example.org"] }));
  assert.equal(route("old.tunnel.test").state, "unknown");
  await puppet.closed;
});
