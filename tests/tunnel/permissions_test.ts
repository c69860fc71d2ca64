import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hashToken } from "../../src/tunnel/authenticator.ts";
import type { ScopeOptions, TokenOptions } from "../../src/tunnel/options.ts";
import { formatCapabilities } from "../../src/wire/capabilities.ts";
import { test } from "../harness.ts";
import { FakeClock } from "./fake_clock.ts";
import { CLIENT_CAPABILITIES } from "./puppet.ts";
import {
  OTHER_TOKEN,
  portOf,
  roundTrip,
  service,
  sharedService,
  type TestServer,
  TOKEN,
  World,
} from "./world.ts";

function token(scope: ScopeOptions = {}, name = "first"): TokenOptions {
  return { name, hash: hashToken(name === "first" ? TOKEN : OTHER_TOKEN), ...scope };
}

test("Registrations outside of a token's scope are refused with the reason, those inside are served", async () => {
  await using world = new World();
  const echo = await world.echo();
  const scope = { services: ["web*"], kinds: ["tcp"], ports: [{ from: 21000, to: 21999 }] } as const;
  const { port, events } = await world.server({ tokens: [token(scope)] });
  const { client } = world.client(port, {
    services: [
      service("ssh", echo.port),
      service("web-wrong-port", echo.port, { remotePort: 30_000 }),
      service("web-any", echo.port),
    ],
  });
  const states = await client.ready;
  assert.match(states[0]?.error ?? "", /Service name ssh is not permitted, only web\*/);
  assert.match(states[1]?.error ?? "", /Port 30000 is not permitted, only 21000-21999/);
  const picked = portOf(states[2]?.publicUrl);
  assert.ok(picked >= 21000 && picked <= 21999, `${picked}`);
  assert.equal(await roundTrip(world, picked, "inside"), "inside");
  assert.deepEqual(events.of("service_refused").map((event) => event.service), ["ssh", "web-wrong-port"]);
});

test("The shared port is a port like any other for a scope, also for a client that names no service", async () => {
  await using world = new World();
  const echo = await world.echo();
  const shared = { hostname: "127.0.0.1", port: 0 };
  const { port, server } = await world.server({
    tcpBind: shared,
    tokens: [token({ ports: [{ from: 1, to: 1 }] })],
  });
  const { client } = world.client(port, { services: [sharedService("web", echo.port)] });
  assert.match((await client.ready)[0]?.error ?? "", /is not permitted, only 1$/);
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN, tunnelId: "old", capabilities: ["basic", "tcp"] });
  const visitor = await world.visitor(server.tcpAddress?.port ?? 0);
  await visitor.ended;
  assert.equal(server.counters.get("visitors_refused", "client_away"), 1);
});

test("maxConnections: as many sessions of a token as it says, and not one more; the client is told why", async () => {
  await using world = new World();
  const { port } = await world.server({ tokens: [token({ maxConnections: 2 }), token({}, "second")] });
  for (const tunnelId of ["a", "b"]) {
    const puppet = await world.puppet(port);
    assert.equal((await puppet.handshake({ token: TOKEN, tunnelId })).status, "success");
  }
  const third = await world.puppet(port);
  const instance = "0".repeat(32);
  const capabilities = formatCapabilities({ window: 65536, services: true, instance });
  third.send({ type: "handshake", token: TOKEN, tunnelId: "c", minVersion: 1, maxVersion: 1, capabilities });
  assert.match((await third.expect("error")).message, /The token first permits 2 connections at once/);
  assert.equal((await third.expect("handshake_ack")).status, "rate_limited");
  const version1 = await world.puppet(port);
  const answer = await version1.handshake({ token: TOKEN, tunnelId: "d", capabilities: CLIENT_CAPABILITIES });
  assert.equal(answer.status, "rate_limited");
  const other = await world.puppet(port);
  assert.equal((await other.handshake({ token: OTHER_TOKEN, tunnelId: "c" })).status, "success");
});

for (const mode of ["multiplexed", "direct"] as const) {
  test(`maxStreams: as many visitors (${mode}) over all sessions of a token as it says, and not one more`, async () => {
    await using world = new World();
    const echo = await world.echo();
    const { port, server } = await world.server({ tokens: [token({ maxStreams: 2 })] });
    const ports: number[] = [];
    for (const tunnelId of ["a", "b"]) {
      const services = [service(tunnelId, echo.port, { mode })];
      const { client } = world.client(port, { services, tunnelId, directPool: 1 });
      ports.push(portOf((await client.ready)[0]?.publicUrl));
    }
    const visitors = [];
    for (const to of ports) {
      const visitor = await world.visitor(to);
      visitor.write("x");
      assert.equal(await visitor.readText(1), "x");
      visitors.push(visitor);
    }
    const refused = await world.visitor(ports[0] ?? 0);
    await refused.ended;
    assert.equal(server.counters.get("limits_hit", "token_max_streams"), 1);
    visitors[0]?.end();
    await visitors[0]?.readAll();
    await visitors[0]?.closed;
    for (;;) { // The server may see the end of the last one later than the visitor does.
      const visitor = await world.visitor(ports[1] ?? 0);
      visitor.write("y");
      if (await visitor.readText(1) === "y") break;
    }
  });
}

function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

for (const mode of ["multiplexed", "direct"] as const) {
  test(`F33: bandwidth delays and drops nothing, in both directions (${mode})`, async () => {
    await using world = new World();
    const echo = await world.echo();
    const rate = 400_000;
    const { port } = await world.server({ tokens: [token({ bandwidth: rate })] });
    const { client } = world.client(port, {
      services: [service("echo", echo.port, { mode })],
      directPool: 1,
    });
    const to = portOf((await client.ready)[0]?.publicUrl);
    const sent = pattern(300_000);
    const visitor = await world.visitor(to);
    const begun = performance.now();
    visitor.write(sent);
    visitor.end();
    const received = await visitor.readAll();
    const seconds = (performance.now() - begun) / 1000;
    const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
    assert.equal(digest(received), digest(sent));
    // A tenth of a second is saved up, and one read may go ahead of its payment; no upper bound: machines are slow.
    const leastSeconds = (sent.length - rate / 10 - 2 * 65536) / rate;
    assert.ok(seconds > leastSeconds, `${seconds} s, at least ${leastSeconds} s`);
  });
}

/** Sooner than a peer may be silent: the clock moves faster than answers to heartbeats can. */
const EXPIRES_MS = 15_000;

async function expiring(world: World, clock: FakeClock): Promise<TestServer> {
  return await world.server({ tokens: [token({ expires: new Date(clock.wall() + EXPIRES_MS) })] }, { clock });
}

test("When a token expires its clients are told so, and come in no more", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const echo = await world.echo();
  const { port, events } = await expiring(world, clock);
  const { client, events: clientEvents } = world.client(port, { services: [service("echo", echo.port)] });
  await client.ready;
  clock.advance(EXPIRES_MS);
  const { reason } = await events.next("client_disconnected");
  assert.match(reason, /^The token first expired at 20/);
  const lost = await clientEvents.next("disconnected");
  assert.match(lost.reason, /^The server has disconnected this client: The token first expired at 20/);
  await clock.timerOf(250);
  clock.advance(250);
  assert.equal((await events.next("client_refused")).reason, "invalid_token");
  assert.match((await clientEvents.next("disconnected")).reason, /^The token first expired at 20/);
});
