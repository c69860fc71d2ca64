/**
 * Payload as chunks.
 *
 * @module
 */
import { fieldBytes, writeField, writeLineEnd } from "./head_encoder.ts";
import type { HeaderList } from "./header_list.ts";

const CR = 0x0d;
const LF = 0x0a;

/** Bytes that {@linkcode wrapChunk} may need before a payload: 8 digits and a line end. */
export const CHUNK_HEADROOM = 10;
/** Bytes that {@linkcode wrapChunk} needs behind a payload. */
export const CHUNK_TAILROOM = 2;

/** The last chunk, without trailers. Not to be changed. */
export const LAST_CHUNK: Uint8Array = new TextEncoder().encode("0\r\n\r\n");

const LAST_CHUNK_LINE = LAST_CHUNK.subarray(0, 3);
const DIGITS = new TextEncoder().encode("0123456789abcdef");

/**
 * A chunk around a copy of a payload.
 *
 * @param payload Not empty: an empty chunk would end the body.
 * @throws {RangeError} when it is empty
 */
export function encodeChunk(payload: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(CHUNK_HEADROOM + payload.length + CHUNK_TAILROOM);
  buffer.set(payload, CHUNK_HEADROOM);
  return buffer.subarray(wrapChunk(buffer, CHUNK_HEADROOM, CHUNK_HEADROOM + payload.length));
}

/**
 * Writes the size before a payload that already lies in a buffer with room around it, and CR LF behind it.
 *
 * @param buffer Has {@linkcode CHUNK_HEADROOM} bytes before and {@linkcode CHUNK_TAILROOM} bytes behind the payload.
 * @param payloadStart Where the payload begins.
 * @param payloadEnd Where it ends.
 * @returns Where the chunk begins; it ends at `payloadEnd + CHUNK_TAILROOM`.
 * @throws {RangeError} when the payload is empty or there is no room
 */
export function wrapChunk(buffer: Uint8Array, payloadStart: number, payloadEnd: number): number {
  const size = payloadEnd - payloadStart;
  if (size <= 0) throw new RangeError(`Cannot make a chunk of ${size} bytes`);
  if (payloadStart < CHUNK_HEADROOM || payloadEnd + CHUNK_TAILROOM > buffer.length) {
    throw new RangeError(
      `Cannot wrap bytes ${payloadStart} to ${payloadEnd} in a buffer of ${buffer.length}`,
    );
  }
  buffer[payloadEnd] = CR;
  buffer[payloadEnd + 1] = LF;
  let at = payloadStart;
  buffer[--at] = LF;
  buffer[--at] = CR;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 16)) buffer[--at] = DIGITS[rest % 16]!;
  return at;
}

/**
 * The last chunk with trailers.
 *
 * @param trailers Those of `BodyScanner.trailers`, or others that may stand behind a body.
 * @throws {TypeError} when one cannot stand there
 */
export function encodeLastChunk(trailers: HeaderList): Uint8Array {
  return encodeTrailers(trailers, LAST_CHUNK_LINE);
}

/**
 * Trailers and the empty line behind them.
 *
 * @param trailers As for {@linkcode encodeLastChunk}.
 * @param before What is to stand before them. @default nothing
 */
export function encodeTrailers(trailers: HeaderList, before: Uint8Array = new Uint8Array(0)): Uint8Array {
  let size = before.length + 2;
  for (const [name, value] of trailers) size += fieldBytes(name, value);
  const bytes = new Uint8Array(size);
  bytes.set(before);
  let at = before.length;
  for (const [name, value] of trailers) at = writeField(bytes, at, name, value);
  writeLineEnd(bytes, at);
  return bytes;
}
