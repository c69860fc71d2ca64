/**
 * Hostile tests of peers, visitors and services that do not answer, or do not read.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { inArena } from "../support/arena.ts";
import { until, untilStill, within } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { openDescriptors } from "../support/invariants.ts";
import { floodService, Pattern } from "../support/pattern.ts";
import { openStream } from "../support/puppet.ts";
import { listenSockets, type RawSocket } from "../support/raw_socket.ts";

const MIB = 1024 * 1024;
/** Where only the clock of the server is moved by hand, and the canary's heartbeats do not keep up with it. */
const PATIENT = { deadAfterMs: 1e9 };

test("F24: a stream that the client does not answer is reset after 10 s, and no other", async () => {
  const clock = new FakeClock();
  await inArena({ clock, limits: PATIENT }, async (arena) => {
    const { puppet, address } = await arena.tenant();
    const accepted = await arena.visitor(address);
    const first = await puppet.message("open_stream");
    await puppet.send({ type: "stream_ack", streamId: first.streamId, status: "accepted" });
    await puppet.roundTrip();
    const ignored = await arena.visitor(address);
    const second = await puppet.message("open_stream");
    clock.advance(9_900);
    await puppet.roundTrip();
    assert.ok(!ignored.isEnded);
    clock.advance(2_100);
    assert.equal((await puppet.closeOf(second.streamId)).reason.kind, "timeout");
    await within(ignored.ended, "the visitor to be told");
    assert.equal(arena.server.counters.get("streams_reset", "timeout"), 1);
    await puppet.sendData(first.streamId, Uint8Array.of(1), true);
    assert.deepEqual(await accepted.readToEnd(), Uint8Array.of(1));
  });
});

for (const direction of ["from", "to"] as const) {
  test(`F25: 100 streams ${direction} stalled readers take their window and no more, one more runs at full speed`, async () => {
    const windowBytes = 64 * 1024;
    const stalledStreams = 100;
    const limits = { windowBytes, maxWindowBytes: windowBytes };
    await inArena({ limits }, async (arena) => {
      const pattern = new Pattern(64 * MIB);
      const services: RawSocket[] = [];
      const service = await listenSockets({
        socket: { paused: true },
        onSocket: (socket) => void services.push(socket),
      });
      arena.later(() => service.close());
      const { client, address } = await arena.client({ local: service.address, limits });
      const receiver = direction === "from" ? arena.server : client;
      const buffered = (): number => receiver.environment.memory.usedBytes;

      const visitors: RawSocket[] = [];
      for (let count = 0; count < stalledStreams; count++) {
        visitors.push(await arena.visitor(address, { paused: true }));
      }
      await until(() => services.length === stalledStreams, "every visitor has a service");
      for (const writer of direction === "from" ? services : visitors) floodService(writer);
      // A stream that cannot move holds more than half its window: half of it is given back only when it was consumed.
      const half = (stalledStreams * windowBytes) / 2;
      await until(() => buffered() > half, () => `the stalled streams are full, with ${buffered()} bytes`);

      const fast = await arena.visitor(address, { paused: true });
      await until(() => services.length === stalledStreams + 1, "the fast visitor has a service");
      const other = services.at(-1)!;
      const [writer, reader] = direction === "from" ? [other, fast] : [fast, other];
      let most = 0;
      const check = pattern.checker();
      reader.onData = (chunk) => {
        check.update(chunk);
        most = Math.max(most, buffered());
      };
      writer.resume();
      reader.resume();
      await pattern.writeTo(writer);
      await within(reader.ended, "the fast reader to have it all", 40_000);
      assert.equal(check.bytes, pattern.bytes);
      assert.equal(check.digest(), pattern.digest);
      assert.ok(most <= (stalledStreams + 1) * windowBytes, `${most} bytes waited`);
      await reader.end();
      await until(() => client.status().streams === stalledStreams, "only the stalled streams are left");
      for (const visitor of visitors) await visitor.close();
    });
  });
}

test("F26: a peer that takes nothing for 20 s ends its session, one that goes on before gets every byte", async () => {
  const clock = new FakeClock();
  await inArena({ clock, limits: PATIENT }, async (arena) => {
    const pattern = new Pattern(32 * MIB);
    const { puppet, address } = await arena.tenant(0x7fff_ffff);
    const { counters } = arena.server;
    const visitor = await arena.visitor(address);
    const { streamId } = await puppet.message("open_stream");
    await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
    puppet.socket.pause();
    const written = pattern.writeTo(visitor);
    await untilStill(() => counters.bytesSent, "the server cannot write");
    assert.ok(counters.bytesSent < pattern.bytes, "the kernel has taken everything");
    clock.advance(19_900);
    puppet.socket.resume();
    const check = pattern.checker();
    while (check.bytes < pattern.bytes) {
      const frame = await puppet.take(
        ({ kind }) => kind === "data" || kind === "control",
        "the rest of the pattern",
      );
      if (frame.kind === "data") check.update(frame.bytes);
      // Among the data there are heartbeats: their answers tell the server how much of it was read.
      else if (frame.kind === "control" && frame.message.type === "heartbeat") {
        await puppet.send({ type: "heartbeat_ack", timestamp: frame.message.timestamp });
      }
    }
    assert.equal(check.digest(), pattern.digest);
    await written;
    await puppet.sendData(streamId, new Uint8Array(0), true);
    await within(visitor.closed, "the visitor to be done");
    await puppet.roundTrip();

    puppet.socket.pause();
    const before = openDescriptors();
    const second = await arena.visitor(address);
    floodService(second);
    await untilStill(() => counters.bytesSent, "the server cannot write");
    clock.advance(22_000);
    assert.equal(counters.get("sessions_closed", "write_stalled"), 1);
    await within(second.closed, "the visitor to be told");
    // The server's end of the connection is gone, although its peer neither reads nor closes; nothing of the visitor is left.
    if (before !== undefined) {
      await until(
        () => openDescriptors() === before - 1,
        () => `${before - 1} of ${openDescriptors()} are open`,
      );
    }
    puppet.socket.resume();
    await puppet.over();
  });
});

test("F27: a visitor who takes nothing for a while gets every byte, after too long its stream is reset", async () => {
  const clock = new FakeClock();
  const limits = { ...PATIENT, streamStallTimeoutMs: 15_000 };
  await inArena({ clock, limits }, async (arena) => {
    const pattern = new Pattern(16 * MIB);
    const service = await listenSockets();
    arena.later(() => service.close());
    const { client, address } = await arena.client({ local: service.address });
    const buffered = (): number => arena.server.environment.memory.usedBytes;

    const patient = await arena.visitor(address, { paused: true });
    const first = await service.next();
    const written = pattern.writeTo(first);
    await untilStill(() => client.counters.bytesSent + buffered(), "the stream has stalled");
    assert.ok(buffered() > 0);
    clock.advance(14_900);
    const check = pattern.checker();
    patient.onData = (chunk) => check.update(chunk);
    patient.resume();
    await within(patient.ended, "every byte to arrive");
    await written;
    assert.equal(check.digest(), pattern.digest);
    await patient.end();
    assert.equal(arena.server.counters.get("streams_reset"), 0);

    const stalled = await arena.visitor(address, { paused: true });
    const second = await service.next();
    floodService(second);
    await untilStill(() => client.counters.bytesSent + buffered(), "the stream has stalled");
    clock.advance(17_000);
    assert.equal(arena.server.counters.get("streams_reset", "timeout"), 1);
    assert.equal(buffered(), 0);
    await within(second.closed, "the service to be told");
    stalled.onData = () => {};
    stalled.resume();
    await within(stalled.ended, "the visitor to be told");
    assert.equal(client.counters.get("streams_reset", "timeout"), 1);
  });
});

test("F27: a local service that takes nothing for too long is told, and so is the server", async () => {
  const clock = new FakeClock();
  await inArena({ clock }, async (arena) => {
    const service = await listenSockets({ socket: { paused: true } });
    arena.later(() => service.close());
    const windowBytes = 32 * MIB;
    const limits = { ...PATIENT, windowBytes, maxWindowBytes: windowBytes, streamStallTimeoutMs: 15_000 };
    const { client, puppet } = await arena.target({ local: service.address, limits });
    await puppet.send(openStream(2), openStream(4));
    const stalled = await service.next();
    const other = await service.next();
    await puppet.message("stream_ack", ({ streamId }) => streamId === 2);
    for (let frame = 0; frame < 4; frame++) await puppet.sendData(2, new Uint8Array(4 * MIB));
    await puppet.roundTrip();
    assert.ok(client.status().bufferedBytes > 0, "the kernel has taken everything");
    clock.advance(14_900);
    assert.equal(client.status().streams, 2);
    clock.advance(2_100);
    assert.equal((await puppet.closeOf(2)).reason.kind, "timeout");
    assert.equal(client.status().bufferedBytes, 0);
    for (const socket of [stalled, other]) socket.onData = () => {};
    stalled.resume();
    other.resume();
    await within(stalled.ended, "the service to be told");
    await puppet.sendData(4, new Uint8Array(1000), true);
    await within(other.ended, "the other stream's end");
    assert.equal(other.bytesReceived, 1000);
  });
});
