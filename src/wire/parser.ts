/**
 * Bytes → frames, incrementally and without copying payloads.
 *
 * A header is judged as soon as its bytes are there: a length on its fourth byte, a type on its fifth. Nothing is ever
 * sized by a length that was only announced; a control frame that comes in pieces is gathered in a buffer that doubles
 * with what has come.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { decodeControl } from "./control.ts";
import {
  type DataHeader,
  FLAG_END,
  FRAME_CONTROL,
  FRAME_DATA,
  FRAME_WINDOW_UPDATE,
  GO_AWAY_CODES,
  type GoAwayCode,
  readU32,
} from "./frame.ts";
import { checkFrameLength, checkFrameType } from "./frame_rules.ts";
import { DATA_HEADER_BYTES, FRAME_HEADER_BYTES, MAX_CREDIT } from "./limits.ts";
import type { ControlMessage } from "./messages.ts";

/** Receives what a {@linkcode FrameParser} finds, in order. May throw a ProtocolError, which `push` lets through. */
export interface FrameHandler {
  /** A whole control message. */
  control(message: ControlMessage): void;
  /**
   * The header of a data frame; its payload follows in one or more calls of `data`, none if it is empty. The object is
   * used again for the next frame.
   */
  dataHeader(header: Readonly<DataHeader>): void;
  /** A piece of the payload: a view of the pushed chunk. `last` on the piece that completes the frame. */
  data(piece: Uint8Array, last: boolean): void;
  /** Credit for a stream. */
  windowUpdate(streamId: number, increment: number): void;
  /** The peer takes no new streams. */
  goAway(code: GoAwayCode): void;
}

/** Bytes of the length field, which does not count itself. */
const LENGTH_BYTES = 4;
/** What the gathering of a frame begins with, and what is kept of it for the next. */
const GATHER_BYTES = 256;

/**
 * Cuts a stream of bytes into frames and hands them to a handler. The handler may change {@linkcode authenticated} and
 * {@linkcode extensions} at any time; the next header byte is judged by the new value, also within the same chunk. It
 * must not call `push`.
 *
 * @example
 * ```ts
 * import { FrameParser } from "./parser.ts";
 *
 * const parser = new FrameParser({
 *   control: (message) => console.log(message.type),
 *   dataHeader: (header) => console.log(header.streamId, header.payloadBytes),
 *   data: (piece, last) => console.log(piece.length, last),
 *   windowUpdate: (streamId, increment) => console.log(streamId, increment),
 *   goAway: (code) => console.log(code),
 * });
 * parser.push(Uint8Array.of(0, 0, 0, 3, 0, 8));
 * console.log(parser.midControlFrame); // true
 * parser.push(Uint8Array.of(1)); // heartbeat
 * ```
 */
export class FrameParser {
  /** While false (the beginning), only control frames of at most 4 KiB are accepted. */
  authenticated = false;
  /** Whether the extension frame types are accepted. */
  extensions = false;

  readonly #handler: FrameHandler;
  readonly #header: DataHeader = { streamId: 0, payloadBytes: 0, end: false };
  /** The beginning of a header that came in pieces. */
  readonly #partial = new Uint8Array(DATA_HEADER_BYTES);
  #partialBytes = 0;
  /** Payload of the current data frame that has not come yet. */
  #payloadLeft = 0;
  /** Body of the current frame of another type: its type, its size, and what has come of it. */
  #bodyType = FRAME_CONTROL;
  #bodyBytes = 0;
  #gathered = new Uint8Array(0);
  #gatheredBytes = 0;
  #failure: { readonly error: unknown } | undefined;

  /** @param handler Receives what is found. */
  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /**
   * Whether a header, or a frame that is not data, has begun and not ended: for the deadline on a frame that stalls. The
   * payload of a data frame may take its time.
   */
  get midControlFrame(): boolean {
    return this.#partialBytes > 0 || this.#bodyBytes > 0;
  }

  /** Payload of the current data frame that has not come yet, in bytes. */
  get payloadLeft(): number {
    return this.#payloadLeft;
  }

  /**
   * Takes the next bytes of the connection, in chunks of any size, and calls the handler for what they complete.
   *
   * @param chunk The bytes. Pieces of payload are views of it.
   * @throws {ProtocolError} on the first byte that breaks a rule
   * @throws whatever the handler throws
   *
   * After it has thrown, the parser has lost its place: every further call throws the same again.
   */
  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      let offset = 0;
      while (offset < chunk.length) {
        if (this.#payloadLeft > 0) offset = this.#payload(chunk, offset);
        else if (this.#bodyBytes > 0) offset = this.#body(chunk, offset);
        else if (this.#partialBytes === 0 && chunk.length - offset >= DATA_HEADER_BYTES) {
          offset = this.#wholeHeader(chunk, offset);
        } else offset = this.#partialHeader(chunk, offset);
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  #payload(chunk: Uint8Array, offset: number): number {
    const end = Math.min(offset + this.#payloadLeft, chunk.length);
    this.#payloadLeft -= end - offset;
    this.#handler.data(chunk.subarray(offset, end), this.#payloadLeft === 0);
    return end;
  }

  #wholeHeader(chunk: Uint8Array, offset: number): number {
    const length = readU32(chunk, offset);
    const type = chunk[offset + LENGTH_BYTES]!;
    checkFrameLength(length, this);
    checkFrameType(type, length, this);
    if (type === FRAME_DATA) {
      this.#beginData(chunk, offset);
      return offset + DATA_HEADER_BYTES;
    }
    this.#beginBody(type, length);
    return offset + FRAME_HEADER_BYTES;
  }

  /** Takes one byte of a header, so that every check runs on the byte that completes what it needs. */
  #partialHeader(chunk: Uint8Array, offset: number): number {
    const partial = this.#partial;
    partial[this.#partialBytes++] = chunk[offset]!;
    if (this.#partialBytes < LENGTH_BYTES) return offset + 1;
    const length = readU32(partial, 0);
    const type = partial[LENGTH_BYTES]!;
    if (this.#partialBytes === LENGTH_BYTES) checkFrameLength(length, this);
    if (this.#partialBytes === FRAME_HEADER_BYTES) {
      checkFrameType(type, length, this);
      if (type !== FRAME_DATA) {
        this.#partialBytes = 0;
        this.#beginBody(type, length);
      }
    }
    if (this.#partialBytes === DATA_HEADER_BYTES) {
      this.#partialBytes = 0;
      this.#beginData(partial, 0);
    }
    return offset + 1;
  }

  #beginData(source: Uint8Array, offset: number): void {
    const header = this.#header;
    header.streamId = readU32(source, offset + 5);
    const flags = source[offset + 9]!;
    if ((flags & ~FLAG_END) !== 0) {
      throw new ProtocolError("unknown_flags", `Data frame has the flags ${flags}`);
    }
    checkStreamId(header.streamId);
    header.payloadBytes = readU32(source, offset) + LENGTH_BYTES - DATA_HEADER_BYTES;
    header.end = flags === FLAG_END;
    this.#payloadLeft = header.payloadBytes;
    this.#handler.dataHeader(header);
  }

  #beginBody(type: number, length: number): void {
    this.#bodyType = type;
    this.#bodyBytes = length - 1;
  }

  #body(chunk: Uint8Array, offset: number): number {
    const end = Math.min(offset + this.#bodyBytes - this.#gatheredBytes, chunk.length);
    const whole = end - offset === this.#bodyBytes;
    if (!whole) {
      this.#gather(chunk, offset, end);
      if (this.#gatheredBytes < this.#bodyBytes) return end;
    }
    const source = whole ? chunk : this.#gathered;
    const start = whole ? offset : 0;
    const stop = start + this.#bodyBytes;
    this.#bodyBytes = 0;
    this.#gatheredBytes = 0;
    if (source.length > GATHER_BYTES && !whole) this.#gathered = new Uint8Array(0);
    if (this.#bodyType === FRAME_CONTROL) this.#handler.control(decodeControl(source.subarray(start, stop)));
    else if (this.#bodyType === FRAME_WINDOW_UPDATE) this.#windowUpdate(source, start);
    else this.#goAway(source[start]!);
    return end;
  }

  #gather(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#gatheredBytes + end - start;
    if (needed > this.#gathered.length) {
      const doubled = Math.max(GATHER_BYTES, this.#gathered.length * 2, needed);
      const grown = new Uint8Array(Math.min(doubled, Math.max(GATHER_BYTES, this.#bodyBytes)));
      grown.set(this.#gathered.subarray(0, this.#gatheredBytes));
      this.#gathered = grown;
    }
    this.#gathered.set(chunk.subarray(start, end), this.#gatheredBytes);
    this.#gatheredBytes = needed;
  }

  #windowUpdate(source: Uint8Array, offset: number): void {
    const streamId = readU32(source, offset);
    const increment = readU32(source, offset + 4);
    checkStreamId(streamId);
    if (increment === 0) {
      throw new ProtocolError("zero_credit", `Window update of stream ${streamId} gives nothing`);
    }
    if (increment > MAX_CREDIT) {
      const message = `Window update of stream ${streamId} gives ${increment}; ${MAX_CREDIT} are allowed`;
      throw new ProtocolError("credit_overflow", message);
    }
    this.#handler.windowUpdate(streamId, increment);
  }

  #goAway(value: number): void {
    const code = GO_AWAY_CODES[value];
    if (code === undefined) throw new ProtocolError("unknown_go_away_code", `Go away has the code ${value}`);
    this.#handler.goAway(code);
  }
}

function checkStreamId(streamId: number): void {
  if (streamId === 0) throw new ProtocolError("zero_stream_id", "Stream id is 0");
}
