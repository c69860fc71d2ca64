/**
 * What the targets of the wire begin with, and what is put into it.
 *
 * @module
 */
import { encodeControl } from "../../src/wire/control.ts";
import {
  MAX_CAPABILITIES,
  MAX_CAPABILITY_BYTES,
  MAX_CONTROL_FRAME_BYTES,
  MAX_CREDIT,
  MAX_FRAME_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_METADATA,
  MAX_METADATA_BYTES,
  MAX_NAME_BYTES,
  MAX_PLUGIN_DATA_BYTES,
  MAX_TEXT_BYTES,
  MAX_TOKEN_BYTES,
  MAX_UNAUTHENTICATED_FRAME_BYTES,
} from "../../src/wire/limits.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { slowEncode } from "../wire/slow_codec.ts";
import { CONTROL_VECTORS, FRAME_VECTORS, fromHex } from "../wire/vectors.ts";
import type { Material } from "./_mutator.ts";
import { latin1 } from "./_target.ts";

/** Bytes in front of the body of a control frame. */
export const CONTROL_HEADER_BYTES = 5;

/** Messages with one field as long as it may be, or longer by `over`. */
function messagesAtLimits(over: number): ControlMessage[] {
  const text = (bytes: number): string => "t".repeat(bytes + over);
  const pairs = (count: number): [string, string][] =>
    Array.from({ length: count + over }, (_, at) => [`${at}`, ""]);
  const handshake = {
    type: "handshake",
    token: "t",
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 2,
    capabilities: [],
  } as const;
  const register = { type: "register", serviceName: "s", protocol: "tcp", metadata: new Map() } as const;
  const open = {
    type: "open_stream",
    streamId: 2,
    protocol: "tcp",
    headers: [],
    bodyHint: undefined,
    priority: "normal",
  } as const;
  return [
    { ...handshake, token: text(MAX_TOKEN_BYTES) },
    { ...handshake, tunnelId: text(MAX_NAME_BYTES) },
    { ...handshake, capabilities: Array.from({ length: MAX_CAPABILITIES + over }, () => "c") },
    { ...handshake, capabilities: [text(MAX_CAPABILITY_BYTES)] },
    { ...register, serviceName: text(MAX_NAME_BYTES) },
    { ...register, metadata: new Map(pairs(MAX_METADATA)) },
    { ...register, metadata: new Map([["k", text(MAX_METADATA_BYTES - 1)]]) },
    { type: "register_ack", publicUrl: text(MAX_TEXT_BYTES), status: "success" },
    { ...open, headers: pairs(MAX_HEADERS) },
    { ...open, headers: [["k", text(MAX_HEADER_BYTES - 1)]] },
    { type: "close_stream", streamId: 2, reason: { kind: "error", message: text(MAX_TEXT_BYTES) } },
    { type: "error", streamId: 2, code: "timeout", message: text(MAX_TEXT_BYTES) },
    { type: "plugin_data", pluginId: "p", data: new Uint8Array(MAX_PLUGIN_DATA_BYTES + over) },
  ];
}

/** Texts that are seldom, and bytes that are none. */
const TEXTS = ["é", "€", "😀", "\ufeff", "\ufffd", "\u0000"].map((text) => new TextEncoder().encode(text));
const NO_TEXTS = ["\x80", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"].map(latin1);
/** Numbers as varints: at the edges of their sizes, in range and too long. */
const VARINTS = ["fbfa00", "fbfb00", "fbffff", "fcffff0000", "fc00000100", "fcffffffff", "fdffffffff00000000"]
  .concat("fd0000000001000000", "fdffffffffffffffff", "fe", "ff").map(fromHex);
const VECTORS = CONTROL_VECTORS.map(({ message }) => encodeControl(message));
/** A length in front of a frame's first type and bytes. */
const FRAME_STARTS = [
  [1, 0],
  [2, 0],
  [MAX_CONTROL_FRAME_BYTES, 0],
  [MAX_CONTROL_FRAME_BYTES + 1, 0],
  [MAX_UNAUTHENTICATED_FRAME_BYTES, 0],
  [MAX_UNAUTHENTICATED_FRAME_BYTES + 1, 0],
  [5, 1],
  [6, 1],
  [7, 1],
  [MAX_FRAME_BYTES, 1],
  [MAX_FRAME_BYTES + 1, 1],
  [8, 2],
  [9, 2],
  [10, 2],
  [1, 3],
  [2, 3],
  [3, 3],
  [2, 4],
].map(([length = 0, type = 0]) => Uint8Array.of(...u32(length), type));
/** Credit, behind a header and a stream. */
const CREDITS = [0, 1, MAX_CREDIT, MAX_CREDIT + 1].map((credit) => Uint8Array.of(...u32(credit)));

function u32(value: number): number[] {
  return [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
}

/** Bodies of control frames. */
export const CONTROL_MATERIAL: Material = {
  inputs: VECTORS.map((frame) => frame.subarray(CONTROL_HEADER_BYTES)),
  rare: [0, 1].flatMap((over) => messagesAtLimits(over).map(slowEncode)),
  words: [...TEXTS, ...NO_TEXTS, ...VARINTS],
};

/** Whole frames. */
export const FRAME_MATERIAL: Material = {
  inputs: [...FRAME_VECTORS.map(({ hex }) => fromHex(hex)), ...VECTORS],
  rare: messagesAtLimits(0).map(encodeControl),
  words: [...FRAME_STARTS, ...CREDITS, ...TEXTS, ...NO_TEXTS, ...VARINTS],
};
