/**
 * Hostile tests of data that was on its way when this side reset the stream.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { inArena } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { LONG } from "../support/long.ts";
import { dataFrame, joinFrames, openStream, type Puppet } from "../support/puppet.ts";
import { listenSockets } from "../support/raw_socket.ts";
import type { SocketAddress } from "../../src/runtime/types.ts";

const STREAMS = LONG ? 100_000 : 20_000;
const BATCH = 1_000;
const PAYLOAD = new Uint8Array(200).fill(7);

/** An address that refuses connections: nobody listens there any more. */
async function deadAddress(): Promise<SocketAddress> {
  const listener = await listenSockets();
  await listener.close();
  return listener.address;
}

/** Opens streams with data right behind each opening; every one is reset. @returns the ids */
async function openDoomed(puppet: Puppet, firstId: number): Promise<number[]> {
  const ids = Array.from({ length: BATCH }, (_, index) => firstId + 2 * index);
  const frames = ids.flatMap((id) => [encodeControl(openStream(id)), dataFrame(id, PAYLOAD)]);
  await puppet.sendBytes(joinFrames(frames));
  for (let closed = 0; closed < BATCH; closed++) {
    const { reason } = await puppet.message("close_stream");
    assert.equal(reason.kind, "local_service_unreachable");
  }
  return ids;
}

test(`F14: data on the way to ${STREAMS} streams that were reset is dropped, and nothing is left of it`, async () => {
  await inArena({}, async (arena) => {
    const { client, puppet } = await arena.target({ local: await deadAddress() });
    for (let firstId = 2, batch = 0; firstId < 2 + 2 * STREAMS; firstId += 2 * BATCH, batch++) {
      const ids = await openDoomed(puppet, firstId);
      // More data that was on its way; then every second batch answers the close, as a peer of ours does.
      const late = ids.map((id) => dataFrame(id, PAYLOAD));
      const answers = ids.map((streamId) =>
        encodeControl({ type: "close_stream", streamId, reason: { kind: "normal" } })
      );
      await puppet.sendBytes(joinFrames(batch % 2 === 0 ? late : [...late, ...answers]));
    }
    await puppet.roundTrip();
    assert.equal(client.counters.get("streams_reset", "local_service_unreachable"), STREAMS);
    assert.equal(client.counters.get("orphan_frames"), 0);
    await until(() => client.status().streams === 0, "no stream is left");
    assert.equal(client.status().bufferedBytes, 0);
    assert.equal(client.environment.memory.usedBytes, 0);
    assert.equal(client.counters.get("protocol_errors"), 0);
  });
});
