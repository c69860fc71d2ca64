import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import * as messages from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { slowDecode, slowEncode } from "./slow_codec.ts";
import { concat } from "./recording.ts";
import { anyMessage, ruleOf } from "./support.ts";
import { CONTROL_VECTORS, fromHex, toHex } from "./vectors.ts";

const HEADER_BYTES = 5;

function bodyOf(message: ControlMessage): Uint8Array {
  return encodeControl(message).subarray(HEADER_BYTES);
}

function accepts(decode: (body: Uint8Array) => unknown, body: Uint8Array): boolean {
  try {
    decode(body);
    return true;
  } catch {
    return false;
  }
}

test("encodeControl() produces every golden vector, and decodeControl() reads it back", () => {
  for (const { name, message, hex } of CONTROL_VECTORS) {
    assert.equal(toHex(encodeControl(message)), hex, name);
    assert.deepEqual(decodeControl(fromHex(hex).subarray(HEADER_BYTES)), message, name);
  }
});

test("The slow codec produces and reads every golden vector", () => {
  for (const { name, message, hex } of CONTROL_VECTORS) {
    assert.equal(toHex(slowEncode(message)), hex.slice(2 * HEADER_BYTES), name);
    assert.deepEqual(slowDecode(fromHex(hex).subarray(HEADER_BYTES)), message, name);
  }
});

test("The golden vectors cover every message and every enum value", () => {
  const seen = new Set<string>();
  const visit = (key: string, value: unknown): void => {
    if (typeof value === "string") seen.add(`${key}=${value}`);
    if (key === "reason") visit("kind", (value as { kind: string }).kind);
  };
  for (const { message } of CONTROL_VECTORS) {
    for (const [key, value] of Object.entries(message)) {
      visit(key === "status" ? `${message.type}.status` : key, value);
    }
  }
  const types =
    "handshake,handshake_ack,register,register_ack,open_stream,stream_ack,close_stream,heartbeat," +
    "heartbeat_ack,error,plugin_data,direct_wanted";
  const expected: [string, readonly string[]][] = [
    ["type", types.split(",")],
    ["protocol", messages.PROTOCOLS],
    ["priority", messages.PRIORITIES],
    ["handshake_ack.status", messages.HANDSHAKE_STATUSES],
    ["register_ack.status", messages.REGISTER_STATUSES],
    ["stream_ack.status", messages.STREAM_STATUSES],
    ["kind", messages.CLOSE_KINDS],
    ["code", messages.ERROR_CODES],
  ];
  for (const [key, values] of expected) {
    for (const value of values) assert(seen.has(`${key}=${value}`), `${key}=${value} is in no vector`);
  }
});

test("Any message is encoded alike by both codecs, and each reads the other", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const body = bodyOf(message);
      assert.deepEqual(body, slowEncode(message));
      assert.deepEqual(slowDecode(body), message);
      assert.deepEqual(decodeControl(slowEncode(message)), message);
    }),
    { numRuns: 2000 },
  );
});

/** A message's first byte with anything behind it: gets further than bytes that are random from the start. */
const anyBody = fc.tuple(fc.integer({ min: 0, max: 13 }), fc.uint8Array({ maxLength: 60 }))
  .map(([index, rest]) => Uint8Array.of(index, ...rest));

const mutatedBody = fc.tuple(anyMessage, fc.nat(), fc.uint8Array({ maxLength: 3 }), fc.nat({ max: 3 }))
  .map(([message, place, inserted, removed]) => {
    const body = bodyOf(message);
    const at = place % (body.length + 1);
    return concat(body.subarray(0, at), inserted, body.subarray(Math.min(at + removed, body.length)));
  });

test("Any bytes are a message or a ProtocolError, exactly as the slow codec has it (F8)", () => {
  let accepted = 0;
  let refused = 0;
  const bodies = fc.oneof(fc.uint8Array({ maxLength: 100 }), anyBody, mutatedBody);
  fc.assert(
    fc.property(bodies, (body) => {
      if (accepts(slowDecode, body)) {
        accepted++;
        const message = decodeControl(body);
        assert.deepEqual(message, slowDecode(body));
        assert.deepEqual(bodyOf(message), body, "One value has one encoding");
      } else {
        refused++;
        ruleOf(() => decodeControl(body));
      }
    }),
    { numRuns: 5000 },
  );
  assert(accepted > 100 && refused > 100, `Both must happen: ${accepted} accepted, ${refused} refused`);
});

test("Bytes behind a message are refused, whatever they are (F4)", () => {
  const trailing = fc.uint8Array({ minLength: 1, maxLength: 20 });
  fc.assert(fc.property(anyMessage, trailing, (message, more) => {
    assert.equal(ruleOf(() => decodeControl(concat(bodyOf(message), more))), "trailing_bytes");
  }));
});

test("A message cut short anywhere is refused (F6)", () => {
  for (const { name, hex } of CONTROL_VECTORS) {
    const body = fromHex(hex).subarray(HEADER_BYTES);
    for (let length = 0; length < body.length; length++) {
      const rule = ruleOf(() => decodeControl(body.subarray(0, length)));
      assert.equal(rule, "truncated_message", `${name} cut to ${length}`);
    }
  }
});

test("Bodies that break one rule are refused by the name of that rule (F8)", () => {
  const cases: [rule: string, hex: string][] = [
    ["data_as_control", "06"],
    ["bad_enum", "0d"],
    ["bad_enum", "fa"],
    ["varint_out_of_range", "fd" + "00".repeat(7) + "01"],
    ["varint_out_of_range", "fe" + "00".repeat(16)],
    ["bad_varint", "ff"],
    ["varint_not_canonical", "fb0800" + "01"],
    ["varint_not_canonical", "08" + "fbfa00"],
    ["varint_not_canonical", "08" + "fcffff0000"],
    ["varint_not_canonical", "08" + "fdffffffff00000000"],
    ["varint_out_of_range", "08" + "fe" + "ff".repeat(16)],
    ["bad_varint", "08" + "ff"],
    ["varint_out_of_range", "05" + "fd0000000001000000" + "00"],
    ["bad_enum", "0502" + "03"],
    ["bad_enum", "0702" + "05"],
    ["bad_enum", "02000700"],
    ["bad_enum", "040207000000"],
    ["bad_enum", "040205000004"],
    ["bad_enum", "0300" + "04"],
    ["bad_enum", "0a000700"],
    ["bad_enum", "0110" + "00".repeat(16) + "060000"],
    ["bad_bool", "0a020000"],
    ["bad_bool", "0000ff"],
    ["bad_bool", "0402050002"],
    ["bad_session_id", "010f" + "00".repeat(15) + "000000"],
    ["bad_session_id", "0100" + "000000"],
    ["field_too_long", "0111" + "00".repeat(17) + "000000"],
    ["bad_token", "000109" + "00010100"],
    ["bad_token", "00017f" + "00010100"],
    ["bad_token", "0002c3a9" + "00010100"],
    ["duplicate_key", "02000502" + "01610162" + "01610163"],
  ];
  // Not UTF-8: stray and missing continuation, overlong, surrogate, over U+10FFFF, bytes that never occur.
  for (const bytes of ["80", "c3", "c0af", "e0809f", "eda080", "f4908080", "f5808080", "ff", "61ff62"]) {
    cases.push(["bad_utf8", "03" + (bytes.length / 2).toString(16).padStart(2, "0") + bytes + "00"]);
  }
  for (const [rule, hex] of cases) {
    const body = fromHex(hex);
    assert.equal(ruleOf(() => decodeControl(body)), rule, hex);
    assert(!accepts(slowDecode, body), `The slow codec accepts ${hex}`);
  }
});

test("A token of every printable character is accepted, and no other character is (F8)", () => {
  for (let code = 0; code < 0x80; code++) {
    const body = Uint8Array.of(0, 1, code, 0, 1, 1, 0);
    assert.equal(accepts(decodeControl, body), code >= 0x20 && code <= 0x7e, `Character ${code}`);
  }
});

test("A decoded message shares no memory with the body, also when the body is a Buffer", () => {
  for (const copy of [(bytes: Uint8Array) => bytes.slice(), (bytes: Uint8Array) => Buffer.from(bytes)]) {
    for (const name of ["plugin_data_bytes", "handshake_ack_success"]) {
      const { message, hex } = CONTROL_VECTORS.find((vector) => vector.name === name)!;
      const body = copy(fromHex(hex).subarray(HEADER_BYTES));
      const decoded = decodeControl(body);
      body.fill(0xee);
      assert.deepEqual(decoded, message);
    }
  }
});

test("encodeControl() refuses what has no encoding", () => {
  const open = { type: "open_stream", protocol: "tcp", headers: [], priority: "normal" } as const;
  const cases: [typeof TypeError | typeof RangeError, ControlMessage][] = [
    [RangeError, { type: "stream_ack", streamId: -1, status: "accepted" }],
    [RangeError, { type: "stream_ack", streamId: 2 ** 32, status: "accepted" }],
    [RangeError, { type: "stream_ack", streamId: 1.5, status: "accepted" }],
    [RangeError, { type: "stream_ack", streamId: NaN, status: "accepted" }],
    [TypeError, { type: "stream_ack", streamId: 1, status: "no" as "accepted" }],
    [RangeError, { type: "heartbeat", timestamp: -1n }],
    [RangeError, { type: "heartbeat", timestamp: 1n << 64n }],
    [RangeError, { ...open, streamId: 2, bodyHint: 1n << 64n }],
    [TypeError, { type: "error", streamId: undefined, code: "timeout", message: "\ud800" }],
    [TypeError, { type: "data" } as unknown as ControlMessage],
    [TypeError, { type: "nonsense" } as unknown as ControlMessage],
  ];
  for (const sessionId of [new Uint8Array(15), new Uint8Array(17)]) {
    cases.push([RangeError, {
      type: "handshake_ack",
      sessionId,
      status: "success",
      version: 1,
      capabilities: [],
    }]);
  }
  for (const [minVersion, maxVersion] of [[256, 1], [1, -1]] as const) {
    const rest = { tunnelId: undefined, capabilities: [] };
    cases.push([RangeError, { type: "handshake", token: "", minVersion, maxVersion, ...rest }]);
  }
  for (const [kind, message] of cases) assert.throws(() => encodeControl(message), kind);
});

test("encodeControl() does not repeat a token in the error that refuses it", () => {
  for (const token of ["sécret", "secret".repeat(100)]) {
    const rest = { tunnelId: undefined, minVersion: 1, maxVersion: 1, capabilities: [] };
    assert.throws(() => encodeControl({ type: "handshake", token, ...rest }), (error) => {
      return error instanceof Error && !error.message.includes("cret") && error.message.includes("token");
    });
  }
});
