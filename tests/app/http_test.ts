import assert from "node:assert/strict";
import { startServer, TunnelError } from "../../mod.ts";
import { test } from "../harness.ts";
import { freePort, isRefused } from "../tunnel/sockets.ts";
import { service, TOKEN, until, World } from "../tunnel/world.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const TOKENS = [{ name: "first", token: TOKEN }];

test("A server that cannot have its HTTP port has none of its ports", async () => {
  await using world = new World();
  const taken = await world.echo();
  const [bind, tcpBind] = [
    { hostname: "127.0.0.1", port: await freePort() },
    { hostname: "127.0.0.1", port: await freePort() },
  ];
  const http = { bind: { hostname: "127.0.0.1", port: taken.port } };
  await assert.rejects(() => startServer({ bind, tcpBind, http, tokens: TOKENS }), (error) => {
    return error instanceof TunnelError && error.code === "BIND" &&
      error.message.includes(String(taken.port));
  });
  assert.equal(await isRefused(bind.port), true);
  assert.equal(await isRefused(tcpBind.port), true);
});

test("HTTP options that cannot be used are misuse, found before anything is bound", async () => {
  for (const http of [{}, { bind: LOOPBACK, domain: "a b" }, { bind: LOOPBACK, allowHosts: ["*"] }]) {
    await assert.rejects(() => startServer({ bind: LOOPBACK, http, tokens: TOKENS }), TypeError);
  }
});

test("maxConnections counts visitors of TCP and HTTP ports together", async () => {
  await using world = new World();
  const { server, port } = await world.server({
    tcpBind: LOOPBACK,
    http: { bind: LOOPBACK },
    limits: { maxConnections: 2 },
  });
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("echo", echo.port)] });
  await client.ready;
  const httpPort = server.httpAddress?.port ?? 0;
  const tcpPort = Number(/\d+$/.exec(server.status().services[0]?.address ?? "")?.[0]);
  const refused = (): number => server.counters.get("visitors_refused", "max_connections");
  const tcp = await world.visitor(tcpPort);
  const http = await world.visitor(httpPort);
  await until(() => server.counters.get("visitors_accepted") === 2);
  assert.equal(refused(), 0);
  for (const [index, full] of [tcpPort, httpPort].entries()) {
    const third = await world.visitor(full);
    await third.ended;
    assert.equal(refused(), index + 1);
  }
  await http.destroy();
  // The place is free once the server has seen the end, which no event tells of.
  while (server.counters.get("visitors_accepted") < 3) {
    const before = refused();
    await world.visitor(httpPort);
    await until(() => server.counters.get("visitors_accepted") === 3 || refused() > before);
  }
  tcp.write("still there");
  assert.equal(new TextDecoder().decode(await tcp.read(11)), "still there");
});
