import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../tunnel/fake_clock.ts";
import type { Puppet } from "../tunnel/puppet.ts";
import { freePort } from "../tunnel/sockets.ts";
import { portOf, roundTrip, service, sharedService, until, World } from "../tunnel/world.ts";

/** Opens a stream from a puppet server. */
function open(puppet: Puppet, streamId: number, name: string): void {
  puppet.send({
    type: "open_stream",
    streamId,
    protocol: "tcp",
    headers: [["service", name], ["visitor", "192.0.2.1:5000"]],
    bodyHint: undefined,
    priority: "normal",
  });
}

test("P16: a local service that is down closes the visitor at once, and harms no other service", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const { client } = world.client(port, {
    services: [service("down", await freePort()), service("up", echo.port)],
  });
  const [down, up] = (await client.ready).map(({ publicUrl }) => portOf(publicUrl));
  const canary = await world.visitor(up ?? 0);
  for (let round = 0; round < 5; round++) {
    const visitor = await world.visitor(down ?? 0);
    visitor.write("anybody there?");
    assert.equal((await visitor.readAll()).length, 0);
    await visitor.ended;
  }
  canary.write("alive");
  assert.equal(await canary.readText(5), "alive");
  assert.equal(client.counters.get("local_connect_failed", "down"), 5);
  assert.equal(server.counters.get("streams_reset", "local_service_unreachable"), 5);
  assert.equal(client.connected, true);
});

test("P16: the stream of a local service that is down is closed with LocalServiceUnreachable", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const { client } = world.client(puppets.port, { services: [sharedService("down", await freePort())] });
  const puppet = await puppets.accepted();
  await puppet.welcome();
  await puppet.expect("register");
  puppet.send({ type: "register_ack", publicUrl: "tcp://127.0.0.1:1", status: "success" });
  await client.ready;
  open(puppet, 2, "down");
  const { streamId, reason } = await puppet.expect("close_stream");
  assert.deepEqual([streamId, reason], [2, { kind: "local_service_unreachable" }]);
  assert.equal(client.status().streams, 0);
});

test("P16: a local service that resets ends its visitor's stream as an error, and no other", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const rude = await world.service((socket) => {
    void socket.read(1).then(() => socket.reset());
  });
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("rude", rude.port), service("up", echo.port)] });
  const [rudePort, up] = (await client.ready).map(({ publicUrl }) => portOf(publicUrl));
  const canary = await world.visitor(up ?? 0);
  const visitor = await world.visitor(rudePort ?? 0);
  visitor.write("x");
  await visitor.ended;
  await until(() => server.counters.get("streams_reset", "error") === 1);
  canary.write("alive");
  assert.equal(await canary.readText(5), "alive");
});

test("P16: a local service that accepts and hangs holds up its own visitor only, and is left when he leaves", async () => {
  await using world = new World();
  const { port } = await world.server();
  const hung = await world.service((socket) => socket.pause());
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("hung", hung.port), service("up", echo.port)] });
  const [hungPort, up] = (await client.ready).map(({ publicUrl }) => portOf(publicUrl));
  const accepted = hung.accepted();
  const visitor = await world.visitor(hungPort ?? 0);
  visitor.write("anybody there?");
  const local = await accepted;
  for (let round = 0; round < 5; round++) assert.equal(await roundTrip(world, up ?? 0, "alive"), "alive");
  await visitor.destroy();
  local.resume();
  await local.ended;
  local.end();
  await until(() => client.status().streams === 0);
});

/** A runtime on which one port never answers: the attempt ends when its time is over. */
function withSilentPort(port: number, clock: FakeClock, asked: number[]): Runtime {
  return {
    ...runtime,
    get version() {
      return runtime.version;
    },
    connect: (options) => {
      if (options.port !== port) return runtime.connect(options);
      const { timeoutMs = 0 } = options;
      asked.push(timeoutMs);
      return new Promise((_, reject) => {
        clock.setTimer(() => reject(new TunnelError("TIMEOUT", "Connecting took too long")), timeoutMs);
      });
    },
  };
}

test("P16: a local service that does not answer the dial costs its visitor the connect timeout, no more", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const silent = await freePort();
  const clock = new FakeClock();
  const asked: number[] = [];
  const { client } = world.client(port, {
    services: [service("silent", silent), service("up", echo.port)],
    limits: { localConnectTimeoutMs: 700 },
  }, { runtime: withSilentPort(silent, clock, asked) });
  const [silentPort, up] = (await client.ready).map(({ publicUrl }) => portOf(publicUrl));
  const visitor = await world.visitor(silentPort ?? 0);
  visitor.write("anybody there?");
  await clock.timerOf(700);
  assert.equal(await roundTrip(world, up ?? 0, "alive"), "alive");
  clock.advance(700);
  await visitor.ended;
  assert.deepEqual(asked, [700]);
  assert.equal(server.counters.get("streams_reset", "local_service_unreachable"), 1);
});
