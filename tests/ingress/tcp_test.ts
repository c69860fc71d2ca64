import assert from "node:assert/strict";
import { test } from "../harness.ts";
import type { Puppet } from "../tunnel/puppet.ts";
import { isRefused } from "../tunnel/sockets.ts";
import { portOf, service, TOKEN, until, World } from "../tunnel/world.ts";

/** A client of puppets with one service. */
async function tenant(world: World, port: number): Promise<{ puppet: Puppet; publicPort: number }> {
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN });
  const { publicUrl } = await puppet.register("ssh", 0);
  return { puppet, publicPort: portOf(publicUrl) };
}

test("TcpIngress opens a stream for a visitor that names the service and where the visitor comes from", async () => {
  await using world = new World();
  const { port } = await world.server();
  const { puppet, publicPort } = await tenant(world, port);
  const visitor = await world.visitor(publicPort);
  visitor.write("hello");
  const { protocol, headers, streamId, priority } = await puppet.expect("open_stream");
  assert.equal(streamId, 2);
  assert.equal(protocol, "tcp");
  assert.equal(priority, "normal");
  assert.deepEqual(headers, [["service", "ssh"], ["visitor", `127.0.0.1:${visitor.localPort}`]]);
  assert.equal((await puppet.expect("data_frame")).bytes, 5);
  puppet.send({ type: "stream_ack", streamId, status: "accepted" });
  puppet.sendData(streamId, new TextEncoder().encode("welcome"), true);
  assert.equal(new TextDecoder().decode(await visitor.readAll()), "welcome");
  visitor.end();
  assert.equal((await puppet.expect("data_frame")).end, true);
});

test("TcpIngress takes as many visitors as allowed, and not one more", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxConnections: 3 } });
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("a", echo.port), service("b", echo.port)] });
  const ports = (await client.ready).map(({ publicUrl }) => portOf(publicUrl));
  const visit = async (index: number): Promise<Awaited<ReturnType<World["visitor"]>>> => {
    const visitor = await world.visitor(ports[index] ?? 0);
    visitor.write("x");
    return visitor;
  };
  const inside = [await visit(0), await visit(0), await visit(1)]; // The limit is over all ports.
  for (const visitor of inside) assert.equal(await visitor.readText(1), "x");
  for (let more = 1; more <= 5; more++) {
    const refused = await visit(more % 2);
    assert.equal((await refused.readAll()).length, 0);
    assert.equal(server.counters.get("visitors_refused", "max_connections"), more);
  }
  for (const visitor of inside) {
    visitor.write("y");
    assert.equal(await visitor.readText(1), "y");
  }
  inside[0]?.reset(); // The server closes its socket before it tells the client.
  await until(() => client.status().streams === 2);
  const next = await visit(0);
  assert.equal(await next.readText(1), "x");
});

test("TcpIngress refuses a visitor for whom the session has no stream left, and tells others apart", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxStreams: 2 } });
  const { puppet, publicPort } = await tenant(world, port);
  for (let count = 0; count < 2; count++) {
    await world.visitor(publicPort);
    const { streamId } = await puppet.expect("open_stream");
    puppet.send({ type: "stream_ack", streamId, status: "accepted" });
  }
  const refused = await world.visitor(publicPort);
  await refused.ended;
  assert.equal(server.counters.get("visitors_refused", "no_stream"), 1);
  assert.equal(server.counters.get("visitors_accepted"), 2);
});

test("TcpIngress refuses visitors while the client is away, and gives places back after any number of them", async () => {
  await using world = new World();
  const { server, port, events } = await world.server({ limits: { maxConnections: 2 } });
  const first = world.puppet(port);
  const puppet = await first;
  await puppet.handshake({ token: TOKEN, tunnelId: "home" });
  const publicPort = portOf((await puppet.register("ssh", 0)).publicUrl);
  const caught = await world.visitor(publicPort);
  await puppet.expect("open_stream");
  await puppet.socket.destroy();
  await events.next("client_disconnected");
  await caught.ended; // A visitor whose client is lost is told.
  for (let count = 1; count <= 5; count++) {
    const visitor = await world.visitor(publicPort);
    await visitor.ended;
    assert.equal(server.counters.get("visitors_refused", "client_away"), count);
  }
  const back = await world.puppet(port);
  await back.handshake({ token: TOKEN, tunnelId: "home" });
  assert.equal(portOf((await back.register("ssh", 0)).publicUrl), publicPort);
  for (let count = 0; count < 2; count++) {
    await world.visitor(publicPort);
    await back.expect("open_stream");
  }
  assert.equal(server.counters.get("visitors_refused", "max_connections"), 0);
});

test("TcpIngress frees the port when the client gives its service up", async () => {
  await using world = new World();
  const { port, events } = await world.server();
  const { puppet, publicPort } = await tenant(world, port);
  const visitor = await world.visitor(publicPort);
  visitor.write("x");
  const { streamId } = await puppet.expect("open_stream");
  puppet.sendRaw(Uint8Array.of(0, 0, 0, 2, 3, 0)); // Goes away.
  await events.next("service_released");
  assert.equal(await isRefused(publicPort), true);
  // The visitor that is there already is served to the end.
  puppet.send({ type: "stream_ack", streamId, status: "accepted" });
  puppet.sendData(streamId, new TextEncoder().encode("bye"), true);
  assert.equal(new TextDecoder().decode(await visitor.readAll()), "bye");
});
