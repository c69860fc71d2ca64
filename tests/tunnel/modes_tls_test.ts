import assert from "node:assert/strict";
import { makeCertificates } from "../runtime/_certificates.ts";
import { runtimeName, test } from "../harness.ts";
import { portOf, service, until, World } from "./world.ts";

const { ca, server: identity } = makeCertificates();

test("Over TLS, parallel and direct connections carry bytes and both ends of each direction", async () => {
  await using world = new World();
  const { server, port } = await world.server({ tls: identity });
  const echo = await world.echo();
  const { client } = world.client(port, {
    tls: { ca },
    connections: 2,
    directPool: 2,
    services: [service("echo", echo.port), service("ssh", echo.port, { mode: "direct" })],
  });
  const states = await client.ready;
  await until(() => server.status().clients.map(({ direct }) => direct.idle).join() === "2,2");
  const bytes = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31 + (index >>> 8) * 7) & 0xff);
  for (const { publicUrl } of states) {
    const visitor = await world.visitor(portOf(publicUrl));
    const received = visitor.readAll();
    await visitor.writeAll(bytes);
    visitor.end();
    assert.deepEqual(await received, bytes);
  }
  assert.equal(server.counters.get("streams_opened", "direct"), 1);
});

test(
  "Over TLS, a direct connection that is cut off without close_notify ends at once in both directions",
  async () => {
    await using world = new World();
    const { port } = await world.server({ tls: identity });
    const relay = await world.relay(port);
    const local = await world.service((socket) => socket.write("the beginning"));
    const services = [service("ssh", local.port, { mode: "direct" })];
    const { client } = world.client(relay.port, { tls: { ca }, directPool: 1, services });
    const publicPort = portOf((await client.ready)[0]?.publicUrl);
    const visitor = await world.visitor(publicPort);
    assert.equal(await visitor.readText(13), "the beginning");
    assert.equal(client.status().direct.visitors, 1);
    // Were it taken for an end, the other direction would go on: neither the visitor nor the service has ended.
    await relay.cut();
    await until(() => client.status().direct.visitors === 0);
    await visitor.ended;
  },
  { skip: runtimeName === "bun" ? "Bun reports a FIN without close_notify as an end" : undefined },
);
