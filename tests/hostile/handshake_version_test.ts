import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import type { HandshakeStatus } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../tunnel/fake_clock.ts";
import { service, TOKEN, World } from "../tunnel/world.ts";

test("H5: the server answers every pair of versions with its status and closes unless they have one in common", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  for (const min of [0, 1, 2, 3, 255]) {
    for (const max of [0, 1, 2, 3, 255]) {
      const expected: HandshakeStatus = min > max
        ? "unsupported_version"
        : min <= 1 && max >= 1
        ? "success"
        : "version_mismatch";
      const puppet = await world.puppet(port);
      const answer = await puppet.handshake({ token: TOKEN, minVersion: min, maxVersion: max });
      assert.equal(answer.status, expected, `${min} to ${max}`);
      assert.equal(answer.version, expected === "success" ? 1 : 0);
      assert.equal(answer.sessionId.every((byte) => byte === 0), expected !== "success");
      if (expected !== "success") await puppet.closed;
      await puppet.socket.destroy();
    }
  }
  assert.equal(server.counters.get("handshakes_refused"), 17);
});

test("H5: a wrong version says nothing about the token", async () => {
  await using world = new World();
  const { port } = await world.server();
  for (const token of [TOKEN, "wrong"]) {
    const puppet = await world.puppet(port);
    const { status } = await puppet.handshake({ token, minVersion: 2, maxVersion: 3 });
    assert.equal(status, "version_mismatch");
  }
});

for (const status of ["unsupported_version", "version_mismatch"] as const) {
  test(`H5: a client that is told ${status} gives up and never dials again`, async () => {
    await using world = new World();
    const clock = new FakeClock();
    const puppets = await world.puppetServer();
    const { client, events } = world.client(puppets.port, { services: [service("a", 1)] }, { clock });
    const puppet = await puppets.accepted();
    await puppet.expect("handshake");
    puppet.answer(status);
    const isVersion = (error: unknown): boolean => error instanceof TunnelError && error.code === "VERSION";
    await assert.rejects(client.closed, isVersion);
    await assert.rejects(client.ready, isVersion);
    await puppet.closed;
    assert.deepEqual(clock.delays, [], "no timer is left that could dial");
    clock.advance(3_600_000);
    assert.equal(puppets.dials, 1);
    assert.deepEqual(events.all, []);
    await client.stop();
  });
}

test("H5: a version that the client did not offer ends the session", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const { events } = world.client(puppets.port, { services: [service("a", 1)] });
  for (const version of [0, 2, 255]) {
    const puppet = await puppets.accepted();
    await puppet.expect("handshake");
    puppet.answer("success", version);
    assert.match((await events.next("disconnected")).reason, new RegExp(`chose version ${version}`));
    await puppet.closed;
  }
  assert.deepEqual(events.of("connected"), []);
});
