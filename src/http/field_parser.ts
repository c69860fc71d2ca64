/**
 * The field lines of a head.
 *
 * @module
 */
import { HIGH, LINE_KIND, PLAIN, TOKEN_LOWER } from "./bytes.ts";
import type { FoundHead } from "./head_reader.ts";
import { FACT_COUNT, knownName, spells } from "./header_names.ts";
import { broken, type Sender, shown } from "./http_error.ts";
import type { HeaderField } from "./types.ts";

const COLON = 0x3a;
const SPACE = 0x20;
const HTAB = 0x09;
const CR = 0x0d;

/** Values of the fields that say something about the message itself, by the indices of header_names.ts. */
export class FieldFacts {
  /** Several fields of one name are joined by commas, as a list is. */
  readonly values: (string | undefined)[] = Array.from({ length: FACT_COUNT }, () => undefined);
  /** How many fields of the name there are. */
  readonly counts: Uint32Array = new Uint32Array(FACT_COUNT);

  /** Forgets all. */
  clear(): void {
    // Array.fill() makes V8 compile the loop over fields anew without end.
    for (let fact = 0; fact < FACT_COUNT; fact++) {
      this.values[fact] = undefined;
      this.counts[fact] = 0;
    }
  }

  /** Adds the value of a field. */
  add(fact: number, value: string): void {
    const before = this.values[fact];
    this.values[fact] = before === undefined ? value : `${before}, ${value}`;
    this.counts[fact]!++;
  }
}

/** Options of {@linkcode parseFields}. */
export interface ParseFieldsOptions {
  readonly maxFields: number;
  readonly sender: Sender;
  /** Gets what the fields say; cleared before. */
  readonly facts: FieldFacts;
}

/**
 * Reads the field lines of a head.
 *
 * @param head Its lines and characters are known to be right.
 * @param start Index in its bytes where the first field line begins.
 * @param options Bounds.
 * @throws {HttpError}
 */
export function parseFields(head: FoundHead, start: number, options: ParseFieldsOptions): HeaderField[] {
  const { bytes, text } = head;
  const base = head.start;
  const { facts } = options;
  const fields: HeaderField[] = [];
  const end = head.end - 2;
  let at = start;
  facts.clear();
  while (at < end) {
    const nameStart = at;
    while (TOKEN_LOWER[bytes[at]!] !== 0) at++;
    const nameEnd = at;
    if (nameEnd === nameStart || bytes[at] !== COLON) wrongName(head, nameStart, options.sender);
    at++;
    while (bytes[at] === SPACE || bytes[at] === HTAB) at++;
    const valueStart = at;
    while (LINE_KIND[bytes[at]!] === PLAIN || LINE_KIND[bytes[at]!] === HIGH) at++;
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === HTAB)) {
      valueEnd--;
    }
    at += 2;
    if (fields.length === options.maxFields) {
      throw broken(
        options.sender,
        431,
        "too_many_fields",
        `Refuse a head with over ${options.maxFields} fields`,
      );
    }
    const known = knownName(bytes, nameStart, nameEnd);
    const value = text.slice(valueStart - base, valueEnd - base);
    fields.push([nameOf(head, known, nameStart, nameEnd), value]);
    if (known !== undefined && known.fact >= 0) facts.add(known.fact, value);
  }
  return fields;
}

/** One string for each usual spelling: equal ones are the same object, which makes looking for them cheap. */
function nameOf(head: FoundHead, known: ReturnType<typeof knownName>, start: number, end: number): string {
  if (known !== undefined) {
    if (spells(known.usual, head.bytes, start)) return known.usual;
    if (spells(known.lower, head.bytes, start)) return known.lower;
  }
  return head.text.slice(start - head.start, end - head.start);
}

function wrongName(head: FoundHead, start: number, sender: Sender): never {
  const { bytes } = head;
  if (bytes[start] === SPACE || bytes[start] === HTAB) {
    throw broken(sender, 400, "field", "Refuse a field line that begins with a space");
  }
  let end = start;
  while (bytes[end] !== CR && bytes[end] !== COLON) end++;
  const name = shown(head.text.slice(start - head.start, end - head.start));
  throw broken(sender, 400, "field", `Refuse a field line with the name ${name}`);
}
