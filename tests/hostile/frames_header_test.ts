/**
 * Hostile tests of what the first bytes of a frame may say, and of what may follow a control message.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { writeU32 } from "../../src/wire/frame.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { type Arena, ARENA_TOKEN, inArena } from "../support/arena.ts";
import { until } from "../support/deadline.ts";
import { assertKilled } from "../support/invariants.ts";
import { dataFrame, handshakeOf, openStream, type Puppet } from "../support/puppet.ts";

const MIB = 1024 * 1024;

/** The server must end the session of `puppet` when it gets `bytes`. */
function kills(arena: Arena, puppet: Puppet, bytes: Uint8Array, rule: string): Promise<void> {
  return assertKilled(arena.server.counters, puppet, { bytes, rule });
}

function header(length: number, ...rest: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 + rest.length);
  writeU32(bytes, 0, length);
  bytes.set(rest, 4);
  return bytes;
}

/** A control frame of exactly `length` whose message is longer than its field may be, or not complete. */
function oversizedControl(length: number): Uint8Array {
  const frame = new Uint8Array(4 + length).fill(0x61);
  writeU32(frame, 0, length);
  frame.set([0, 11, 3], 4); // Control, PluginData, a name of three bytes; then "aaa" and a length of 0x61.
  return frame;
}

test("F1: a length over the maximum ends the session on the header, before authentication over 4 KiB", async () => {
  await inArena({}, async (arena) => {
    await kills(arena, await arena.puppet(), header(0xffff_ffff), "frame_too_large");
    await kills(arena, await arena.puppet(), header(4097), "frame_too_large");
    // A length of 4096 is legal; what it holds is not.
    await kills(arena, await arena.puppet(), oversizedControl(4096), "trailing_bytes");
  });
});

test("F1: a length over the maximum ends the session on the header, after authentication over 16 MiB", async () => {
  const limits = { windowBytes: 32 * MIB, maxWindowBytes: 32 * MIB };
  await inArena({ limits }, async (arena) => {
    await kills(arena, await arena.puppet({}), header(0xffff_ffff), "frame_too_large");
    await kills(arena, await arena.puppet({}), header(16 * MIB + 1), "frame_too_large");
    await kills(arena, await arena.puppet({}), header(2 * MIB + 1, 0), "frame_too_large");
    await kills(arena, await arena.puppet({}), oversizedControl(2 * MIB), "trailing_bytes");
    const { puppet, address } = await arena.tenant();
    let received = 0;
    const visitor = await arena.visitor(address, { onData: (chunk) => void (received += chunk.length) });
    const { streamId } = await puppet.message("open_stream");
    await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
    await puppet.sendBytes(dataFrame(streamId, new Uint8Array(16 * MIB - 6), true));
    await visitor.readToEnd();
    assert.equal(received, 16 * MIB - 6);
    await visitor.end();
    await puppet.data(streamId);
    await puppet.roundTrip();
  });
});

test("F2: a length of 0 ends the session, before and after authentication", async () => {
  await inArena({}, async (arena) => {
    await kills(arena, await arena.puppet(), header(0), "empty_frame");
    await kills(arena, await arena.puppet({}), header(0), "empty_frame");
  });
});

test("F3: every frame type but control ends the session before authentication", async () => {
  await inArena({}, async (arena) => {
    for (let type = 1; type < 256; type++) {
      await kills(arena, await arena.puppet(), header(6, type), "not_authenticated");
    }
  });
});

test("F3: every unknown frame type ends the session after authentication, our own too if not agreed", async () => {
  await inArena({}, async (arena) => {
    for (let type = 4; type < 256; type++) {
      await kills(arena, await arena.puppet({}), header(6, type), "unknown_frame_type");
    }
    for (const type of [2, 3, 4, 255]) {
      const puppet = await arena.puppet({ window: undefined });
      await kills(arena, puppet, header(type === 2 ? 9 : 2, type), "unknown_frame_type");
    }
  });
});

test("F3: every flag but the end of the stream ends the session", async () => {
  await inArena({}, async (arena) => {
    for (let flags = 2; flags < 256; flags++) {
      await kills(arena, await arena.puppet({}), header(7, 1, 0, 0, 0, 2, flags), "unknown_flags");
    }
    const { puppet, address } = await arena.tenant();
    const visitor = await arena.visitor(address);
    const { streamId } = await puppet.message("open_stream");
    await puppet.send({ type: "stream_ack", streamId, status: "accepted" });
    await puppet.sendData(streamId, Uint8Array.of(1));
    await puppet.sendData(streamId, Uint8Array.of(2), true);
    assert.deepEqual(await visitor.readToEnd(), Uint8Array.of(1, 2));
  });
});

const ID = new Uint8Array(16);
const AFTER_HANDSHAKE: readonly ControlMessage[] = [
  { type: "register", serviceName: "a", protocol: "tcp", metadata: new Map([["remote_port", "0"]]) },
  { type: "register_ack", publicUrl: "tcp://a:1", status: "success" },
  openStream(1),
  { type: "stream_ack", streamId: 2, status: "accepted" },
  { type: "close_stream", streamId: 2, reason: { kind: "error", message: "a" } },
  { type: "close_stream", streamId: 2, reason: { kind: "normal" } },
  { type: "heartbeat", timestamp: 1n },
  { type: "heartbeat_ack", timestamp: 1n },
  { type: "error", streamId: undefined, code: "timeout", message: "a" },
  { type: "plugin_data", pluginId: "a", data: Uint8Array.of(1) },
  { type: "direct_wanted", count: 1 },
  { type: "handshake_ack", sessionId: ID, status: "success", version: 1, capabilities: [] },
];

/** The control frame of `message` with `count` bytes behind the message, inside the frame. */
function withTrailing(message: ControlMessage, count: number): Uint8Array {
  const frame = encodeControl(message);
  const longer = crypto.getRandomValues(new Uint8Array(frame.length + count));
  longer.set(frame);
  writeU32(longer, 0, longer.length - 4);
  return longer;
}

test("F4: bytes behind a message inside its frame end the session, before and after authentication", async () => {
  await inArena({}, async (arena) => {
    const handshake = handshakeOf({ token: ARENA_TOKEN, window: 65536 });
    for (const count of [1, 2, 3, 16, 1024]) {
      await kills(arena, await arena.puppet(), withTrailing(handshake, count), "trailing_bytes");
      for (const message of AFTER_HANDSHAKE) {
        await kills(arena, await arena.puppet({}), withTrailing(message, count), "trailing_bytes");
      }
    }
    const good = await arena.puppet();
    await good.sendBytes(withTrailing(handshake, 0));
    assert.equal((await good.message("handshake_ack")).status, "success");
  });
});

test("a session that was ended takes its connection with it, also when the peer does not close", async () => {
  await inArena({}, async (arena) => {
    const puppet = await arena.puppet();
    await puppet.sendBytes(header(0));
    assert.equal((await puppet.message("error")).code, "protocol_error");
    await puppet.over();
    // Were only the server's direction ended, the peer could hold the descriptor open, and write, for ever.
    await until(() => {
      void puppet.sendBytes(Uint8Array.of(0));
      return puppet.socket.isClosed;
    }, "writing to the server fails");
  });
});
