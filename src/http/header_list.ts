/**
 * The header fields of a message: in order, doubled ones too, found by name in any case.
 *
 * @module
 */
import { isFieldValue, isToken } from "./bytes.ts";

/** A header field: its name as it came, and its value without the spaces around it. */
export type HeaderField = readonly [name: string, value: string];

const CASE_BIT = 0x20;
const LETTER_A = 0x61;
const LETTER_Z = 0x7a;

/** Header fields. Names are compared without regard to case. */
export class HeaderList implements Iterable<HeaderField> {
  #fields: HeaderField[];

  /** Makes a list. @param fields Checked already; kept, not copied. */
  constructor(fields: HeaderField[] = []) {
    this.#fields = fields;
  }

  /** How many fields there are. */
  get size(): number {
    return this.#fields.length;
  }

  /** The value of the first field of the name. */
  get(name: string): string | undefined {
    for (const [field, value] of this.#fields) if (sameName(field, name)) return value;
    return undefined;
  }

  /** The values of all fields of the name, in order. */
  getAll(name: string): string[] {
    const values: string[] = [];
    for (const [field, value] of this.#fields) if (sameName(field, name)) values.push(value);
    return values;
  }

  /** Whether there is such a field. */
  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Puts one field in the place of all of the name. @throws {TypeError} when name or value cannot stand in a head */
  set(name: string, value: string): void {
    checkField(name, value);
    this.delete(name);
    this.#fields.push([name, value]);
  }

  /** Adds a field. @throws {TypeError} when name or value cannot stand in a head */
  append(name: string, value: string): void {
    checkField(name, value);
    this.#fields.push([name, value]);
  }

  /** Takes all fields of the name away. */
  delete(name: string): void {
    if (this.has(name)) this.#fields = this.#fields.filter(([field]) => !sameName(field, name));
  }

  /** A copy that can be changed on its own. */
  clone(): HeaderList {
    return new HeaderList([...this.#fields]);
  }

  /** The fields, in order. */
  [Symbol.iterator](): Iterator<HeaderField> {
    return this.#fields[Symbol.iterator]();
  }
}

/** Names are tokens, so that only letters have a case. */
function sameName(a: string, b: string): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    const one = a.charCodeAt(at);
    const other = b.charCodeAt(at);
    if (one === other) continue;
    const letter = one | CASE_BIT;
    if (letter !== (other | CASE_BIT) || letter < LETTER_A || letter > LETTER_Z) return false;
  }
  return true;
}

function checkField(name: string, value: string): void {
  if (!isToken(name)) throw new TypeError(`Cannot name a header field ${JSON.stringify(name)}`);
  if (!isFieldValue(value)) {
    throw new TypeError(
      `Cannot give the header field ${name} a value with control characters or beyond Latin-1`,
    );
  }
}
