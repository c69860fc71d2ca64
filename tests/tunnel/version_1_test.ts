import assert from "node:assert/strict";
import { test } from "../harness.ts";
import type { Puppet } from "./puppet.ts";
import { service, sharedService, TOKEN, until, World } from "./world.ts";

/** What the other implementation names. */
const VERSION_1 = ["basic", "tcp"];

async function joined(world: World, port: number, tunnelId: string): Promise<Puppet> {
  const puppet = await world.puppet(port);
  const answer = await puppet.handshake({ token: TOKEN, tunnelId, capabilities: VERSION_1 });
  assert.equal(answer.status, "success");
  assert.deepEqual(answer.capabilities, VERSION_1, "nothing is named that the client has not named");
  return puppet;
}

test("A client of plain version 1 has the shared port, and the next one gets it when it leaves", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const sharedPort = server.tcpAddress?.port ?? 0;
  const [first, second] = [await joined(world, port, "first"), await joined(world, port, "second")];
  await world.visitor(sharedPort);
  const { headers, protocol } = await first.expect("open_stream");
  assert.deepEqual([headers, protocol], [[], "tcp"]);

  const named = await world.puppet(port);
  await named.handshake({ token: TOKEN, tunnelId: "named" });
  assert.equal((await named.register("web")).status, "service_name_taken");

  await first.socket.destroy();
  assert.equal((await events.next("client_disconnected")).tunnelId, "first");
  await world.visitor(sharedPort);
  await second.expect("open_stream");
  await second.socket.destroy();
  await events.next("client_disconnected");
  assert.equal((await named.register("web")).status, "success");
  assert.equal(server.status().clients.length, 1);
});

test("A client of plain version 1 that registers breaks the protocol", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const puppet = await joined(world, port, "first");
  puppet.send({ type: "register", serviceName: "a", protocol: "tcp", metadata: new Map() });
  await puppet.closed;
  assert.equal(server.counters.get("protocol_errors", "services_not_agreed"), 1);
});

test("A client of ours shows its first service on a server of plain version 1, and says so of the others", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const [first, second] = [await world.echo(), await world.echo()];
  const { client } = world.client(puppets.port, {
    services: [sharedService("first", first.port), service("second", second.port)],
  });
  const puppet = await puppets.accepted();
  await puppet.expect("handshake");
  puppet.answer("success", 1, VERSION_1);
  const [shown, other] = await client.ready;
  assert.deepEqual(shown, { name: "first", publicUrl: undefined, error: undefined });
  assert.match(other?.error ?? "", /shows one service of a client/);
  puppet.send({
    type: "open_stream",
    streamId: 2,
    protocol: "tcp",
    headers: [],
    bodyHint: undefined,
    priority: "normal",
  });
  puppet.sendData(2, new TextEncoder().encode("hello"));
  assert.equal((await puppet.expect("data_frame")).bytes, 5);
  await until(() => first.sockets.length === 1);
  assert.equal(second.sockets.length, 0);
});
