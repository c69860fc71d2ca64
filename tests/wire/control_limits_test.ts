import assert from "node:assert/strict";
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import * as limits from "../../src/wire/limits.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { slowDecode, slowEncode } from "./slow_codec.ts";
import { concat, record } from "./recording.ts";
import { allocationsOf, ruleOf } from "./support.ts";
import { fromHex } from "./vectors.ts";

const SESSION_ID_HEX = "10" + "00".repeat(16);

const handshake = {
  type: "handshake",
  token: "",
  tunnelId: undefined,
  minVersion: 1,
  maxVersion: 1,
  capabilities: [],
} as const;
const ack = { type: "handshake_ack", sessionId: new Uint8Array(16), status: "success", version: 1 } as const;
const register = { type: "register", serviceName: "", protocol: "tcp", metadata: new Map() } as const;
const open = {
  type: "open_stream",
  streamId: 1,
  protocol: "tcp",
  headers: [],
  bodyHint: undefined,
  priority: "normal",
} as const;

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Each limit, the rule that enforces it, and a message that has `size` of what is limited. */
const LIMITS: [name: string, max: number, rule: string, make: (size: number) => ControlMessage][] = [
  [
    "bytes of a token",
    limits.MAX_TOKEN_BYTES,
    "field_too_long",
    (n) => ({ ...handshake, token: "t".repeat(n) }),
  ],
  [
    "bytes of a tunnel id",
    limits.MAX_NAME_BYTES,
    "field_too_long",
    (n) => ({ ...handshake, tunnelId: "i".repeat(n) }),
  ],
  ["bytes, not characters, of a tunnel id", limits.MAX_NAME_BYTES, "field_too_long", (n) => ({
    ...handshake,
    tunnelId: "é".repeat(n >> 1) + "i".repeat(n & 1),
  })],
  ["capabilities of a handshake", limits.MAX_CAPABILITIES, "too_many_entries", (n) => ({
    ...handshake,
    capabilities: times(n, () => ""),
  })],
  ["bytes of a handshake's capability", limits.MAX_CAPABILITY_BYTES, "field_too_long", (n) => ({
    ...handshake,
    capabilities: ["c".repeat(n)],
  })],
  ["capabilities of a handshake's answer", limits.MAX_CAPABILITIES, "too_many_entries", (n) => ({
    ...ack,
    capabilities: times(n, () => "c"),
  })],
  ["bytes of an answer's capability", limits.MAX_CAPABILITY_BYTES, "field_too_long", (n) => ({
    ...ack,
    capabilities: ["c".repeat(n)],
  })],
  [
    "bytes of a service name",
    limits.MAX_NAME_BYTES,
    "field_too_long",
    (n) => ({ ...register, serviceName: "s".repeat(n) }),
  ],
  ["metadata entries", limits.MAX_METADATA, "too_many_entries", (n) => ({
    ...register,
    metadata: new Map(times(n, (i): [string, string] => [`${i}`, ""])),
  })],
  ["bytes of a metadata key", limits.MAX_METADATA_BYTES, "field_too_long", (n) => ({
    ...register,
    metadata: new Map([["k".repeat(n), ""]]),
  })],
  ["bytes of a metadata key and value", limits.MAX_METADATA_BYTES, "field_too_long", (n) => ({
    ...register,
    metadata: new Map([["k".repeat(100), "v".repeat(n - 100)]]),
  })],
  ["bytes of a public URL", limits.MAX_TEXT_BYTES, "field_too_long", (n) => ({
    type: "register_ack",
    publicUrl: "u".repeat(n),
    status: "success",
  })],
  ["headers", limits.MAX_HEADERS, "too_many_entries", (n) => ({
    ...open,
    headers: times(n, (): [string, string] => ["", ""]),
  })],
  [
    "bytes of a header's name",
    limits.MAX_HEADER_BYTES,
    "field_too_long",
    (n) => ({ ...open, headers: [["n".repeat(n), ""]] }),
  ],
  ["bytes of a header's name and value", limits.MAX_HEADER_BYTES, "field_too_long", (n) => ({
    ...open,
    headers: [["n", "v".repeat(n - 1)]],
  })],
  ["bytes of a reason", limits.MAX_TEXT_BYTES, "field_too_long", (n) => ({
    type: "close_stream",
    streamId: 1,
    reason: { kind: "error", message: "r".repeat(n) },
  })],
  ["bytes of an error's text", limits.MAX_TEXT_BYTES, "field_too_long", (n) => ({
    type: "error",
    streamId: undefined,
    code: "timeout",
    message: "e".repeat(n),
  })],
  ["bytes of a plugin's id", limits.MAX_NAME_BYTES, "field_too_long", (n) => ({
    type: "plugin_data",
    pluginId: "p".repeat(n),
    data: new Uint8Array(0),
  })],
  ["bytes of plugin data", limits.MAX_PLUGIN_DATA_BYTES, "field_too_long", (n) => ({
    type: "plugin_data",
    pluginId: "",
    data: new Uint8Array(n),
  })],
];

for (const [name, max, rule, make] of LIMITS) {
  test(`${max} ${name} pass both ways and one more is refused both ways (F7)`, () => {
    const fits = make(max);
    const body = encodeControl(fits).subarray(limits.FRAME_HEADER_BYTES);
    assert.deepEqual(decodeControl(body), fits);
    assert.deepEqual(slowDecode(body), fits);

    const tooMuch = make(max + 1);
    assert.throws(() => encodeControl(tooMuch), RangeError);
    assert.equal(ruleOf(() => decodeControl(slowEncode(tooMuch))), rule);
    assert.throws(() => slowDecode(slowEncode(tooMuch)));
  });
}

test("A handshake and its answer with every field at its limit fit into a frame before authentication", () => {
  const capabilities = times(limits.MAX_CAPABILITIES, () => "c".repeat(limits.MAX_CAPABILITY_BYTES));
  const largest: ControlMessage[] = [
    {
      ...handshake,
      token: "t".repeat(limits.MAX_TOKEN_BYTES),
      tunnelId: "i".repeat(limits.MAX_NAME_BYTES),
      capabilities,
    },
    { ...ack, capabilities },
  ];
  for (const message of largest) {
    const { parser, frames } = record({ authenticated: false });
    parser.push(encodeControl(message));
    assert.deepEqual(frames, [{ type: "control", message }]);
  }
});

test("The largest legal message fits into a control frame", () => {
  const headers = times(
    limits.MAX_HEADERS,
    (): [string, string] => ["n".repeat(300), "v".repeat(8192 - 300)],
  );
  const message = { ...open, streamId: limits.MAX_STREAM_ID, headers, bodyHint: (1n << 64n) - 1n };
  const { parser, frames } = record();
  parser.push(encodeControl(message));
  assert.deepEqual(frames, [{ type: "control", message }]);
});

/** Bodies up to the length or count of each string, byte string, list and map. */
const LENGTHS: [field: string, hex: string][] = [
  ["handshake token", "00"],
  ["handshake tunnel_id", "000001"],
  ["handshake capabilities", "0000000101"],
  ["handshake capability", "000000010101"],
  ["handshake_ack session_id", "01"],
  ["handshake_ack capabilities", `01${SESSION_ID_HEX}0001`],
  ["handshake_ack capability", `01${SESSION_ID_HEX}000101`],
  ["register service_name", "02"],
  ["register metadata", "020005"],
  ["register metadata key", "02000501"],
  ["register metadata value", "0200050100"],
  ["register_ack public_url", "03"],
  ["open_stream headers", "040205"],
  ["open_stream header name", "04020501"],
  ["open_stream header value", "0402050100"],
  ["close_stream reason", "070202"],
  ["error message", "0a0000"],
  ["plugin_data plugin_id", "0b"],
  ["plugin_data data", "0b00"],
];

/** 2³² − 1, 2³¹, 2³², 2⁶⁴ − 1, 2¹²⁸ − 1, each as a varint. */
const BOMBS = [
  "fcffffffff",
  "fc00000080",
  "fd0000000001000000",
  "fd" + "ff".repeat(8),
  "fe" + "ff".repeat(16),
];
const MAX_SURPRISE_BYTES = 256;

for (const [field, prefix] of LENGTHS) {
  test(`A monstrous length of ${field} is refused without allocating for it (F6)`, () => {
    for (const bomb of BOMBS) {
      const body = fromHex(prefix + bomb + "00".repeat(8));
      const frame = concat(Uint8Array.of(0, 0, 0, body.length + 1, 0), body);
      const sizes = allocationsOf(() => {
        assert.match(
          ruleOf(() => decodeControl(body)),
          /^(varint_out_of_range|field_too_long|too_many_entries)$/,
        );
        const parser = record({ authenticated: false }).parser;
        ruleOf(() => parser.push(frame));
      });
      assert(Math.max(0, ...sizes) <= MAX_SURPRISE_BYTES, `Allocated ${sizes}`);
    }
  });
}

test("A legal length with no bytes behind it is refused without allocating for it (F6)", () => {
  const cases: [field: string, lengthAtLimit: string][] = [
    ["0b00", "fc00000100"],
    ["03", "fb0010"],
    ["040205", "80"],
    ["04020501", "fb0020"],
    ["020005", "40"],
  ];
  for (const [field, lengthAtLimit] of cases) {
    const body = fromHex(field + lengthAtLimit);
    const sizes = allocationsOf(() => {
      assert.equal(ruleOf(() => decodeControl(body)), "truncated_message");
    });
    assert(Math.max(0, ...sizes) <= MAX_SURPRISE_BYTES, `Allocated ${sizes}`);
  }
});

test("allocationsOf() sees the copy that plugin data is decoded into", () => {
  const body = encodeControl({ type: "plugin_data", pluginId: "", data: new Uint8Array(3000) }).subarray(5);
  assert.deepEqual(allocationsOf(() => void decodeControl(body)), [3000]);
});
