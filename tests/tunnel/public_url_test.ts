import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "../harness.ts";
import { portOf, roundTrip, service, World } from "./world.ts";

const hasIpv6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1");
const skip = hasIpv6 ? undefined : "this machine has no ::1";

async function urlOf(
  world: World,
  server: { serviceHost?: string; publicHost?: string },
  dialled = "127.0.0.1",
): Promise<string> {
  const { port } = await world.server(server);
  const echo = await world.echo();
  const { client } = world.client(port, {
    server: { hostname: dialled, port },
    services: [service("one", echo.port)],
  });
  const [state] = await client.ready;
  assert.equal(state?.error, undefined);
  return state?.publicUrl ?? "";
}

test("A public URL has the host name that the server is known by", async () => {
  await using world = new World();
  assert.match(await urlOf(world, { publicHost: "tunnel.example" }), /^tcp:\/\/tunnel\.example:\d+$/);
  assert.match(await urlOf(world, { publicHost: "2001:db8::1" }), /^tcp:\/\/\[2001:db8::1\]:\d+$/);
});

test("A server that is bound to every address is known by the name that was dialled", async () => {
  await using world = new World();
  assert.match(await urlOf(world, { serviceHost: "0.0.0.0" }, "localhost"), /^tcp:\/\/localhost:\d+$/);
  assert.match(await urlOf(world, { serviceHost: "127.0.0.1" }, "localhost"), /^tcp:\/\/127\.0\.0\.1:\d+$/);
});

test("A server and its services listen on IPv6", async () => {
  await using world = new World();
  const { port } = await world.server({ bind: { hostname: "::1", port: 0 }, serviceHost: "::" });
  const echo = await world.echo();
  const { client } = world.client(port, {
    server: { hostname: "::1", port },
    services: [service("one", echo.port)],
  });
  const [state] = await client.ready;
  assert.match(state?.publicUrl ?? "", /^tcp:\/\/\[::1\]:\d+$/);
  assert.equal(await roundTrip(world, portOf(state?.publicUrl), "six", "::1"), "six");
  assert.equal(client.status().server, `[::1]:${port}`);
}, { skip });
