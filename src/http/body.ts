/**
 * Follows a body to its end without keeping any of it.
 *
 * @module
 */
import { HEX_VALUE } from "./bytes.ts";
import { encodeTrailers } from "./chunk_encoder.ts";
import { ChunkExtension } from "./chunk_extension.ts";
import { HeaderList } from "./header_list.ts";
import { broken, type Sender } from "./http_error.ts";
import { TrailerReader } from "./trailer_reader.ts";
import type { BodyFraming } from "./types.ts";

/** Options of {@linkcode BodyScanner}. */
export interface BodyScannerOptions {
  /**
   * `payload`: pieces are what the body says, without chunk sizes. `verbatim`: pieces are what may be sent on as it is to
   * somebody who is told the same framing; together with `tail` at the end they are a whole body of that framing.
   */
  readonly pieces: "payload" | "verbatim";
  /** Who sends the body; decides between 400 and 502 for errors. */
  readonly from: Sender;
  /** Bytes of payload beyond which the body is refused with 413 (502 of a service). @default 0: no bound */
  readonly maxBodyBytes?: number;
}

/** Where in a chunked body the next byte stands. Extension and trailers are the states whose bytes are not passed on. */
type ChunkState =
  | "size_start"
  | "size"
  | "extension"
  | "size_cr"
  | "size_lf"
  | "data"
  | "data_cr"
  | "data_lf"
  | "trailer_start"
  | "end_lf"
  | "trailers";

const LF = 0x0a;
const CR = 0x0d;
const SEMICOLON = 0x3b;
/** Hexadecimal digits of a chunk's size; zeros in front count. */
const MAX_SIZE_DIGITS = 16;

/**
 * Follows a body to its end.
 *
 * @example
 * ```ts
 * import { BodyScanner } from "./body.ts";
 *
 * const bytes = new TextEncoder().encode("5\r\nhello\r\n0\r\n\r\nGET / ...");
 * const scanner = new BodyScanner({ kind: "chunked" }, { pieces: "payload", from: "visitor" });
 * let at = 0;
 * while (!scanner.done && at < bytes.length) {
 *   at = scanner.scan(bytes, at);
 *   const piece = bytes.subarray(scanner.pieceStart, scanner.pieceEnd); // may be empty
 *   if (piece.length > 0) console.log(new TextDecoder().decode(piece)); // hello
 * }
 * console.log(bytes.length - at); // 9 bytes of the next message
 * ```
 */
export class BodyScanner {
  /** Where the piece that the last `scan` found begins in the bytes that were given. */
  pieceStart = 0;
  /** Where it ends; where it begins when there is none. */
  pieceEnd = 0;

  readonly #framing: BodyFraming["kind"];
  readonly #verbatim: boolean;
  readonly #sender: Sender;
  readonly #maxBodyBytes: number;
  #done: boolean;
  #payloadBytes = 0;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #state: ChunkState = "size_start";
  #digits = 0;
  #extension: ChunkExtension | undefined;
  #trailerReader: TrailerReader | undefined;
  #trailers: HeaderList | undefined;

  /**
   * Makes a scanner for one body.
   *
   * @param framing As the head says.
   * @param options What is wanted.
   * @throws {HttpError} 413 when a length is over `maxBodyBytes`
   */
  constructor(framing: BodyFraming, options: BodyScannerOptions) {
    this.#framing = framing.kind;
    this.#verbatim = options.pieces === "verbatim";
    this.#sender = options.from;
    this.#maxBodyBytes = options.maxBodyBytes ?? 0;
    if (framing.kind === "length") {
      this.#left = framing.bytes;
      this.#checkSize(framing.bytes);
    }
    this.#done = framing.kind === "none" || framing.kind === "length" && framing.bytes === 0;
  }

  /** Whether the body is over. True from the start when there is none. Never true of `until_close` before `endOfInput`. */
  get done(): boolean {
    return this.#done;
  }

  /** Bytes of payload so far. */
  get payloadBytes(): number {
    return this.#payloadBytes;
  }

  /** Payload bytes that are still to come; undefined when that is not known. */
  get remaining(): number | undefined {
    if (this.#done) return 0;
    return this.#framing === "length" ? this.#left : undefined;
  }

  /** Trailer fields that may go on; empty until the body is over. */
  get trailers(): HeaderList {
    return this.#trailers ?? new HeaderList();
  }

  /** With `verbatim`, once the body is over: what is to be sent after the last piece; undefined when there is nothing. */
  get tail(): Uint8Array | undefined {
    const trailers = this.#trailers;
    return this.#verbatim && trailers !== undefined ? encodeTrailers(trailers) : undefined;
  }

  /**
   * Reads on, as far as one piece goes, or to the end of the body or of the bytes.
   *
   * @param bytes Not kept.
   * @param start Index of the first byte.
   * @param end Index after the last byte. @default the length
   * @returns Index of the first byte that was not read. With `done`, that is where the next message begins.
   * @throws {HttpError} when the framing is broken; nothing more can be read then
   */
  scan(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
    this.pieceStart = start;
    this.pieceEnd = start;
    if (this.#done) return start;
    if (this.#framing === "chunked") return this.#scanChunks(bytes, start, end);
    const size = this.#framing === "length" ? Math.min(this.#left, end - start) : end - start;
    if (this.#framing === "length") {
      this.#left -= size;
      this.#done = this.#left === 0;
    } else {
      this.#checkSize(size);
    }
    this.#payloadBytes += size;
    this.pieceEnd = start + size;
    return this.pieceEnd;
  }

  /** The connection has ended. @throws {HttpError} `truncated` when the body had not */
  endOfInput(): void {
    if (this.#framing === "until_close") this.#done = true;
    if (!this.#done) {
      const bytes = this.#payloadBytes;
      throw broken(this.#sender, 400, "truncated", `Miss the end of a body after ${bytes} bytes`);
    }
  }

  #scanChunks(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && !this.#done) {
      if (this.#state === "data") {
        const size = Math.min(this.#left, end - at);
        this.#left -= size;
        this.#payloadBytes += size;
        if (this.#left === 0) this.#state = "data_cr";
        if (!this.#verbatim) {
          this.pieceStart = at;
          this.pieceEnd = at + size;
          return this.pieceEnd;
        }
        at += size;
      } else if (this.#state === "extension" || this.#state === "trailers") {
        // What was passed over so far is a piece; what comes now is none of it.
        if (this.#verbatim && at > this.pieceStart) break;
        at = this.#skip(bytes, at, end);
        this.pieceStart = at;
        this.pieceEnd = at;
      } else {
        at = this.#step(bytes[at]!, at);
      }
    }
    if (this.#verbatim) this.pieceEnd = at;
    else this.pieceStart = this.pieceEnd = at;
    return at;
  }

  /** Reads what is checked but not passed on. */
  #skip(bytes: Uint8Array, start: number, end: number): number {
    if (this.#state === "extension") {
      this.#extension ??= new ChunkExtension(this.#sender);
      const after = this.#extension.read(bytes, start, end);
      if (this.#extension.atEnd) this.#state = "size_cr";
      return after;
    }
    this.#trailerReader ??= new TrailerReader(this.#sender);
    const after = this.#trailerReader.read(bytes, start, end);
    if (after < 0) return end;
    this.#trailers = this.#trailerReader.trailers;
    this.#done = true;
    return after;
  }

  /** Takes one byte of the framing. Returns where to go on: a byte that begins an extension or trailers is not taken. */
  #step(byte: number, at: number): number {
    switch (this.#state) {
      case "size_start":
      case "size":
        if (HEX_VALUE[byte] !== 255) this.#sizeDigit(HEX_VALUE[byte]!);
        else if (this.#state === "size_start") this.#wrong(byte, "the size of a chunk");
        else return this.#afterSize(byte, at);
        break;
      case "size_cr":
        this.#need(byte, CR);
        this.#state = "size_lf";
        break;
      case "size_lf":
        this.#need(byte, LF);
        this.#beginChunk();
        break;
      case "data_cr":
        this.#need(byte, CR);
        this.#state = "data_lf";
        break;
      case "data_lf":
        this.#need(byte, LF);
        this.#state = "size_start";
        break;
      case "trailer_start":
        if (byte !== CR) {
          this.#state = "trailers";
          return at;
        }
        this.#state = "end_lf";
        break;
      case "end_lf":
        this.#need(byte, LF);
        this.#done = true;
        break;
      case "data":
      case "extension":
      case "trailers":
        break;
    }
    return at + 1;
  }

  #sizeDigit(value: number): void {
    if (this.#state === "size_start") {
      this.#state = "size";
      this.#left = 0;
      this.#digits = 0;
    }
    this.#left = this.#left * 16 + value;
    if (++this.#digits > MAX_SIZE_DIGITS || !Number.isSafeInteger(this.#left)) {
      throw broken(this.#sender, 400, "chunk", `Refuse a chunk's size of ${this.#digits} digits`);
    }
  }

  #afterSize(byte: number, at: number): number {
    if (byte === SEMICOLON) {
      this.#state = "extension";
      return at;
    }
    this.#need(byte, CR);
    this.#state = "size_lf";
    return at + 1;
  }

  #beginChunk(): void {
    this.#extension?.earn(this.#left);
    this.#checkSize(this.#left);
    this.#state = this.#left === 0 ? "trailer_start" : "data";
  }

  #checkSize(more: number): void {
    const total = this.#payloadBytes + more;
    if (this.#maxBodyBytes > 0 && total > this.#maxBodyBytes) {
      const limit = this.#maxBodyBytes;
      throw broken(
        this.#sender,
        413,
        "body_too_large",
        `Refuse a body of ${total} bytes or more, over ${limit}`,
      );
    }
  }

  #need(byte: number, expected: number): void {
    if (byte !== expected) this.#wrong(byte, expected === CR ? "CR" : "LF");
  }

  #wrong(byte: number, expected: string): never {
    throw broken(this.#sender, 400, "chunk", `Refuse byte ${byte} in place of ${expected} in a chunked body`);
  }
}
