import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../tunnel/fake_clock.ts";
import { CLIENT_CAPABILITIES } from "../tunnel/puppet.ts";
import { TOKEN, until, World } from "../tunnel/world.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Whether a promise is settled once the event loop has turned. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => settled = true);
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  return settled;
}

test("H3: a connection that says nothing is closed after the handshake's time", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({}, { clock });
  const silent = await world.puppet(port);
  await until(() => server.status().unauthenticated === 1);
  clock.advance(HANDSHAKE_TIMEOUT_MS - 1_000);
  assert.equal(await isSettled(silent.closed), false);
  clock.advance(1_000);
  await silent.closed;
  await until(() => server.status().unauthenticated === 0);
});

test("H3: a connection that dribbles its handshake is closed after the same time", async () => {
  await using world = new World();
  const clock = new FakeClock();
  const { server, port } = await world.server({}, { clock });
  const slow = await world.puppet(port);
  const handshake = encodeControl({
    type: "handshake",
    token: TOKEN,
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 1,
    capabilities: CLIENT_CAPABILITIES,
  });
  await until(() => server.status().unauthenticated === 1);
  for (let second = 0; second < HANDSHAKE_TIMEOUT_MS / 1_000; second++) {
    slow.sendRaw(handshake.subarray(second, second + 1));
    assert.equal(await isSettled(slow.closed), false, `open after ${second} s`);
    clock.advance(1_000);
  }
  await slow.closed;
});

for (const limit of ["maxUnauthenticated", "maxUnauthenticatedPerAddress"] as const) {
  test(`H3: ${limit} silent connections are held, and not one more`, async () => {
    await using world = new World();
    const { server, port } = await world.server({ limits: { [limit]: 3 } });
    const held = [];
    for (let count = 0; count < 3; count++) held.push(await world.puppet(port));
    await until(() => server.status().unauthenticated === 3);
    for (let more = 1; more <= 20; more++) {
      const refused = await world.puppet(port);
      await refused.closed;
      assert.equal(server.counters.get("connections_refused", "unauthenticated"), more);
    }
    // Those that were held can still come in, which makes room for as many others.
    assert.equal((await held[0]?.handshake({ token: TOKEN }))?.status, "success");
    assert.equal(server.status().unauthenticated, 2);
    const next = await world.puppet(port);
    assert.equal((await next.handshake({ token: TOKEN })).status, "success");
    await held[1]?.socket.destroy();
    await until(() => server.status().unauthenticated === 1);
  });
}

test("A server takes as many clients as allowed, and not one more", async () => {
  await using world = new World();
  const { server, port } = await world.server({ limits: { maxSessions: 2 } });
  const inside = [];
  for (let count = 0; count < 2; count++) {
    const puppet = await world.puppet(port);
    assert.equal((await puppet.handshake({ token: TOKEN })).status, "success");
    inside.push(puppet);
  }
  const refused = await world.puppet(port);
  assert.equal((await refused.handshake({ token: TOKEN })).status, "rate_limited");
  await refused.closed;
  assert.equal(server.counters.get("limits_hit", "max_sessions"), 1);
  await inside[0]?.socket.destroy();
  await until(() => server.status().clients.length === 1);
  const next = await world.puppet(port);
  assert.equal((await next.handshake({ token: TOKEN })).status, "success");
});
