/**
 * The header fields of a message: in order, doubled ones too, found by name in any case.
 *
 * @module
 */
import type { HeaderField } from "./types.ts";

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// deno-lint-ignore no-control-regex -- control characters are what it is to find
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Header fields. Names are compared without regard to case. */
export class HeaderList implements Iterable<HeaderField> {
  #fields: HeaderField[];

  /** @param fields Checked already; kept, not copied. */
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

  /** @inheritdoc */
  [Symbol.iterator](): Iterator<HeaderField> {
    return this.#fields[Symbol.iterator]();
  }
}

function sameName(a: string, b: string): boolean {
  return a.length === b.length && (a === b || a.toLowerCase() === b.toLowerCase());
}

function checkField(name: string, value: string): void {
  if (!TOKEN.test(name)) throw new TypeError(`Cannot name a header field ${JSON.stringify(name)}`);
  if (BAD_VALUE.test(value)) {
    throw new TypeError(`Cannot give the header field ${name} a value with control characters`);
  }
}
