import assert from "node:assert/strict";
import { connect, createServer } from "node:net";
import {
  type ClientEvent,
  Counters,
  type ServerEvent,
  startClient,
  startServer,
  TunnelError,
  VERSION,
} from "../../mod.ts";
import { test } from "../harness.ts";

/** Sends text to a port and returns everything that comes back. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.end(text));
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => received += chunk);
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}

/** A web server that everybody can write. */
async function startWeb(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("No port");
  return { port: address.port, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

test("A program can embed a server and a client from plain objects", async () => {
  const web = await startWeb();
  const token = "correct horse battery staple";
  const serverEvents: ServerEvent[] = [];
  const clientEvents: ClientEvent[] = [];
  const counters = new Counters();
  const server = await startServer({
    bind: { hostname: "127.0.0.1", port: 0 },
    serviceHost: "127.0.0.1",
    tokens: [{ name: "example", token }],
  }, { onEvent: (event) => serverEvents.push(event), counters });
  assert.ok(server.address.port > 0);
  assert.equal(server.ready, true);
  assert.equal(server.tcpAddress, undefined);

  const client = startClient({
    server: server.address,
    token,
    tunnelId: "example",
    services: [
      { name: "web", kind: "tcp", local: { hostname: "127.0.0.1", port: web.port }, remotePort: 0 },
      { name: "privileged", kind: "tcp", local: { hostname: "127.0.0.1", port: web.port }, remotePort: 80 },
    ],
  }, { onEvent: (event) => clientEvents.push(event) });
  const [service, refused] = await client.ready;
  assert.match(service?.publicUrl ?? "", /^tcp:\/\/127\.0\.0\.1:\d+$/);
  assert.match(refused?.error ?? "", /Port 80 is not allowed/);
  assert.equal(client.tunnelId, "example");
  assert.equal(client.connected, true);

  const publicPort = Number(service?.publicUrl?.split(":").at(-1));
  assert.match(await exchange(publicPort, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), /^HTTP\/1\.1 204 /);
  assert.equal(server.counters, counters);
  assert.equal(counters.get("visitors_accepted"), 1);
  assert.deepEqual(server.status().services.map(({ name, online }) => [name, online]), [["web", true]]);

  await client.stop();
  await client.closed;
  await server.stop();
  assert.equal(server.ready, false);
  await web.close();
  assert.deepEqual(clientEvents.map(({ type }) => type).sort(), [
    "connected",
    "service_ready",
    "service_refused",
  ]);
  assert.deepEqual(serverEvents.slice(0, 3).map(({ type }) => type), [
    "client_connected",
    "service_registered",
    "service_refused",
  ]);
  assert.deepEqual(serverEvents.slice(3).map(({ type }) => type).sort(), [
    "client_disconnected",
    "service_released",
  ]);
});

test("A program can tell why a client gave up", async () => {
  const server = await startServer({
    bind: { hostname: "127.0.0.1", port: 0 },
    tokens: [{ name: "example", token: "correct horse" }],
  });
  const client = startClient({
    server: server.address,
    token: "battery staple",
    services: [{ name: "web", kind: "tcp", local: { hostname: "127.0.0.1", port: 1 }, remotePort: 0 }],
  });
  await assert.rejects(
    client.ready,
    (error) => error instanceof TunnelError && error.code === "AUTHENTICATION",
  );
  await server.stop();
});

test("Servers and clients are values: a program may start as many as it likes", async () => {
  const tokens = [{ name: "example", token: "correct horse" }];
  const bind = { hostname: "127.0.0.1", port: 0 };
  const servers = await Promise.all(Array.from({ length: 3 }, () => startServer({ bind, tokens })));
  assert.equal(new Set(servers.map(({ address }) => address.port)).size, 3);
  await Promise.all(servers.map((server) => server.stop()));
});

test("The library says its version", () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+/);
});
