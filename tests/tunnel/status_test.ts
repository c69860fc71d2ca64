import assert from "node:assert/strict";
import { hostname } from "node:os";
import { formatAddress } from "../../src/format_address.ts";
import { test } from "../harness.ts";
import { portOf, service, sharedService, until, World } from "./world.ts";

test("formatAddress() puts brackets around IPv6", () => {
  assert.equal(formatAddress({ hostname: "192.0.2.1", port: 80 }), "192.0.2.1:80");
  assert.equal(formatAddress({ hostname: "2001:db8::1", port: 80 }), "[2001:db8::1]:80");
  assert.equal(formatAddress({ hostname: "tunnel.example", port: 80 }), "tunnel.example:80");
});

test("The status of a server and of a client tells what they are doing and survives JSON", async () => {
  await using world = new World();
  const { server, port } = await world.server({ tcpBind: { hostname: "127.0.0.1", port: 0 } });
  const echo = await world.echo();
  const { client } = world.client(port, {
    tunnelId: "home",
    services: [service("own", echo.port), sharedService("shared", echo.port), service("bad name", echo.port)],
  });
  const states = await client.ready;
  const ownPort = portOf(states[0]?.publicUrl);
  const visitor = await world.visitor(ownPort);
  visitor.write("x");
  await visitor.read(1);
  await until(() => client.status().rttMs !== undefined && server.status().clients[0]?.rttMs !== undefined);

  const status = server.status();
  const { httpAddress, httpsAddress, ...shown } = status;
  assert.deepEqual([httpAddress, httpsAddress], [undefined, undefined]);
  assert.deepEqual(JSON.parse(JSON.stringify(status)), shown);
  assert.equal(status.address, `127.0.0.1:${port}`);
  assert.equal(status.sharedAddress, formatAddress(server.tcpAddress ?? { hostname: "", port: 0 }));
  assert.equal(status.stopping, false);
  assert.equal(status.unauthenticated, 0);
  const [connected] = status.clients;
  assert.ok(connected);
  assert.match(connected.remote, /^127\.0\.0\.1:\d+$/);
  assert.ok(connected.connectedForMs >= 0);
  assert.deepEqual({ ...connected, remote: "", connectedForMs: 0, rttMs: 0 }, {
    tunnelId: "home",
    token: "first",
    remote: "",
    member: 0,
    connectedForMs: 0,
    streams: 1,
    bufferedBytes: 0,
    rttMs: 0,
    extended: true,
    direct: { idle: 0, visitors: 0 },
  });
  const kind = { kind: "tcp", mode: "multiplexed", tunnelId: "home", online: true, hosts: [], paths: [] };
  const ownAddress = `127.0.0.1:${ownPort}`;
  assert.deepEqual(status.services, [
    { ...kind, name: "own", address: ownAddress, publicUrl: `tcp://${ownAddress}` },
    { ...kind, name: "shared", address: status.sharedAddress, publicUrl: `tcp://${status.sharedAddress}` },
  ]);

  const { rttMs, connections, ...rest } = client.status();
  assert.ok(rttMs !== undefined && rttMs >= 0);
  assert.deepEqual(connections, [{ member: 0, connected: true, streams: 1, bufferedBytes: 0, rttMs }]);
  const local = `127.0.0.1:${echo.port}`;
  const error = states[2]?.error;
  assert.deepEqual(JSON.parse(JSON.stringify(rest)), {
    role: "client",
    server: `127.0.0.1:${port}`,
    servers: [`127.0.0.1:${port}`],
    tunnelId: "home",
    connected: true,
    stopping: false,
    streams: 1,
    bufferedBytes: 0,
    direct: { idle: 0, visitors: 0 },
    services: [
      { name: "own", local, publicUrl: `tcp://127.0.0.1:${ownPort}` },
      { name: "shared", local, publicUrl: `tcp://${status.sharedAddress}` },
      { name: "bad name", local, error },
    ],
  });

  await client.stop();
  assert.equal(client.status().stopping, true);
  await until(() => server.status().clients.length === 0);
  assert.deepEqual(server.status().services, []);
});

test("The status of a server shows a service whose client is away", async () => {
  await using world = new World();
  const { server, port, events } = await world.server();
  const relay = await world.relay(port);
  const echo = await world.echo();
  const { client } = world.client(relay.port, {
    services: [service("one", echo.port)],
    limits: { reconnectMinMs: 60_000, reconnectMaxMs: 60_000 },
  }, { random: () => 1 });
  await client.ready;
  await relay.cut();
  await events.next("client_disconnected");
  assert.deepEqual(server.status().services.map(({ name, online }) => [name, online]), [["one", false]]);
  await until(() => !client.connected);
  const { connected, services } = client.status();
  assert.equal(connected, false);
  assert.equal(services[0]?.publicUrl, undefined);
});

test("Without a tunnel id the same machine with the same services is the same client", async () => {
  await using world = new World();
  const { port } = await world.server();
  const services = [service("one", 1), service("two", 2)];
  const ids = [services, [...services].reverse(), [service("one", 1)]].map((list) => {
    return world.client(port, { services: list }).client.tunnelId;
  });
  assert.equal(ids[0], ids[1]);
  assert.notEqual(ids[0], ids[2]);
  assert.ok(ids.every((id) => id.startsWith(`${hostname()}-`)));
});
