/**
 * Hostile tests of frames that come in pieces, slowly, or not to their end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { type Arena, ARENA_TOKEN, inArena } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { WatchedRuntime } from "../support/watched_runtime.ts";
import {
  creditFrame,
  dataFrame,
  handshakeOf,
  joinFrames,
  openStream,
  type Puppet,
} from "../support/puppet.ts";

/** Sends one byte after the other, each in a write of its own. */
async function dribble(puppet: Puppet, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at++) await puppet.sendBytes(bytes.subarray(at, at + 1));
}

/** Sends bytes and waits until the server has them. */
async function deliver(watched: WatchedRuntime, puppet: Puppet, bytes: Uint8Array): Promise<void> {
  const { port } = puppet.socket.connection.local;
  const expected = (watched.arrivedBytes.get(port) ?? 0) + bytes.length;
  await puppet.sendBytes(bytes);
  await until(() => watched.arrivedBytes.get(port) === expected, `${bytes.length} bytes reach the server`);
}

function isConnected(arena: Arena, tunnelId: string): boolean {
  return arena.server.status().clients.some((client) => client.tunnelId === tunnelId);
}

test("F5: a peer that sends one byte at a time is served", async () => {
  await inArena({}, async (arena) => {
    const puppet = await arena.puppet();
    await dribble(puppet, encodeControl(handshakeOf({ token: ARENA_TOKEN, window: 65536 })));
    assert.equal((await puppet.message("handshake_ack")).status, "success");
    const metadata = new Map([["remote_port", "0"]]);
    await dribble(
      puppet,
      encodeControl({ type: "register", serviceName: "drip", protocol: "tcp", metadata }),
    );
    const { publicUrl } = await puppet.message("register_ack");
    const port = Number(/:([0-9]+)$/.exec(publicUrl)?.[1]);
    const visitor = await arena.visitor({ hostname: "127.0.0.1", port });
    const { streamId } = await puppet.message("open_stream");
    const hello = new TextEncoder().encode("hello");
    await dribble(
      puppet,
      joinFrames([
        encodeControl({ type: "stream_ack", streamId, status: "accepted" }),
        creditFrame(streamId, 1000),
        dataFrame(streamId, hello),
        dataFrame(streamId, hello, true),
      ]),
    );
    assert.equal(new TextDecoder().decode(await visitor.readToEnd()), "hellohello");
    await puppet.roundTrip();
  });
});

test("F5: a control frame may pause for 10 s between two bytes and no longer", async () => {
  const clock = new FakeClock();
  const watched = new WatchedRuntime();
  // The clock runs far ahead of what the canary can answer.
  const limits = { deadAfterMs: 600_000 };
  await inArena({ clock, limits, runtime: watched.runtime }, async (arena) => {
    const puppet = await arena.puppet({ tunnelId: "slow" });
    const frame = encodeControl(openStream(1, [["name", "value"]]));
    for (let at = 0; at < 8; at++) {
      await deliver(watched, puppet, frame.subarray(at, at + 1));
      clock.advance(9_000);
      assert.ok(isConnected(arena, "slow"), `it waits after byte ${at + 1}`);
    }
    clock.advance(3_000);
    assert.ok(!isConnected(arena, "slow"));
    await puppet.over();
    assert.equal(arena.server.counters.get("sessions_closed", "protocol_error"), 1);
  });
});

test("F5: a connection that ends within a frame takes its streams along, and nobody else's", async () => {
  await inArena({}, async (arena) => {
    for (const cut of [1, 4, 5, 9, 10, 12]) {
      const { puppet, address } = await arena.tenant();
      const visitor = await arena.visitor(address);
      const { streamId } = await puppet.message("open_stream");
      await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
      await puppet.sendBytes(dataFrame(streamId, new Uint8Array(100)).subarray(0, cut));
      await puppet.close();
      await until(() => visitor.isEnded, "the visitor is told");
    }
    assert.equal(arena.server.counters.get("sessions_closed"), 6);
  });
});
