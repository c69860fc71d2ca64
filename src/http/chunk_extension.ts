/**
 * Extensions of chunks: nobody uses them, so they are read only to make sure that they are what they look like.
 *
 * @module
 */
import { TOKEN_LOWER } from "./bytes.ts";
import { broken, type Sender } from "./http_error.ts";

/**
 * Bytes of extensions beyond what the body has earned. Each chunk earns some for itself and for its payload, so that a long
 * body whose chunks all carry a signature gets through, while one-byte chunks with long extensions, which cost us a hundred
 * times what they say, do not.
 */
export const MAX_EXTENSION_BYTES = 16 * 1024;

const EARNED_PER_CHUNK = 16;
const EARNED_PER_BYTE = 2;

const HTAB = 0x09;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

type State = "start" | "name_start" | "name" | "value_start" | "value" | "quoted" | "escaped" | "quote_end";

/** Reads extensions: `;name`, `;name=value` and `;name="value"`, without spaces outside of quotes. */
export class ChunkExtension {
  readonly #sender: Sender;
  #state: State = "start";
  #excess = 0;

  /** @param sender Who sends the body. */
  constructor(sender: Sender) {
    this.#sender = sender;
  }

  /** Whether the extensions of a chunk are over. The CR behind them is not taken. */
  get atEnd(): boolean {
    return this.#state === "start";
  }

  /**
   * Takes bytes from the `;` on.
   *
   * @returns Index of the first byte that was not taken.
   * @throws {HttpError} when they are no extensions, or too many
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      if (byte === CR && (this.#state === "name" || this.#state === "value" || this.#state === "quote_end")) {
        this.#state = "start";
        return at;
      }
      this.#take(byte);
      if (++this.#excess > MAX_EXTENSION_BYTES) {
        const message = `Refuse chunk extensions over ${MAX_EXTENSION_BYTES} bytes`;
        throw broken(this.#sender, 400, "chunk_extension", message);
      }
    }
    return at;
  }

  /** A chunk of so many bytes has begun. */
  earn(chunkBytes: number): void {
    this.#excess = Math.max(0, this.#excess - EARNED_PER_CHUNK - EARNED_PER_BYTE * chunkBytes);
  }

  #take(byte: number): void {
    const token = TOKEN_LOWER[byte] !== 0;
    switch (this.#state) {
      case "start":
        if (byte === SEMICOLON) return this.#go("name_start");
        break;
      case "name_start":
        if (token) return this.#go("name");
        break;
      case "name":
        if (token) return;
        if (byte === EQUALS) return this.#go("value_start");
        if (byte === SEMICOLON) return this.#go("name_start");
        break;
      case "value_start":
        if (byte === QUOTE) return this.#go("quoted");
        if (token) return this.#go("value");
        break;
      case "value":
        if (token) return;
        if (byte === SEMICOLON) return this.#go("name_start");
        break;
      case "quoted":
        if (byte === QUOTE) return this.#go("quote_end");
        if (byte === BACKSLASH) return this.#go("escaped");
        if (isQuotable(byte)) return;
        break;
      case "escaped":
        if (isQuotable(byte)) return this.#go("quoted");
        break;
      case "quote_end":
        if (byte === SEMICOLON) return this.#go("name_start");
        break;
    }
    throw broken(this.#sender, 400, "chunk_extension", `Refuse byte ${byte} in a chunk extension`);
  }

  #go(state: State): void {
    this.#state = state;
  }
}

function isQuotable(byte: number): boolean {
  return byte === HTAB || byte >= SPACE && byte !== 0x7f && byte < 0x80;
}
