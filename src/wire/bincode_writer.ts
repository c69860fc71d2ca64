/**
 * Values → bytes, after the rules of bincode 2 (its `standard` configuration).
 *
 * @module
 */
import { type FieldLimit, type ListLimit, VARINT_U16, VARINT_U32, VARINT_U64 } from "./bincode.ts";

const MAX_U32 = 0xffff_ffff;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const TEXT = new TextEncoder();
/** Up to this length it is cheaper to look at each character than to call the encoder, which leaves JavaScript. */
const MAX_SCANNED_CHARACTERS = 64;
/** Where messages are written, one after the other; only a long one gets memory of its own. */
const scratch = new Uint8Array(1024);

/**
 * Writes values as bytes, into a buffer that grows.
 *
 * Every method throws a `RangeError` for a value over its limit and a `TypeError` for one that has no encoding. Messages
 * name the field, never its content, which may be a secret.
 *
 * @example
 * ```ts
 * import { Writer } from "./bincode_writer.ts";
 *
 * const writer = new Writer();
 * writer.string("hi", { name: "greeting", maxBytes: 16 });
 * console.log(writer.finish()); // Uint8Array [2, 0x68, 0x69]
 * ```
 */
export class Writer {
  #bytes = scratch;
  #length = 0;

  /** Everything written so far, as a copy. The writer is not used afterwards; no other may be in use meanwhile. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes one raw byte. */
  u8(value: number): void {
    checkInteger(value, 0xff);
    this.#fixed(value, 1);
  }

  /** Writes a bool. */
  bool(value: boolean): void {
    this.#fixed(value ? 1 : 0, 1);
  }

  /** Writes a varint of at most 32 bits. */
  u32(value: number): void {
    checkInteger(value, MAX_U32);
    if (value < VARINT_U16) return this.#fixed(value, 1);
    const short = value <= 0xffff;
    this.#fixed(short ? VARINT_U16 : VARINT_U32, 1);
    this.#fixed(value, short ? 2 : 4);
  }

  /** Writes a varint of at most 64 bits. */
  u64(value: bigint): void {
    if (value < 0n || value > MAX_U64) {
      throw new RangeError(`Cannot encode ${value}: not an unsigned 64-bit value`);
    }
    if (value <= BigInt(MAX_U32)) return this.u32(Number(value));
    this.#fixed(VARINT_U64, 1);
    this.#fixed(Number(value & BigInt(MAX_U32)), 4);
    this.#fixed(Number(value >> 32n), 4);
  }

  /** Writes an option: `write` writes the value if there is one. */
  option<T>(value: T | undefined, write: (value: T) => void): void {
    this.bool(value !== undefined);
    if (value !== undefined) write(value);
  }

  /** Writes the index of an enum's variant. */
  enumeration<T extends string>(variant: T, variants: readonly T[]): void {
    const index = variants.indexOf(variant);
    if (index < 0) {
      throw new TypeError(`Cannot encode ${JSON.stringify(variant)}: not one of ${variants.join(", ")}`);
    }
    this.u32(index);
  }

  /** Writes a byte string. */
  bytes(value: Uint8Array, limit: FieldLimit): void {
    checkLength(value.length, limit.maxBytes, limit);
    this.u32(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Writes a string. */
  string(value: string, limit: FieldLimit): void {
    if (value.length <= limit.maxBytes && isShortAscii(value)) return this.#ascii(value);
    this.bytes(this.#encode(value, limit), limit);
  }

  /** Writes a list of strings. */
  strings(values: readonly string[], limit: ListLimit): void {
    this.#count(values.length, limit);
    for (const value of values) this.string(value, limit);
  }

  /** Writes a list of pairs of strings, or a map. */
  pairs(values: Iterable<readonly [string, string]>, limit: ListLimit): void {
    const pairs = [...values];
    this.#count(pairs.length, limit);
    for (const [first, second] of pairs) {
      if (first.length + second.length <= limit.maxBytes && isShortAscii(first) && isShortAscii(second)) {
        this.#ascii(first);
        this.#ascii(second);
        continue;
      }
      const firstBytes = this.#encode(first, limit);
      const secondBytes = this.#encode(second, limit);
      checkLength(firstBytes.length + secondBytes.length, limit.maxBytes, limit);
      this.bytes(firstBytes, limit);
      this.bytes(secondBytes, limit);
    }
  }

  #count(count: number, limit: ListLimit): void {
    if (count > limit.maxEntries) {
      throw new RangeError(`Cannot encode ${limit.name}: ${count} entries are over ${limit.maxEntries}`);
    }
    this.u32(count);
  }

  #encode(value: string, limit: FieldLimit): Uint8Array {
    checkLength(value.length, limit.maxBytes, limit);
    // TextEncoder would put U+FFFD in the place of a lone surrogate, and the peer would read another text.
    if (!value.isWellFormed()) {
      throw new TypeError(`Cannot encode ${limit.name}: it contains a lone surrogate`);
    }
    return TEXT.encode(value);
  }

  /** Writes a text of less than 251 characters, all of them ASCII. */
  #ascii(text: string): void {
    this.#reserve(text.length + 1);
    this.#bytes[this.#length++] = text.length;
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  #fixed(value: number, count: number): void {
    this.#reserve(count);
    for (let i = 0; i < count; i++) this.#bytes[this.#length++] = value >>> (8 * i);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function isShortAscii(text: string): boolean {
  if (text.length > MAX_SCANNED_CHARACTERS) return false;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return false;
  }
  return true;
}

function checkInteger(value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return;
  throw new RangeError(`Cannot encode ${value}: not an integer from 0 to ${max}`);
}

function checkLength(length: number, maxBytes: number, limit: FieldLimit): void {
  if (length > maxBytes) {
    throw new RangeError(`Cannot encode ${limit.name}: ${length} bytes are over ${maxBytes}`);
  }
}
