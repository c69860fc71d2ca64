import assert from "node:assert/strict";
import { ProtocolError } from "../../src/errors.ts";
import { ControlReader, MAX_DIRECT_FRAME_BYTES } from "../../src/tunnel/control_reader.ts";
import { encodeControl } from "../../src/wire/control.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";

const ACK: ControlMessage = { type: "stream_ack", streamId: 2, status: "accepted" };

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

test("ControlReader.push() finds messages wherever their bytes are cut, and leaves what follows alone", () => {
  const rest = Uint8Array.of(0xff, 0xfe, 0xfd);
  const frame = encodeControl(ACK);
  for (let cut = 0; cut <= frame.length; cut++) {
    const reader = new ControlReader();
    const first = reader.push(frame.subarray(0, cut));
    if (cut < frame.length) assert.equal(first, undefined);
    else assert.deepEqual(first, { message: ACK, rest: new Uint8Array(0) });
    if (cut < frame.length) {
      assert.deepEqual(reader.push(joined(frame.subarray(cut), rest)), { message: ACK, rest });
    }
    assert.deepEqual(reader.push(joined(frame, rest)), { message: ACK, rest });
  }
});

test("ControlReader.push() takes frames of 4096 bytes and refuses longer ones on their header", () => {
  const sized = (length: number): Uint8Array => {
    // Length, type, index, stream id, kind and the length of the text as a varint of three bytes.
    const message = "a".repeat(length - 1 - 6);
    return encodeControl({ type: "close_stream", streamId: 2, reason: { kind: "error", message } });
  };
  const largest = sized(MAX_DIRECT_FRAME_BYTES);
  assert.equal(largest.length, 4 + MAX_DIRECT_FRAME_BYTES);
  assert.equal(new ControlReader().push(largest)?.message.type, "close_stream");
  const tooLarge = Uint8Array.of(
    0,
    0,
    (MAX_DIRECT_FRAME_BYTES + 1) >> 8,
    (MAX_DIRECT_FRAME_BYTES + 1) & 0xff,
    0,
  );
  assert.throws(() => new ControlReader().push(tooLarge), { rule: "frame_too_large" });
});

test("ControlReader.push() refuses other frames, and what is no message", () => {
  const frames = [
    [0, 0, 0, 6, 1, 0, 0, 0, 2, 0],
    [0, 0, 0, 2, 3, 0],
    [0, 0, 0, 0, 0],
    [0, 0, 0, 1, 0],
    [0, 0, 0, 2, 0, 0xff],
    [0, 0, 0, 5, 0, 5, 2, 0, 0],
  ];
  for (const frame of frames) {
    assert.throws(() => new ControlReader().push(Uint8Array.from(frame)), ProtocolError, String(frame));
  }
});
