import assert from "node:assert/strict";
import { ProtocolError } from "../../src/errors.ts";
import { writeDataHeader, writeWindowUpdate } from "../../src/wire/frame.ts";
import * as limits from "../../src/wire/limits.ts";
import type { FrameParser } from "../../src/wire/parser.ts";
import { test } from "../harness.ts";
import { record } from "./recording.ts";
import { allocationsOf, ruleOf } from "./support.ts";
import { fromHex } from "./vectors.ts";

interface Gates {
  authenticated: boolean;
  extensions: boolean;
}

const BEFORE: Gates = { authenticated: false, extensions: false };
const VERSION_1: Gates = { authenticated: true, extensions: false };
const EXTENDED: Gates = { authenticated: true, extensions: true };

function header(length: number, type: number): Uint8Array {
  return Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length, type);
}

/** Pushes byte by byte. Returns the rule that was broken and how many bytes it took, or undefined. */
function refusal(parser: FrameParser, bytes: Uint8Array): { rule: string; bytes: number } | undefined {
  for (let sent = 1; sent <= bytes.length; sent++) {
    try {
      parser.push(bytes.subarray(sent - 1, sent));
    } catch (error) {
      assert(error instanceof ProtocolError);
      return { rule: error.rule, bytes: sent };
    }
  }
  return undefined;
}

/** The rule that `bytes` break, which must be the same in one chunk and in single bytes, on the last byte. */
function refusedAtOnce(gates: Gates, bytes: Uint8Array): string {
  const found = refusal(record(gates).parser, bytes);
  assert.equal(found?.bytes, bytes.length, "Refused on another byte than the last");
  const more = new Uint8Array(bytes.length + 20);
  more.set(bytes);
  assert.equal(ruleOf(() => record(gates).parser.push(more)), found.rule);
  return found.rule;
}

function accepted(gates: Gates, bytes: Uint8Array): void {
  record(gates).parser.push(bytes);
  assert.equal(refusal(record(gates).parser, bytes), undefined);
}

test("A length over 16 MiB is refused on its fourth byte, and 16 MiB passes (F1)", () => {
  for (const gates of [VERSION_1, EXTENDED]) {
    accepted(gates, header(limits.MAX_FRAME_BYTES, 1));
    for (const length of [limits.MAX_FRAME_BYTES + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
      assert.equal(refusedAtOnce(gates, header(length, 1).subarray(0, 4)), "frame_too_large");
    }
  }
});

test("No length makes the parser allocate (F1)", () => {
  const sizes = allocationsOf(() => {
    for (const length of [limits.MAX_CONTROL_FRAME_BYTES, limits.MAX_FRAME_BYTES, 0xffff_ffff]) {
      refusal(record(EXTENDED).parser, header(length, 0));
    }
  });
  assert(Math.max(...sizes) <= 16, `Allocated ${sizes}`);
});

test("A length of 0 is refused on its fourth byte (F2)", () => {
  for (const gates of [BEFORE, VERSION_1, EXTENDED]) {
    assert.equal(refusedAtOnce(gates, new Uint8Array(4)), "empty_frame");
  }
});

test("A control frame without a body is refused on its type (F2)", () => {
  for (const gates of [BEFORE, VERSION_1, EXTENDED]) {
    assert.equal(refusedAtOnce(gates, header(1, 0)), "truncated_message");
  }
});

test("Before authentication a frame of 4 KiB passes and one more byte is refused (F1)", () => {
  accepted(BEFORE, header(limits.MAX_UNAUTHENTICATED_FRAME_BYTES, 0));
  const over = header(limits.MAX_UNAUTHENTICATED_FRAME_BYTES + 1, 0);
  assert.equal(refusedAtOnce(BEFORE, over.subarray(0, 4)), "frame_too_large");
  accepted(VERSION_1, over);
});

test("A control frame of 2 MiB passes and one more byte is refused on its type (F1)", () => {
  accepted(VERSION_1, header(limits.MAX_CONTROL_FRAME_BYTES, 0));
  assert.equal(refusedAtOnce(VERSION_1, header(limits.MAX_CONTROL_FRAME_BYTES + 1, 0)), "frame_too_large");
  accepted(VERSION_1, header(limits.MAX_CONTROL_FRAME_BYTES + 1, 1));
});

test("Of all 256 frame types only control passes before authentication (F3)", () => {
  for (const gates of [BEFORE, { authenticated: false, extensions: true }]) {
    accepted(gates, header(9, 0));
    for (let type = 1; type < 256; type++) {
      assert.equal(refusedAtOnce(gates, header(9, type)), "not_authenticated", `Type ${type}`);
    }
  }
});

test("Of all 256 frame types only control and data pass to a version 1 peer (F3)", () => {
  for (const type of [0, 1]) accepted(VERSION_1, header(9, type));
  for (let type = 2; type < 256; type++) {
    assert.equal(refusedAtOnce(VERSION_1, header(9, type)), "unknown_frame_type", `Type ${type}`);
  }
});

test("Of all 256 frame types four pass with extensions (F3)", () => {
  for (const [length, type] of [[9, 0], [9, 1], [9, 2], [2, 3]] as const) {
    accepted(EXTENDED, header(length, type));
  }
  for (let type = 4; type < 256; type++) {
    assert.equal(refusedAtOnce(EXTENDED, header(9, type)), "unknown_frame_type", `Type ${type}`);
  }
});

test("Of all 256 data flags only none and end pass (F3)", () => {
  for (let flags = 0; flags < 256; flags++) {
    const bytes = new Uint8Array(limits.DATA_HEADER_BYTES);
    writeDataHeader(bytes, 0, { streamId: 2, payloadBytes: 3, end: false });
    bytes[9] = flags;
    if (flags <= 1) accepted(VERSION_1, bytes);
    else assert.equal(refusedAtOnce(VERSION_1, bytes), "unknown_flags", `Flags ${flags}`);
  }
});

test("A data frame too short for its own header is refused on its type", () => {
  for (let length = 1; length < 6; length++) {
    assert.equal(refusedAtOnce(VERSION_1, header(length, 1)), "bad_frame_length");
  }
  accepted(VERSION_1, header(6, 1));
});

test("Window updates and go-aways of any but their own length are refused on their type", () => {
  for (const [type, expected] of [[2, 9], [3, 2]] as const) {
    for (let length = 1; length <= 20; length++) {
      if (length === expected) accepted(EXTENDED, header(length, type));
      else {assert.equal(
          refusedAtOnce(EXTENDED, header(length, type)),
          "bad_frame_length",
          `${type}: ${length}`,
        );}
    }
  }
});

test("Stream id 0 is refused in data and window updates, 1 and 2³² − 1 pass", () => {
  for (const streamId of [0, 1, limits.MAX_STREAM_ID]) {
    const data = new Uint8Array(limits.DATA_HEADER_BYTES);
    writeDataHeader(data, 0, { streamId, payloadBytes: 5, end: true });
    const update = new Uint8Array(13);
    writeWindowUpdate(update, 0, { streamId, increment: 1 });
    for (const bytes of [data, update]) {
      if (streamId > 0) accepted(EXTENDED, bytes);
      else assert.equal(refusedAtOnce(EXTENDED, bytes), "zero_stream_id");
    }
  }
});

test("A window update gives 1 to 2³¹ − 1 and nothing else (F17, F18)", () => {
  const cases: [increment: number, rule: string | undefined][] = [
    [0, "zero_credit"],
    [1, undefined],
    [limits.MAX_CREDIT, undefined],
    [limits.MAX_CREDIT + 1, "credit_overflow"],
    [0xffff_ffff, "credit_overflow"],
  ];
  for (const [increment, rule] of cases) {
    const bytes = new Uint8Array(13);
    writeWindowUpdate(bytes, 0, { streamId: 2, increment });
    if (rule === undefined) accepted(EXTENDED, bytes);
    else assert.equal(refusedAtOnce(EXTENDED, bytes), rule);
  }
});

test("Of all 256 codes of a go-away four pass", () => {
  for (let code = 0; code < 256; code++) {
    const bytes = Uint8Array.of(0, 0, 0, 2, 3, code);
    if (code < 4) accepted(EXTENDED, bytes);
    else assert.equal(refusedAtOnce(EXTENDED, bytes), "unknown_go_away_code", `Code ${code}`);
  }
});

test("A bad message in a control frame is refused on its last byte (F4, F8)", () => {
  assert.equal(refusedAtOnce(BEFORE, fromHex("00000004" + "00" + "080100")), "trailing_bytes");
  assert.equal(refusedAtOnce(BEFORE, fromHex("00000002" + "00" + "06")), "data_as_control");
  assert.equal(refusedAtOnce(BEFORE, fromHex("00000004" + "00" + "fb0800")), "varint_not_canonical");
});
