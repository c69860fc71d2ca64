/**
 * Hostile tests of streams that are opened and given up again and again.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { echoService, inArena, silentService } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertKilled } from "../support/invariants.ts";
import { joinFrames, openStream } from "../support/puppet.ts";
import { connectSocket, listenSockets } from "../support/raw_socket.ts";
import { WatchedRuntime } from "../support/watched_runtime.ts";

/** Frames that open streams and give each up at once, as fast as they can be written. */
function opensAndResets(firstId: number, count: number): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let streamId = firstId; streamId < firstId + 2 * count; streamId += 2) {
    frames.push(encodeControl(openStream(streamId)));
    // Any reason counts before the stream was accepted.
    const kind = streamId % 4 === 0 ? "normal" : "timeout";
    frames.push(encodeControl({ type: "close_stream", streamId, reason: { kind } }));
  }
  return joinFrames(frames);
}

test("F22: streams may be opened and reset up to the budget of a second, and one more ends the session", async () => {
  const maxResetsPerSecond = 50;
  const clock = new FakeClock();
  await inArena({ clock }, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const limits = { maxResetsPerSecond };
    const { client, puppet, lost } = await arena.target({ local: service.address, limits });
    await puppet.sendBytes(opensAndResets(2, maxResetsPerSecond));
    await puppet.roundTrip();
    clock.advance(1_000);
    await puppet.sendBytes(opensAndResets(202, maxResetsPerSecond));
    await puppet.roundTrip();
    await assertKilled(client.counters, puppet, { bytes: opensAndResets(402, 1), rule: "reset_flood" });
    await lost;
    await until(() => client.status().streams === 0, "no stream is left");
  });
});

test("F22: streams that were accepted and end as they should are in no budget", async () => {
  const clock = new FakeClock();
  await inArena({ clock }, async (arena) => {
    const service = await listenSockets({ onSocket: (socket) => void socket.ended.then(() => socket.end()) });
    arena.later(() => service.close());
    const { client, puppet } = await arena.target({
      local: service.address,
      limits: { maxResetsPerSecond: 1 },
    });
    for (let streamId = 2; streamId < 200; streamId += 2) {
      await puppet.send(openStream(streamId));
      await puppet.message("stream_ack", (ack) => ack.streamId === streamId);
      await puppet.send({ type: "close_stream", streamId, reason: { kind: "normal" } });
      await puppet.closeOf(streamId);
    }
    assert.equal(client.counters.get("protocol_errors"), 0);
  });
});

test("F22: a loop of opening and resetting ends the session at the ordinary limit", async () => {
  // The clock stands still: how many a second a machine can do must not matter.
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const { client, puppet } = await arena.target({ local: service.address, limits: { maxStreams: 100 } });
    for (let firstId = 2; !puppet.socket.isEnded; firstId += 2_000) {
      await puppet.sendBytes(opensAndResets(firstId, 1_000));
      if (client.counters.get("protocol_errors") > 0) break;
    }
    await puppet.over();
    assert.equal(client.counters.get("protocol_errors", "reset_flood"), 1);
  });
});

test("F23: visitors who connect and abort in a storm hold their places until their local connections are closed", async () => {
  const [maxStreams, storms, crowd] = [20, 10, 50];
  await inArena({}, async (arena) => {
    const service = await listenSockets({ onSocket: echoService });
    arena.later(() => service.close());
    const watched = new WatchedRuntime();
    const { client, address } = await arena.client({
      local: service.address,
      limits: { maxStreams },
      runtime: watched.runtime,
    });
    for (let storm = 0; storm < storms; storm++) {
      await Promise.all(Array.from({ length: crowd }, async (_, index) => {
        const visitor = await connectSocket(address);
        if (index % 2 === 0) await visitor.write(new Uint8Array(1_000));
        await visitor.reset();
      }));
    }
    const { port } = service.address;
    await until(() => client.status().streams === 0, "no stream is left");
    await until(() => (watched.dialled.get(port) ?? 0) === 0, "no local connection is left");
    assert.ok((watched.mostDialled.get(port) ?? 0) <= maxStreams, `${watched.mostDialled.get(port)} at once`);
    assert.equal(client.counters.get("protocol_errors"), 0);
    assert.equal(client.counters.get("reconnects"), 0);
  });
});
