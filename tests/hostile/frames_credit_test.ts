/**
 * Hostile tests of flow control: more data than there is credit for, and credit that cannot be.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { writeU32 } from "../../src/wire/frame.ts";
import { test } from "../harness.ts";
import { type Arena, ARENA_TOKEN, inArena } from "../support/arena.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertKilled } from "../support/invariants.ts";
import {
  creditFrame,
  dataFrame,
  handshakeOf,
  joinFrames,
  openStream,
  type Puppet,
} from "../support/puppet.ts";
import type { RawSocket } from "../support/raw_socket.ts";

const WINDOW_BYTES = 4096;
const LIMITS = { windowBytes: WINDOW_BYTES, maxWindowBytes: WINDOW_BYTES };
const MAX_CREDIT = 0x7fff_ffff;

/** A stream that a visitor has opened towards a puppet client, which grants a window of 1024 bytes. */
async function visited(arena: Arena): Promise<{ puppet: Puppet; visitor: RawSocket; streamId: number }> {
  const { puppet, address } = await arena.tenant(1024);
  const visitor = await arena.visitor(address);
  const { streamId } = await puppet.message("open_stream");
  return { puppet, visitor, streamId };
}

test("F15: a window of data in one frame is taken, one byte more ends the session", async () => {
  await inArena({ limits: LIMITS }, async (arena) => {
    const good = await visited(arena);
    await good.puppet.sendData(good.streamId, new Uint8Array(WINDOW_BYTES));
    assert.equal((await good.visitor.read(WINDOW_BYTES)).length, WINDOW_BYTES);
    await good.puppet.roundTrip();

    const bad = await visited(arena);
    await assertKilled(arena.server.counters, bad.puppet, {
      bytes: dataFrame(bad.streamId, new Uint8Array(WINDOW_BYTES + 1)),
      rule: "window_exceeded",
    });
    assert.equal(bad.visitor.bytesReceived, 0);
  });
});

test("F15: the window counts over frames: what was not given back cannot be used twice", async () => {
  // Less than half a window is not given back, so that exactly the rest is left.
  const first = WINDOW_BYTES / 2 - 1;
  await inArena({ limits: LIMITS }, async (arena) => {
    for (const over of [0, 1]) {
      const { puppet, visitor, streamId } = await visited(arena);
      await puppet.sendData(streamId, new Uint8Array(first));
      await visitor.read(first);
      const bytes = dataFrame(streamId, new Uint8Array(WINDOW_BYTES - first + over));
      if (over === 1) {
        await assertKilled(arena.server.counters, puppet, { bytes, rule: "window_exceeded" });
      } else {
        await puppet.sendBytes(bytes);
        await visitor.read(WINDOW_BYTES - first);
        await puppet.roundTrip();
      }
    }
  });
});

test("F15: a stream that was closed has the credit it had, and no more", async () => {
  await inArena({ limits: LIMITS }, async (arena) => {
    for (const over of [0, 1]) {
      const { puppet, visitor, streamId } = await visited(arena);
      await puppet.sendData(streamId, new Uint8Array(100));
      await visitor.read(100);
      await visitor.reset();
      // On a runtime that cannot send a reset the server learns of the visitor's end by writing to it.
      await puppet.sendData(streamId, new Uint8Array(100));
      await puppet.sendData(streamId, new Uint8Array(100));
      await puppet.closeOf(streamId);
      const bytes = dataFrame(streamId, new Uint8Array(WINDOW_BYTES - 300 + over));
      if (over === 1) {
        await assertKilled(arena.server.counters, puppet, { bytes, rule: "window_exceeded" });
      } else {
        await puppet.sendBytes(bytes);
        await puppet.roundTrip();
      }
    }
    assert.equal(arena.server.counters.get("orphan_frames"), 0);
  });
});

test("F15: a stream that was refused has the first window of credit, and no more", async () => {
  await inArena({ limits: LIMITS }, async (arena) => {
    for (const over of [0, 1]) {
      const puppet = await arena.puppet({});
      await puppet.send(openStream(1));
      await puppet.closeOf(1);
      const bytes = dataFrame(1, new Uint8Array(WINDOW_BYTES + over));
      if (over === 1) {
        await assertKilled(arena.server.counters, puppet, { bytes, rule: "window_exceeded" });
      } else {
        await puppet.sendBytes(bytes);
        await puppet.roundTrip();
      }
    }
  });
});

test("F16: data before the handshake, right behind it, and above the first credit ends the session", async () => {
  await inArena({ limits: LIMITS }, async (arena) => {
    const { counters } = arena.server;
    const data = dataFrame(2, Uint8Array.of(1));
    const handshake = encodeControl(handshakeOf({ token: ARENA_TOKEN, window: 1024 }));
    await assertKilled(counters, await arena.puppet(), { bytes: data, rule: "not_authenticated" });
    await assertKilled(counters, await arena.puppet(), {
      bytes: joinFrames([data, handshake]),
      rule: "not_authenticated",
    });
    assert.equal(counters.get("sessions_opened"), 1, "only the canary was let in");
    await assertKilled(counters, await arena.puppet(), {
      bytes: joinFrames([handshake, data]),
      rule: "unknown_stream",
    });
    // The length alone is judged: not a byte of payload need come.
    const { puppet, streamId } = await visited(arena);
    const header = dataFrame(streamId, new Uint8Array(0));
    writeU32(header, 0, 6 + WINDOW_BYTES + 1);
    await assertKilled(counters, puppet, { bytes: header, rule: "window_exceeded" });
  });
});

test("F17: credit up to 2^31 - 1 is taken, one byte more ends the session", async () => {
  await inArena({}, async (arena) => {
    const { puppet, visitor, streamId } = await visited(arena);
    await puppet.sendCredit(streamId, MAX_CREDIT - 1024);
    await puppet.roundTrip();
    await visitor.write(Uint8Array.of(1)); // Uses one byte of credit, so that one more may be given.
    assert.equal((await puppet.data(streamId)).bytes.length, 1);
    await puppet.sendCredit(streamId, 1);
    await puppet.roundTrip();
    await assertKilled(arena.server.counters, puppet, {
      bytes: creditFrame(streamId, 1),
      rule: "credit_overflow",
    });
  });
});

test("F17: credit of 2^31 - 1 twice, or of more in one frame, ends the session", async () => {
  await inArena({}, async (arena) => {
    const { counters } = arena.server;
    const twice = await visited(arena);
    const most = creditFrame(twice.streamId, MAX_CREDIT);
    await assertKilled(counters, twice.puppet, { bytes: joinFrames([most, most]), rule: "credit_overflow" });
    for (const increment of [MAX_CREDIT + 1, 0xffff_ffff]) {
      const { puppet, streamId } = await visited(arena);
      const bytes = creditFrame(streamId, increment);
      await assertKilled(counters, puppet, { bytes, rule: "credit_overflow" });
    }
  });
});

test("F18: a credit of 0 ends the session", async () => {
  await inArena({}, async (arena) => {
    const { puppet, streamId } = await visited(arena);
    await assertKilled(arena.server.counters, puppet, {
      bytes: creditFrame(streamId, 0),
      rule: "zero_credit",
    });
  });
});

test("F18: 1000 tiny credits are taken, one more ends the session", async () => {
  await inArena({ clock: new FakeClock() }, async (arena) => {
    const { puppet, streamId } = await visited(arena);
    await puppet.sendBytes(joinFrames(new Array<Uint8Array>(999).fill(creditFrame(streamId, 1))));
    await puppet.roundTrip(); // The thousandth: a heartbeat comes out of the same budget.
    await puppet.sendCredit(streamId, 512); // Not tiny.
    await assertKilled(arena.server.counters, puppet, {
      bytes: creditFrame(streamId, 511),
      rule: "credit_flood",
    });
  });
});

test("F18: a flood of tiny credits ends the session", async () => {
  await inArena({}, async (arena) => {
    const { puppet, streamId } = await visited(arena);
    const flood = joinFrames(new Array<Uint8Array>(100_000).fill(creditFrame(streamId, 1)));
    await assertKilled(arena.server.counters, puppet, { bytes: flood, rule: "credit_flood" });
  });
});
