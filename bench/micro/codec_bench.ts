/**
 * The codec of control messages, against its oracle: `deno bench bench/micro/`.
 *
 * @module
 */
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import { FRAME_HEADER_BYTES } from "../../src/wire/limits.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { slowDecode, slowEncode } from "../../tests/wire/slow_codec.ts";

/** What is sent for every visitor, and the longest that an ordinary session has. */
const MESSAGES: Readonly<Record<string, ControlMessage>> = {
  OpenStream: {
    type: "open_stream",
    streamId: 70_000,
    protocol: "tcp",
    headers: [["service", "ssh"], ["visitor", "192.0.2.7:50000"]],
    bodyHint: undefined,
    priority: "normal",
  },
  Handshake: {
    type: "handshake",
    token: "a".repeat(64),
    tunnelId: "6f1c7f1e-0000-4000-8000-000000000000",
    minVersion: 1,
    maxVersion: 2,
    capabilities: ["basic", "flow-control", "half-close"],
  },
};

for (const [name, message] of Object.entries(MESSAGES)) {
  const body = encodeControl(message).subarray(FRAME_HEADER_BYTES);
  const encoding = `codec, ${name} encoded`;
  Deno.bench({
    name: `fast, ${encoding}`,
    group: encoding,
    baseline: true,
    fn: () => void encodeControl(message),
  });
  Deno.bench({ name: `oracle, ${encoding}`, group: encoding, fn: () => void slowEncode(message) });
  const decoding = `codec, ${name} decoded`;
  Deno.bench({
    name: `fast, ${decoding}`,
    group: decoding,
    baseline: true,
    fn: () => void decodeControl(body),
  });
  Deno.bench({ name: `oracle, ${decoding}`, group: decoding, fn: () => void slowDecode(body) });
}
