/**
 * Frame types and the encoding of the frames that are not control messages.
 *
 * @module
 */
import { DATA_HEADER_BYTES } from "./limits.ts";

/** Body: one control message. */
export const FRAME_CONTROL = 0x00;
/** Body: stream id u32, flags u8, payload. */
export const FRAME_DATA = 0x01;
/** Extension. Body: stream id u32, increment u32. Gives the receiver of this frame credit to send on the stream. */
export const FRAME_WINDOW_UPDATE = 0x02;
/** Extension. Body: code u8. The sender takes no new streams and will close once the open ones have ended. */
export const FRAME_GO_AWAY = 0x03;

/** Data flag, bit 0: the sender's direction of the stream ends with this frame. */
export const FLAG_END = 0x01;

/** Codes of GoAway. Index = wire encoding. */
export const GO_AWAY_CODES = ["shutting_down", "replaced", "revoked", "stream_ids_used_up"] as const;
/** One of {@linkcode GO_AWAY_CODES}. */
export type GoAwayCode = (typeof GO_AWAY_CODES)[number];

/** Bytes of a whole WindowUpdate frame. */
export const WINDOW_UPDATE_BYTES = 13;

/** Bytes of a whole GoAway frame. */
export const GO_AWAY_BYTES = 6;

/** What the header of a data frame says. */
export interface DataHeader {
  /** 0 to 2³² − 1. */
  streamId: number;
  /** Bytes of payload that follow the header. */
  payloadBytes: number;
  /** Whether the sender's direction ends with this frame. */
  end: boolean;
}

/**
 * Writes the header of a data frame in front of its payload.
 *
 * @param target Where to write; {@linkcode DATA_HEADER_BYTES} bytes from `offset`.
 * @param offset First byte of the header.
 * @param header What it says.
 */
export function writeDataHeader(target: Uint8Array, offset: number, header: DataHeader): void {
  writeU32(target, offset, header.payloadBytes + DATA_HEADER_BYTES - 4);
  target[offset + 4] = FRAME_DATA;
  writeU32(target, offset + 5, header.streamId);
  target[offset + 9] = header.end ? FLAG_END : 0;
}

/** Writes a whole WindowUpdate frame, {@linkcode WINDOW_UPDATE_BYTES} bytes, at `offset`. */
export function writeWindowUpdate(
  target: Uint8Array,
  offset: number,
  update: { streamId: number; increment: number },
): void {
  writeU32(target, offset, 9);
  target[offset + 4] = FRAME_WINDOW_UPDATE;
  writeU32(target, offset + 5, update.streamId);
  writeU32(target, offset + 9, update.increment);
}

/** Encodes a whole GoAway frame. */
export function encodeGoAway(code: GoAwayCode): Uint8Array {
  return Uint8Array.of(0, 0, 0, 2, FRAME_GO_AWAY, GO_AWAY_CODES.indexOf(code));
}

/** Writes `value`, 0 to 2³² − 1, as four bytes, big-endian, at `offset`. */
export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Reads four bytes, big-endian, from `offset`. All four must be there. */
export function readU32(source: Uint8Array, offset: number): number {
  const low = (source[offset + 1]! << 16) | (source[offset + 2]! << 8) | source[offset + 3]!;
  return source[offset]! * 0x100_0000 + low;
}
