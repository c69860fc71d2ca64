/**
 * What happens when the stream ids of a session come to their end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { RENEW_AT_STREAM_ID } from "../../src/mux/session_types.ts";
import type { ServerOptions } from "../../src/tunnel/options.ts";
import { TunnelServer } from "../../src/tunnel/server.ts";
import { MAX_STREAM_ID } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { dispose, makeWorld } from "../mux/support.ts";
import { within } from "../support/deadline.ts";
import { portOf, roundTrip, service, type TestServer, TOKEN, until, World } from "../tunnel/world.ts";

async function serverNearTheEnd(
  world: World,
  options: Partial<ServerOptions> = {},
): Promise<TestServer & { server: TunnelServer }> {
  const started = await world.server(options);
  const { server } = started;
  assert.ok(server instanceof TunnelServer);
  Object.assign(server.environment, { firstStreamId: RENEW_AT_STREAM_ID - 2 });
  return { ...started, server };
}

test("F31: before the stream ids are used up the client connects anew, and the streams there are go on", async () => {
  await using world = new World();
  const { server, port } = await serverNearTheEnd(world);
  const echo = await world.echo();
  const { client, events } = world.client(port, { services: [service("echo", echo.port)] });
  const [state] = await within(client.ready, "the client to be ready");
  const publicPort = portOf(state?.publicUrl);
  await events.next("service_ready");
  const visitors = [await world.visitor(publicPort), await world.visitor(publicPort)];
  const { reason } = await within(events.next("disconnected"), "the session to be renewed");
  assert.equal(reason, "The stream ids of the connection are used up");
  assert.equal((await events.next("service_ready")).publicUrl, state?.publicUrl);
  assert.equal(await roundTrip(world, publicPort, "new"), "new");
  for (const visitor of visitors) {
    visitor.write("old");
    assert.equal(await visitor.readText(3), "old");
    visitor.end();
    assert.equal((await visitor.readAll()).length, 0);
  }
  await until(() => server.status().clients.length === 1);
  assert.equal(server.counters.get("streams_reset"), 0);
});

test("F31: a client of version 1 loses its session before the stream ids are used up", async () => {
  await using world = new World();
  const { server, events, port } = await serverNearTheEnd(world, {
    tcpBind: { hostname: "127.0.0.1", port: 0 },
  });
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN, tunnelId: "old", capabilities: ["basic", "tcp"] });
  await until(() => server.status().clients.length === 1);
  const sharedPort = server.tcpAddress?.port ?? 0;
  await world.visitor(sharedPort);
  await puppet.expect("open_stream");
  assert.deepEqual(events.of("client_disconnected"), []);
  await world.visitor(sharedPort);
  await puppet.closed;
  assert.equal((await events.next("client_disconnected")).reason, "The stream ids are used up");
});

test("F31: the last stream id is used, and there is none after it", async () => {
  const world = makeWorld({ firstStreamId: MAX_STREAM_ID - 1 });
  const last = world.server.open();
  await world.settle();
  assert.equal(world.client.session.streamCount, 1);
  assert.throws(() => world.server.open(), (error) => error instanceof TunnelError && error.code === "LIMIT");
  last.reset();
  await world.settle();
  await dispose(world);
});
