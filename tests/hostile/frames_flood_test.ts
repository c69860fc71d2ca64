/**
 * Hostile tests of floods of frames that are each legal.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { inArena, silentService } from "../support/arena.ts";
import { until, within } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertKilled } from "../support/invariants.ts";
import { dataFrame, joinFrames, openStream, type Puppet } from "../support/puppet.ts";
import { listenSockets } from "../support/raw_socket.ts";
import { WatchedRuntime } from "../support/watched_runtime.ts";

const EMPTY = new Uint8Array(0);

function repeat(frame: Uint8Array, count: number): Uint8Array {
  return joinFrames(new Array<Uint8Array>(count).fill(frame));
}

test("F19: 1000 empty data frames are taken, one more ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const { puppet, address } = await arena.tenant();
    const visitor = await arena.visitor(address);
    const { streamId } = await puppet.message("open_stream");
    const empty = dataFrame(streamId, EMPTY);
    await puppet.sendBytes(repeat(empty, 999));
    await puppet.roundTrip(); // The thousandth: a heartbeat comes out of the same budget.
    await puppet.sendData(streamId, Uint8Array.of(1)); // Not empty.
    await visitor.read(1);
    await assertKilled(arena.server.counters, puppet, { bytes: empty, rule: "empty_frame_flood" });
  });
});

test("F19: a flood of empty data frames ends the session", async () => {
  await inArena({}, async (arena) => {
    const { puppet, address } = await arena.tenant();
    await arena.visitor(address);
    const { streamId } = await puppet.message("open_stream");
    const bytes = repeat(dataFrame(streamId, EMPTY), 100_000);
    await assertKilled(arena.server.counters, puppet, { bytes, rule: "empty_frame_flood" });
  });
});

test("F19: a flood of data frames of one byte is bounded by the window, and every byte arrives", async () => {
  // A visitor that sends byte by byte makes such frames: it must not be able to end the session of its client.
  await inArena({ limits: { windowBytes: 100_000, maxWindowBytes: 100_000 } }, async (arena) => {
    const { puppet, address } = await arena.tenant();
    const visitor = await arena.visitor(address, { paused: true });
    const { streamId } = await puppet.message("open_stream");
    await puppet.sendBytes(repeat(dataFrame(streamId, Uint8Array.of(7)), 100_000));
    await puppet.roundTrip();
    assert.ok(arena.server.status().clients.every(({ bufferedBytes }) => bufferedBytes <= 100_000));
    visitor.resume();
    assert.deepEqual(await visitor.read(100_000), new Uint8Array(100_000).fill(7));
  });
});

test("F20: 1000 heartbeats are answered although nobody reads, one more ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const { counters } = arena.server;
    const puppet = await arena.puppet({});
    const heartbeat = encodeControl({ type: "heartbeat", timestamp: 0xffff_ffff_ffffn });
    puppet.socket.pause();
    await puppet.sendBytes(repeat(heartbeat, 1_000));
    puppet.socket.resume();
    for (let answers = 0; answers < 1_000; answers++) await puppet.message("heartbeat_ack");
    assert.equal(counters.get("protocol_errors"), 0);
    await assertKilled(counters, puppet, { bytes: heartbeat, rule: "heartbeat_flood" });
  });
});

test("F20: a flood of heartbeats whose answers nobody reads ends the session", async () => {
  await inArena({}, async (arena) => {
    const { counters } = arena.server;
    const puppet = await arena.puppet({});
    puppet.socket.pause();
    const flood = puppet.sendBytes(repeat(encodeControl({ type: "heartbeat", timestamp: 1n }), 500_000));
    await until(() => counters.get("protocol_errors", "heartbeat_flood") === 1, "the flood is noticed");
    assert.equal(counters.get("sessions_closed", "protocol_error"), 1);
    puppet.socket.resume();
    await within(flood, "the flood to break off");
    await puppet.over();
  });
});

test("F21: a client takes its limit of streams and refuses further ones; visitors in a crowd do it no harm", async () => {
  const maxStreams = 20;
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const { client, puppet } = await arena.target({ local: service.address, limits: { maxStreams } });
    const open = (from: number, count: number): Uint8Array =>
      joinFrames(Array.from({ length: count }, (_, index) => encodeControl(openStream(from + 2 * index))));
    await puppet.sendBytes(open(2, maxStreams));
    for (let accepted = 0; accepted < maxStreams; accepted++) await puppet.message("stream_ack");
    assert.equal(client.status().streams, maxStreams);
    await refuse(puppet, open(42, 2_000), 2_000);
    assert.equal(client.status().streams, maxStreams);
    assert.equal(client.counters.get("limits_hit", "max_streams"), 2_000);
    await puppet.roundTrip();
  });
});

test("F21: a client refuses streams for services that it has not, up to a budget, then ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const { client, puppet } = await arena.target({ local: service.address });
    const strange = (streamId: number): Uint8Array =>
      encodeControl({ ...openStream(streamId), headers: [["service", "strange"]] });
    const opens = Array.from({ length: 1_000 }, (_, index) => strange(2 + 2 * index));
    await refuse(puppet, joinFrames(opens), 1_000);
    await assertKilled(client.counters, puppet, { bytes: strange(3_000), rule: "open_flood" });
    await until(() => client.status().streams === 0, "no stream is left");
  });
});

test("F21: a stream that ends makes room for another one", async () => {
  await inArena({}, async (arena) => {
    const service = await listenSockets({ onSocket: silentService });
    arena.later(() => service.close());
    const { puppet } = await arena.target({ local: service.address, limits: { maxStreams: 1 } });
    await puppet.send(openStream(2));
    await puppet.message("stream_ack", ({ streamId }) => streamId === 2);
    await refuse(puppet, encodeControl(openStream(4)), 1);
    await puppet.send({ type: "close_stream", streamId: 2, reason: { kind: "normal" } });
    await puppet.closeOf(2);
    await puppet.send(openStream(6));
    await puppet.message("stream_ack", ({ streamId }) => streamId === 6);
  });
});

test("F21: a server refuses streams that its clients open, up to a budget, then ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const puppet = await arena.puppet({});
    const opens = Array.from({ length: 1_000 }, (_, index) => encodeControl(openStream(1 + 2 * index)));
    await refuse(puppet, joinFrames(opens), 1_000);
    await assertKilled(arena.server.counters, puppet, {
      bytes: encodeControl(openStream(5_001)),
      rule: "open_flood",
    });
  });
});

test("F21: a server opens its limit of streams to one client, and resets the visitor who is one too many", async () => {
  await inArena({ limits: { maxStreams: 5 } }, async (arena) => {
    const { puppet, address } = await arena.tenant();
    for (let visitors = 0; visitors < 5; visitors++) {
      await arena.visitor(address);
      await puppet.message("open_stream");
    }
    const sixth = await arena.visitor(address);
    await until(() => sixth.isEnded, "the sixth visitor is told");
    assert.equal(arena.server.counters.get("visitors_refused", "no_stream"), 1);
    await puppet.roundTrip();
    const opened = puppet.frames.filter((frame) =>
      frame.kind === "control" && frame.message.type === "open_stream"
    );
    assert.equal(opened.length, 0);
  });
});

/** The frames that open streams and close each at once, with some data in between. */
function openAndClose(firstId: number, count: number): Uint8Array {
  const frames: Uint8Array[] = [];
  for (let streamId = firstId; streamId < firstId + 2 * count; streamId += 2) {
    frames.push(encodeControl(openStream(streamId)));
    if (streamId % 20 === 0) frames.push(dataFrame(streamId, new Uint8Array(100)));
    frames.push(encodeControl({ type: "close_stream", streamId, reason: { kind: "timeout" } }));
  }
  return joinFrames(frames);
}

test("F21: streams that are opened and closed at once make no more local connections than the limit", async () => {
  const maxStreams = 10;
  const count = 2_000;
  await inArena({}, async (arena) => {
    const service = await listenSockets({ onSocket: (socket) => void socket.ended.then(() => socket.end()) });
    arena.later(() => service.close());
    const { port } = service.address;
    const watched = new WatchedRuntime();
    const { runtime } = watched;
    const { client, puppet } = await arena.target({
      local: service.address,
      limits: { maxStreams },
      runtime,
    });
    await puppet.sendBytes(openAndClose(2, count));
    for (let closed = 0; closed < count; closed++) {
      assert.equal((await puppet.message("close_stream")).reason.kind, "normal");
    }
    const last = 2 + 2 * count;
    await puppet.send(openStream(last));
    await puppet.message("stream_ack", ({ streamId }) => streamId === last);
    await until(() => watched.dialled.get(port) === 1, "only the last stream has a local connection");
    assert.ok((watched.mostDialled.get(port) ?? 0) <= maxStreams, `${watched.mostDialled.get(port)} at once`);
    assert.equal(client.status().streams, 1);
  });
});

test("F20: answers that nobody reads end the session when too many wait", async () => {
  // So many services that the budget for registrations does not end the session first.
  await inArena({ limits: { maxServices: 100_000 } }, async (arena) => {
    const { counters } = arena.server;
    const puppet = await arena.puppet({});
    // Quoted in its refusal, this name makes more than a kilobyte.
    const register = encodeControl({
      type: "register",
      serviceName: "\u0001".repeat(256),
      protocol: "tcp",
      metadata: new Map(),
    });
    puppet.socket.pause();
    const flood = puppet.sendBytes(repeat(register, 50_000));
    await until(() => counters.get("sessions_closed", "write_stalled") === 1, "the server gives up");
    assert.equal(counters.get("protocol_errors"), 0);
    puppet.socket.resume();
    await within(flood, "the flood to break off");
    await puppet.over();
  });
});

/** Sends openings that must all be refused, in order. */
async function refuse(puppet: Puppet, bytes: Uint8Array, count: number): Promise<void> {
  await puppet.sendBytes(bytes);
  for (let refused = 0; refused < count; refused++) {
    const { reason } = await puppet.message("close_stream");
    assert.equal(reason.kind, "error");
  }
}
