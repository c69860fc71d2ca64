/**
 * The bytes that the load sends, and the check of those that it receives; the same as in `common.c`.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A prime, so that bytes displaced by any power of two, or by a whole frame, are found out. */
const PATTERN_BYTES = 65_521;

/** The most that {@linkcode patternAt} can give at once. */
export const CHUNK_BYTES: number = 256 * 1024;

const pattern = makePattern();

function makePattern(): Buffer {
  const bytes = Buffer.alloc(PATTERN_BYTES + CHUNK_BYTES);
  let state = 1;
  for (let i = 0; i < PATTERN_BYTES; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  for (let i = PATTERN_BYTES; i < bytes.length; i += PATTERN_BYTES) bytes.copy(bytes, i, 0, PATTERN_BYTES);
  return bytes;
}

/**
 * Gives a piece of the pattern without copying it.
 *
 * @param position Where it begins.
 * @param length How many bytes, at most {@linkcode CHUNK_BYTES}.
 */
export function patternAt(position: number, length: number): Buffer {
  const start = position % PATTERN_BYTES;
  return pattern.subarray(start, start + length);
}

/**
 * Compares bytes with the pattern.
 *
 * @param bytes Bytes, of any length.
 * @param position Where in the pattern they should begin.
 * @returns How many are right before the first wrong one.
 */
export function rightBytes(bytes: Uint8Array, position: number): number {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const piece = bytes.subarray(start, start + CHUNK_BYTES);
    const expected = patternAt(position + start, piece.length);
    if (!expected.equals(piece)) return start + piece.findIndex((byte, index) => byte !== expected[index]);
  }
  return bytes.length;
}
