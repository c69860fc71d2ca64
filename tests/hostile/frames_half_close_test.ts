/**
 * Hostile tests of streams of which one direction has ended.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { inArena } from "../support/arena.ts";
import { within } from "../support/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Pattern } from "../support/pattern.ts";
import { listenSockets } from "../support/raw_socket.ts";

const MIB = 1024 * 1024;
const LINGER_MS = 300_000;

for (const first of ["visitor", "service"] as const) {
  test(`F28: after the ${first} has ended its direction, 4 MiB come through the other`, async () => {
    await inArena({}, async (arena) => {
      const pattern = new Pattern(4 * MIB);
      const listener = await listenSockets();
      arena.later(() => listener.close());
      const { client, address } = await arena.client({ local: listener.address });
      const visitor = await arena.visitor(address);
      const service = await listener.next();
      const [early, late] = first === "visitor" ? [visitor, service] : [service, visitor];
      await early.write(Uint8Array.of(1, 2, 3));
      await early.end();
      assert.deepEqual(await late.readToEnd(), Uint8Array.of(1, 2, 3));
      const check = pattern.checker();
      early.onData = (chunk) => check.update(chunk);
      await pattern.writeTo(late);
      await within(early.closed, "the early end to be closed");
      assert.equal((await early.closed).error, undefined);
      assert.equal((await within(late.closed, "the late end to be closed")).error, undefined);
      assert.equal(check.digest(), pattern.digest);
      assert.equal(arena.server.counters.get("streams_reset"), 0);
      assert.equal(client.counters.get("streams_reset"), 0);
    });
  });
}

for (const first of ["visitor", "client"] as const) {
  test(`F28: a stream that the ${first} has half closed is reset when nothing moves for 5 min, counted anew from each byte`, async () => {
    const clock = new FakeClock();
    await inArena({ clock, limits: { deadAfterMs: 1e9 } }, async (arena) => {
      const { puppet, address } = await arena.tenant();
      const visitor = await arena.visitor(address);
      const { streamId } = await puppet.message("open_stream");
      await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
      if (first === "visitor") {
        await visitor.end();
        assert.ok((await puppet.data(streamId)).end);
      } else {
        await puppet.sendData(streamId, new Uint8Array(0), true);
        await within(visitor.ended, "the end to reach the visitor");
      }
      for (let byte = 0; byte < 3; byte++) {
        clock.advance(LINGER_MS - 2_000);
        if (first === "visitor") {
          await puppet.sendData(streamId, Uint8Array.of(byte));
          assert.deepEqual(await visitor.read(1), Uint8Array.of(byte));
        } else {
          await visitor.write(Uint8Array.of(byte));
          assert.deepEqual((await puppet.data(streamId)).bytes, Uint8Array.of(byte));
        }
        await puppet.roundTrip();
      }
      clock.advance(LINGER_MS - 100);
      await puppet.roundTrip();
      assert.equal(arena.server.counters.get("streams_reset"), 0);
      clock.advance(2_100);
      assert.equal((await puppet.closeOf(streamId)).reason.kind, "timeout");
      if (first === "visitor") await within(visitor.closed, "the visitor to be told");
      assert.equal(arena.server.counters.get("streams_reset", "timeout"), 1);
    });
  });
}
