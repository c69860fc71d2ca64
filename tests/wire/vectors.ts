/**
 * Golden vectors: what each control message and each frame looks like in bytes, whole frames in hexadecimal. The Rust
 * implementation of protocol version 1 reads and writes those of version 1 byte for byte, so a change here is a change
 * of the protocol.
 *
 * @module
 */
import type { GoAwayCode } from "../../src/wire/frame.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { KEY_VECTORS } from "./vectors_key.ts";
import { SESSION_VECTORS } from "./vectors_session.ts";
import { STREAM_VECTORS } from "./vectors_stream.ts";

/** A control message and its whole frame. */
export interface ControlVector {
  readonly name: string;
  readonly message: ControlMessage;
  readonly hex: string;
}

/** A frame of another type. */
export type OtherFrame =
  | { readonly type: "data"; readonly streamId: number; readonly end: boolean; readonly payload: Uint8Array }
  | { readonly type: "window_update"; readonly streamId: number; readonly increment: number }
  | { readonly type: "go_away"; readonly code: GoAwayCode };

/** A frame of another type and its bytes. */
export interface FrameVector {
  readonly name: string;
  readonly frame: OtherFrame;
  readonly hex: string;
}

/** Hexadecimal digits, with any white space between, as bytes. */
export function fromHex(hex: string): Uint8Array {
  const digits = hex.replaceAll(/\s/g, "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new TypeError(`Not pairs of hexadecimal digits: ${hex}`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Bytes as hexadecimal digits without white space. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Every message, every enum value, options present and absent, and varints at their boundaries. */
export const CONTROL_VECTORS: readonly ControlVector[] = [
  ...SESSION_VECTORS,
  ...STREAM_VECTORS,
  ...KEY_VECTORS,
];

/** Data, window update and go-away frames. */
export const FRAME_VECTORS: readonly FrameVector[] = [
  {
    name: "data",
    frame: { type: "data", streamId: 2, end: false, payload: Uint8Array.of(0x68, 0x69) },
    hex: "00000008" + "01" + "00000002" + "00" + "6869",
  },
  {
    name: "data_end",
    frame: { type: "data", streamId: 2, end: true, payload: Uint8Array.of(0x21) },
    hex: "00000007" + "01" + "00000002" + "01" + "21",
  },
  {
    name: "data_end_empty",
    frame: { type: "data", streamId: 4294967295, end: true, payload: new Uint8Array(0) },
    hex: "00000006" + "01" + "ffffffff" + "01",
  },
  {
    name: "data_300_zeros",
    frame: { type: "data", streamId: 16909060, end: false, payload: new Uint8Array(300) },
    hex: "00000132" + "01" + "01020304" + "00" + "00".repeat(300),
  },
  {
    name: "window_update",
    frame: { type: "window_update", streamId: 2, increment: 131072 },
    hex: "00000009" + "02" + "00000002" + "00020000",
  },
  {
    name: "window_update_one_byte",
    frame: { type: "window_update", streamId: 2147483648, increment: 1 },
    hex: "00000009" + "02" + "80000000" + "00000001",
  },
  {
    name: "window_update_largest",
    frame: { type: "window_update", streamId: 4294967295, increment: 2147483647 },
    hex: "00000009" + "02" + "ffffffff" + "7fffffff",
  },
  {
    name: "go_away_shutting_down",
    frame: { type: "go_away", code: "shutting_down" },
    hex: "00000002" + "03" + "00",
  },
  { name: "go_away_replaced", frame: { type: "go_away", code: "replaced" }, hex: "00000002" + "03" + "01" },
  { name: "go_away_revoked", frame: { type: "go_away", code: "revoked" }, hex: "00000002" + "03" + "02" },
  {
    name: "go_away_stream_ids_used_up",
    frame: { type: "go_away", code: "stream_ids_used_up" },
    hex: "00000002" + "03" + "03",
  },
];
