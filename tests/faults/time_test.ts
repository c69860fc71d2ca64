/**
 * Faults of time: a wall clock that jumps, and an event loop that stands still.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { within } from "../support/deadline.ts";
import { portOf, roundTrip, service, World } from "../tunnel/world.ts";

const LIVENESS = { heartbeatIntervalMs: 50, deadAfterMs: 300 };
const HOUR_MS = 3_600_000;
/** How long the event loop stands still: longer than a silent peer is taken for alive. */
const BLOCKED_MS = LONG ? 5_000 : 1_000;

interface Tunnel {
  readonly port: number;
  /** Resolves after the client has heard so many heartbeats that it would have noticed a silence. */
  settle(): Promise<void>;
  assertUnharmed(): void;
}

async function startTunnel(world: World): Promise<Tunnel> {
  const echo = await world.echo();
  const { server, port } = await world.server({ limits: LIVENESS });
  const { client, events } = world.client(port, {
    services: [service("echo", echo.port)],
    limits: LIVENESS,
  });
  const [state] = await within(client.ready, "the client to be ready");
  return {
    port: portOf(state?.publicUrl),
    settle: () => new Promise((resolve) => setTimeout(resolve, 2 * LIVENESS.deadAfterMs)),
    assertUnharmed: () => {
      assert.equal(server.counters.get("sessions_closed"), 0);
      assert.deepEqual(events.of("disconnected"), []);
    },
  };
}

for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
  const direction = jumpMs > 0 ? "forwards" : "backwards";
  test(`P9: a wall clock that jumps an hour ${direction} has no effect on sessions, timers and limits`, async () => {
    await using world = new World();
    const tunnel = await startTunnel(world);
    const visitor = await world.visitor(tunnel.port);
    const now = Date.now;
    // What code sees of such a jump: its monotonic clock, and the runtime's timers, know nothing of it.
    Date.now = () => now() + jumpMs;
    try {
      await tunnel.settle();
      visitor.write("x");
      assert.equal(await visitor.readText(1), "x");
      assert.equal(await roundTrip(world, tunnel.port, "new"), "new");
    } finally {
      Date.now = now;
    }
    await tunnel.settle();
    tunnel.assertUnharmed();
  });
}

test("P11: an event loop that stands still for longer than a peer may be silent ends no session", async () => {
  await using world = new World();
  const tunnel = await startTunnel(world);
  const visitor = await world.visitor(tunnel.port);
  for (let round = 0; round < 2; round++) {
    const until = performance.now() + BLOCKED_MS;
    while (performance.now() < until); // What a plugin in an endless loop does to the loop.
    visitor.write("x");
    assert.equal(await visitor.readText(1), "x");
    await tunnel.settle();
  }
  tunnel.assertUnharmed();
});
