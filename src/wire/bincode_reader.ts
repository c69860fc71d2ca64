/**
 * Bytes → values, after the rules of bincode 2 (its `standard` configuration).
 *
 * One value has one encoding: the reader refuses a varint that is longer than needed and any byte it does not know, so
 * that what was read and written again is the same bytes. It never allocates for a length it was only told: a length or
 * count is compared with the field's limit and with the bytes that are really there before anything is made of it.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import {
  type FieldLimit,
  type ListLimit,
  VARINT_U128,
  VARINT_U16,
  VARINT_U32,
  VARINT_U64,
} from "./bincode.ts";

// A byte order mark is content like any other; without `ignoreBOM` it would vanish from what is written again.
const TEXT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Up to this length it is cheaper to look at each byte than to call the decoder, which leaves JavaScript. */
const MAX_SCANNED_BYTES = 64;

/**
 * Reads values from bytes, checking each.
 *
 * Every method throws a {@linkcode ProtocolError} when the bytes end early (rule `truncated_message`) or break a rule.
 *
 * @example
 * ```ts
 * import { Reader } from "./bincode_reader.ts";
 *
 * const reader = new Reader(Uint8Array.of(2, 0x68, 0x69, 7));
 * console.log(reader.string({ name: "greeting", maxBytes: 16 }), reader.u8()); // "hi" 7
 * reader.end();
 * ```
 */
export class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** @param bytes What to read. Views of it are not handed out. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Reads one raw byte. */
  u8(): number {
    return this.#fixed(1);
  }

  /** Reads a bool: one byte, 0 or 1. @throws {ProtocolError} rule `bad_bool` */
  bool(): boolean {
    const value = this.#fixed(1);
    if (value > 1) throw new ProtocolError("bad_bool", `Bool or option byte is ${value}; 0 or 1 is allowed`);
    return value === 1;
  }

  /**
   * Reads a varint of at most 32 bits.
   *
   * @throws {ProtocolError} rule `varint_out_of_range`, `varint_not_canonical` or `bad_varint`
   */
  u32(): number {
    const first = this.#fixed(1);
    if (first < VARINT_U16) return first;
    if (first === VARINT_U16) return canonical(this.#fixed(2), VARINT_U16);
    if (first === VARINT_U32) return canonical(this.#fixed(4), 0x1_0000);
    if (first > VARINT_U128) throw new ProtocolError("bad_varint", `Varint begins with ${first}`);
    throw new ProtocolError("varint_out_of_range", "Varint has more than 32 bits");
  }

  /**
   * Reads a varint of at most 64 bits.
   *
   * @throws {ProtocolError} rule `varint_out_of_range`, `varint_not_canonical` or `bad_varint`
   */
  u64(): bigint {
    const first = this.#bytes[this.#offset];
    if (first === VARINT_U128) throw new ProtocolError("varint_out_of_range", "Varint has more than 64 bits");
    if (first !== VARINT_U64) return BigInt(this.u32());
    this.#offset++;
    const low = this.#fixed(4);
    const high = canonical(this.#fixed(4), 1);
    return (BigInt(high) << 32n) | BigInt(low);
  }

  /** Reads an option: a byte 0, or a byte 1 and what `read` reads. */
  option<T>(read: () => T): T | undefined {
    return this.bool() ? read() : undefined;
  }

  /** Reads the index of an enum's variant and returns the variant. @throws {ProtocolError} rule `bad_enum` */
  enumeration<T extends string>(variants: readonly T[], name: string): T {
    const index = this.u32();
    const variant = variants[index];
    if (variant === undefined) {
      throw new ProtocolError("bad_enum", `Variant ${index} of ${name} does not exist`);
    }
    return variant;
  }

  /** Reads a byte string into a copy. @throws {ProtocolError} rule `field_too_long` */
  bytes(limit: FieldLimit): Uint8Array {
    // Not `slice`, which is a view, no copy, when the bytes came as a Buffer.
    return new Uint8Array(this.#take(this.#length(limit, limit.maxBytes)));
  }

  /** Reads a string. @throws {ProtocolError} rule `field_too_long` or `bad_utf8` */
  string(limit: FieldLimit): string {
    return this.#string(limit, limit.maxBytes);
  }

  /** Reads a list of strings. @throws {ProtocolError} as `string`, or rule `too_many_entries` */
  strings(limit: ListLimit): string[] {
    const entries: string[] = [];
    for (let left = this.#count(limit, 1); left > 0; left--) entries.push(this.string(limit));
    return entries;
  }

  /**
   * Reads a list of pairs of strings; a map is the same on the wire.
   *
   * @throws {ProtocolError} as `strings`; `limit.maxBytes` counts both strings of a pair together
   */
  pairs(limit: ListLimit): [string, string][] {
    const entries: [string, string][] = [];
    for (let left = this.#count(limit, 2); left > 0; left--) {
      const firstBytes = this.#length(limit, limit.maxBytes);
      const first = this.#decode(this.#take(firstBytes), limit);
      entries.push([first, this.#string(limit, limit.maxBytes - firstBytes)]);
    }
    return entries;
  }

  /** Checks that everything was read. @throws {ProtocolError} rule `trailing_bytes` */
  end(): void {
    if (this.remaining === 0) return;
    throw new ProtocolError("trailing_bytes", `Message is followed by ${this.remaining} bytes`);
  }

  #string(limit: FieldLimit, maxBytes: number): string {
    return this.#decode(this.#take(this.#length(limit, maxBytes)), limit);
  }

  #length(limit: FieldLimit, maxBytes: number): number {
    const length = this.u32();
    if (length > maxBytes) {
      const message = `Field ${limit.name} has ${length} bytes; ${maxBytes} are allowed`;
      throw new ProtocolError("field_too_long", message);
    }
    return length;
  }

  #count(limit: ListLimit, minBytesEach: number): number {
    const count = this.u32();
    if (count > limit.maxEntries) {
      const message = `Field ${limit.name} has ${count} entries; ${limit.maxEntries} are allowed`;
      throw new ProtocolError("too_many_entries", message);
    }
    this.#need(count * minBytesEach);
    return count;
  }

  #decode(bytes: Uint8Array, limit: FieldLimit): string {
    const ascii = shortAscii(bytes);
    if (ascii !== undefined) return ascii;
    try {
      return TEXT.decode(bytes);
    } catch {
      throw new ProtocolError("bad_utf8", `Field ${limit.name} is not UTF-8`);
    }
  }

  #take(count: number): Uint8Array {
    this.#need(count);
    const start = this.#offset;
    this.#offset += count;
    return this.#bytes.subarray(start, this.#offset);
  }

  /** Little-endian, at most four bytes. */
  #fixed(count: number): number {
    this.#need(count);
    let value = 0;
    for (let i = count - 1; i >= 0; i--) value = value * 256 + this.#bytes[this.#offset + i]!;
    this.#offset += count;
    return value;
  }

  #need(count: number): void {
    if (count <= this.remaining) return;
    const message = `Message ends early: ${count} bytes expected, ${this.remaining} left`;
    throw new ProtocolError("truncated_message", message);
  }
}

/** A short text of nothing but ASCII; undefined for any other. */
function shortAscii(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_SCANNED_BYTES) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] as number) > 0x7f) return undefined;
  }
  // Typed as taking arrays only, it takes whatever is like one, and without a copy.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

function canonical(value: number, smallest: number): number {
  if (value >= smallest) return value;
  throw new ProtocolError("varint_not_canonical", "Varint is longer than its value needs");
}
