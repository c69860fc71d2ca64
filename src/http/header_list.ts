/**
 * The header fields of a message: in order, doubled ones too, found by name in any case.
 *
 * @module
 */
import { isFieldValue, isToken } from "./bytes.ts";
import type { HeaderField, Lines } from "./field_lines.ts";

export type { HeaderField };

const CASE_BIT = 0x20;
const LETTER_A = 0x61;
const LETTER_Z = 0x7a;

/** Lines that are not looked at yet, as a list. */
export interface ListedLines {
  /** Checked already. */
  readonly lines: Lines;
  /**
   * Whether they may be written as they are: none belongs to the connection or to the framing, and those of a request begin
   * with its `Host`. @default false
   */
  readonly endToEnd?: boolean;
}

/** Header fields. Names are compared without regard to case. */
export class HeaderList implements Iterable<HeaderField> {
  /** Undefined while nobody has asked for them. */
  #list: HeaderField[] | undefined;
  /** What the fields are made of; undefined when they have changed since. */
  #source: ListedLines | undefined;

  /** Makes a list. @param fields Checked already; kept, not copied. Lines become fields when somebody asks for them. */
  constructor(fields: HeaderField[] | ListedLines = []) {
    if (Array.isArray(fields)) this.#list = fields;
    else this.#source = fields;
  }

  /** The lines of the list as they may be written; undefined when it is to be written field by field. */
  get lines(): Lines | undefined {
    return this.#source?.endToEnd === true ? this.#source.lines : undefined;
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
    this.#changing().push([name, value]);
  }

  /** Adds a field. @throws {TypeError} when name or value cannot stand in a head */
  append(name: string, value: string): void {
    checkField(name, value);
    this.#changing().push([name, value]);
  }

  /** Takes all fields of the name away. */
  delete(name: string): void {
    if (this.has(name)) this.#list = this.#changing().filter(([field]) => !sameName(field, name));
  }

  /** A copy that can be changed on its own. */
  clone(): HeaderList {
    return new HeaderList([...this.#fields]);
  }

  /** The fields, in order. */
  [Symbol.iterator](): Iterator<HeaderField> {
    return this.#fields[Symbol.iterator]();
  }

  get #fields(): HeaderField[] {
    return this.#list ??= this.#source?.lines.fields() ?? [];
  }

  #changing(): HeaderField[] {
    const fields = this.#fields;
    this.#source = undefined;
    return fields;
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
