/**
 * Finds where a head ends, and has it in one piece then.
 *
 * Every byte is looked at once, however the head is cut: lines must end with CR LF, and no control character may stand
 * anywhere. A head that lies whole in the bytes that were given is not copied.
 *
 * @module
 */
import { CONTROL, HIGH, IS_CR, IS_LF, latin1, LINE_KIND, PLAIN } from "./bytes.ts";
import type { HeadLimits } from "./head_limits.ts";
import { broken, type Sender } from "./http_error.ts";

/** Number of line-end characters seen in a row: an odd number after a CR, four at the end of the head. */
type LineEnds = number;

const FIRST_COPY = 1024;

/** Where a head lies. */
interface HeadPlace {
  /** Holds the head. */
  readonly bytes: Uint8Array;
  /** Where the head begins in `bytes`. */
  readonly start: number;
  /** Where it ends, behind the empty line. */
  readonly end: number;
  /** Index behind the head in the bytes that were given last. */
  readonly after: number;
  /** Whether `bytes` may change once the head was read. */
  readonly borrowed: boolean;
  /** Whether no byte is over 0x7f. */
  readonly ascii: boolean;
}

/** A head whose lines end as they must and whose characters are allowed. */
export class FoundHead implements HeadPlace {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly after: number;
  readonly borrowed: boolean;
  readonly ascii: boolean;
  #text: string | undefined;

  /** @param place Where it lies. */
  constructor(place: HeadPlace) {
    this.bytes = place.bytes;
    this.start = place.start;
    this.end = place.end;
    this.after = place.after;
    this.borrowed = place.borrowed;
    this.ascii = place.ascii;
  }

  /** The head, one character for each byte. Made when asked for: most of a head is passed on without being text. */
  get text(): string {
    return this.#text ??= latin1(this.bytes.subarray(this.start, this.end), { ascii: this.ascii });
  }

  /** The same head in memory that does not change. */
  kept(): FoundHead {
    if (!this.borrowed) return this;
    const bytes = this.bytes.slice(this.start, this.end);
    const { after, ascii } = this;
    return new FoundHead({ bytes, start: 0, end: bytes.length, after, borrowed: false, ascii });
  }
}

/** Reads the heads of one connection up to their ends, one after the other. */
export class HeadReader {
  readonly #limits: HeadLimits;
  readonly #sender: Sender;
  #size = 0;
  #lines = 0;
  #lineEnds: LineEnds = 0;
  #ascii = true;
  #held: Uint8Array | undefined;

  constructor(limits: HeadLimits, sender: Sender) {
    this.#limits = limits;
    this.#sender = sender;
  }

  /** Whether a part of a head has come. */
  get started(): boolean {
    return this.#size > 0;
  }

  /**
   * Takes bytes.
   *
   * @returns The head; undefined when all was taken and it goes on.
   * @throws {HttpError} when lines or characters are wrong, or the head is too large
   */
  read(bytes: Uint8Array, start: number, end: number): FoundHead | undefined {
    const room = this.#limits.maxHeadBytes - this.#size;
    const stop = Math.min(end, start + room);
    const after = this.#scan(bytes, start, stop);
    if (after < 0) {
      if (stop - start === room) this.#tooLarge();
      this.#hold(bytes, start, stop);
      return undefined;
    }
    const ascii = this.#ascii;
    if (this.#held === undefined) {
      this.#reset();
      return new FoundHead({ bytes, start, end: after, after, borrowed: true, ascii });
    }
    const held = this.#hold(bytes, start, after);
    const size = this.#size;
    this.#reset();
    return new FoundHead({ bytes: held, start: 0, end: size, after, borrowed: false, ascii });
  }

  #scan(bytes: Uint8Array, start: number, stop: number): number {
    let lineEnds = this.#lineEnds;
    let at = start;
    while (at < stop) {
      const kind = LINE_KIND[bytes[at]!]!;
      if (kind === PLAIN || kind === HIGH) {
        if (lineEnds & 1) this.#bareLineEnd("CR without LF");
        lineEnds = 0;
        if (kind === HIGH) this.#ascii = false;
        at++;
        // Most bytes are plain ones after plain ones.
        while (at < stop && LINE_KIND[bytes[at]!] === PLAIN) at++;
        continue;
      }
      if (kind === CONTROL) this.#controlCharacter(bytes[at]!);
      if (kind === IS_CR && lineEnds & 1) this.#bareLineEnd("CR without LF");
      if (kind === IS_LF && !(lineEnds & 1)) this.#bareLineEnd("LF without CR");
      lineEnds++;
      at++;
      if (lineEnds === 4) return at;
      if (lineEnds === 2) this.#lines++;
    }
    this.#lineEnds = lineEnds;
    return -1;
  }

  #hold(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const size = this.#size + end - start;
    let held = this.#held;
    if (held === undefined || held.length < size) {
      const length = Math.min(this.#limits.maxHeadBytes, Math.max(FIRST_COPY, size * 2));
      const larger = new Uint8Array(length);
      if (held !== undefined) larger.set(held.subarray(0, this.#size));
      held = larger;
      this.#held = held;
    }
    held.set(bytes.subarray(start, end), this.#size);
    this.#size = size;
    return held;
  }

  #reset(): void {
    this.#size = 0;
    this.#lines = 0;
    this.#lineEnds = 0;
    this.#ascii = true;
    this.#held = undefined;
  }

  #tooLarge(): never {
    const limit = this.#limits.maxHeadBytes;
    if (this.#lines === 0) {
      throw broken(this.#sender, 414, "target_too_long", `Refuse a first line over ${limit} bytes`);
    }
    throw broken(this.#sender, 431, "head_too_large", `Refuse a head over ${limit} bytes`);
  }

  #bareLineEnd(what: string): never {
    throw broken(this.#sender, 400, "bare_line_end", `Refuse a head with ${what}`);
  }

  #controlCharacter(code: number): never {
    const tls = code === 0x16 && !this.started ? ", the first byte of TLS" : "";
    throw broken(this.#sender, 400, "bad_byte", `Refuse a head with control character ${code}${tls}`);
  }
}
