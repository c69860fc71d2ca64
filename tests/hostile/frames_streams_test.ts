/**
 * Hostile tests of stream ids and of frames for streams that are not there, or not any more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { type Arena, inArena, silentService, type Target } from "../support/arena.ts";
import { until, within } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertKilled } from "../support/invariants.ts";
import { creditFrame, dataFrame, joinFrames, openStream, type Puppet } from "../support/puppet.ts";
import { listenSockets, type RawSocket } from "../support/raw_socket.ts";

const HELLO = new TextEncoder().encode("hello");

/** A client of ours as the target, its local service being silent. */
async function silentTarget(arena: Arena): Promise<Target> {
  const service = await listenSockets({ onSocket: silentService });
  arena.later(() => service.close());
  return await arena.target({ local: service.address });
}

/** The client must end its session, for `rule`, when it is sent `messages`. */
async function killsClient(target: Target, messages: readonly ControlMessage[], rule: string): Promise<void> {
  const bytes = joinFrames(messages.map(encodeControl));
  await assertKilled(target.client.counters, target.puppet, { bytes, rule });
  await within(target.lost, "the client to notice");
  assert.equal(target.client.status().streams, 0);
}

/** A stream that a visitor has opened towards a puppet client. */
async function visited(arena: Arena): Promise<{ puppet: Puppet; visitor: RawSocket; streamId: number }> {
  const { puppet, address } = await arena.tenant();
  const visitor = await arena.visitor(address);
  const { streamId } = await puppet.message("open_stream");
  await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
  return { puppet, visitor, streamId };
}

test("F9: opening a stream that is open ends the session", async () => {
  await inArena({}, async (arena) => {
    const accepted = await silentTarget(arena);
    await accepted.puppet.send(openStream(2));
    await accepted.puppet.message("stream_ack");
    await killsClient(accepted, [openStream(2)], "stream_id_reused");
    const pending = await silentTarget(arena);
    await killsClient(pending, [openStream(2), openStream(2)], "stream_id_reused");
  });
});

test("F10: a client ends the session for an odd id, id 0 and an id that goes backwards", async () => {
  await inArena({}, async (arena) => {
    await killsClient(await silentTarget(arena), [openStream(1)], "stream_id_parity");
    await killsClient(await silentTarget(arena), [openStream(0)], "stream_id_parity");
    const jumping = await silentTarget(arena);
    await jumping.puppet.send(openStream(2), openStream(8));
    await jumping.puppet.message("stream_ack", ({ streamId }) => streamId === 8);
    await killsClient(jumping, [openStream(6)], "stream_id_reused");
  });
});

test("F10: a server ends the session for an even id, id 0 and an id that goes backwards", async () => {
  await inArena({}, async (arena) => {
    const kills = async (puppet: Puppet, streamId: number, rule: string): Promise<void> => {
      await assertKilled(arena.server.counters, puppet, { bytes: encodeControl(openStream(streamId)), rule });
    };
    await kills(await arena.puppet({}), 2, "stream_id_parity");
    await kills(await arena.puppet({}), 0, "stream_id_parity");
    const jumping = await arena.puppet({});
    await jumping.send(openStream(1), openStream(7));
    assert.equal((await jumping.closeOf(7)).reason.kind, "error");
    await kills(jumping, 5, "stream_id_reused");
  });
});

test("F10: stream id 0 ends the session in every frame that names a stream", async () => {
  await inArena({}, async (arena) => {
    for (const bytes of [dataFrame(0, HELLO), creditFrame(0, 1000)]) {
      await assertKilled(arena.server.counters, await arena.puppet({}), { bytes, rule: "zero_stream_id" });
    }
  });
});

test("F11: a frame for a stream that was never opened ends the session", async () => {
  const closing: ControlMessage = { type: "close_stream", streamId: 4, reason: { kind: "normal" } };
  const accepting: ControlMessage = { type: "stream_ack", streamId: 4, status: "accepted" };
  const frames = [
    dataFrame(4, HELLO),
    dataFrame(4, HELLO, true),
    dataFrame(4, new Uint8Array(0)),
    creditFrame(4, 1000),
    encodeControl(closing),
    encodeControl(accepting),
  ];
  await inArena({}, async (arena) => {
    for (const bytes of frames) {
      const { puppet } = await visited(arena); // Stream 2 is open, 4 is not.
      await assertKilled(arena.server.counters, puppet, { bytes, rule: "unknown_stream" });
    }
  });
});

test("F11: frames for a stream that was closed are dropped, opening its id again ends the session", async () => {
  await inArena({}, async (arena) => {
    const target = await silentTarget(arena);
    const { puppet, client } = target;
    await puppet.send(openStream(2));
    await puppet.message("stream_ack");
    await puppet.send({ type: "close_stream", streamId: 2, reason: { kind: "timeout" } });
    assert.equal((await puppet.closeOf(2)).reason.kind, "normal");
    await puppet.sendData(2, HELLO);
    await puppet.sendCredit(2, 1000);
    await puppet.roundTrip();
    assert.equal(client.counters.get("orphan_frames"), 2);
    await killsClient(target, [openStream(2)], "stream_id_reused");
  });
});

test("F12: 10 000 frames for a stream that is gone are dropped and counted, one more ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const { puppet, visitor, streamId } = await visited(arena);
    const { counters } = arena.server;
    await puppet.send({ type: "close_stream", streamId, reason: { kind: "timeout" } });
    await puppet.closeOf(streamId);
    await visitor.close();
    const frame = dataFrame(streamId, HELLO);
    await puppet.sendBytes(joinFrames(new Array<Uint8Array>(10_000).fill(frame)));
    await puppet.roundTrip();
    assert.equal(counters.get("orphan_frames"), 10_000);
    await assertKilled(counters, puppet, { bytes: frame, rule: "orphan_flood" });
  });
});

test("F12: 100 000 frames for a stream that is gone end the session within the budget", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const { puppet, visitor, streamId } = await visited(arena);
    const { counters } = arena.server;
    await puppet.send({ type: "close_stream", streamId, reason: { kind: "timeout" } });
    await puppet.closeOf(streamId);
    await visitor.close();
    const bytes = joinFrames(new Array<Uint8Array>(100_000).fill(dataFrame(streamId, HELLO)));
    await assertKilled(counters, puppet, { bytes, rule: "orphan_flood" });
    assert.equal(counters.get("orphan_frames"), 10_001);
  });
});

test("F13: data after the end of its direction resets the stream, and ends the session when it is repeated", async () => {
  await inArena({}, async (arena) => {
    const { puppet, visitor, streamId } = await visited(arena);
    const { counters } = arena.server;
    await puppet.sendBytes(joinFrames([dataFrame(streamId, HELLO, true), dataFrame(streamId, HELLO)]));
    assert.equal((await puppet.closeOf(streamId)).reason.kind, "protocol_violation");
    await until(() => visitor.isEnded, "the visitor is told");
    assert.equal(counters.get("streams_reset", "protocol_violation"), 1);
    await puppet.roundTrip();
    await assertKilled(counters, puppet, { bytes: dataFrame(streamId, HELLO), rule: "data_after_end" });
  });
});

test("F13: the reset for data after the end touches no other stream of the session", async () => {
  await inArena({}, async (arena) => {
    const { puppet, address } = await arena.tenant();
    const first = await arena.visitor(address);
    const { streamId } = await puppet.message("open_stream");
    const second = await arena.visitor(address);
    const other = await puppet.message("open_stream");
    await puppet.sendBytes(
      joinFrames([dataFrame(streamId, HELLO, true), dataFrame(streamId, new Uint8Array(0), true)]),
    );
    assert.equal((await puppet.closeOf(streamId)).reason.kind, "protocol_violation");
    await until(() => first.isEnded, "the first visitor is told");
    await puppet.sendData(other.streamId, HELLO, true);
    assert.deepEqual(await second.readToEnd(), HELLO);
  });
});
