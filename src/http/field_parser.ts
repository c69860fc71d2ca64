/**
 * The field lines of a head: whether they are right, and what they say about the message itself.
 *
 * @module
 */
import { asciiText, HIGH, LINE_KIND, PLAIN, TOKEN_LOWER } from "./bytes.ts";
import { FRAMING, HOP, kindOfBytes } from "./field_kinds.ts";
import { FieldLines } from "./field_lines.ts";
import type { FoundHead } from "./head_reader.ts";
import { FACT_COUNT, knownName, spells } from "./header_names.ts";
import { broken, type Sender, shown } from "./http_error.ts";

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

const NOT_PASSED = HOP | FRAMING;

/** The field lines of a head. */
export interface ParsedFields {
  readonly all: FieldLines;
  /**
   * Those that belong neither to the connection nor to the framing, if they are spelt as the encoder would spell them: one space
   * before the value, none behind it. Undefined otherwise, and of a visitor's head.
   */
  readonly endToEnd: FieldLines | undefined;
}

/**
 * Reads the field lines of a head.
 *
 * @param head Its lines and characters are known to be right. Kept for as long as what is returned is used.
 * @param start Index in its bytes where the first field line begins.
 * @param options Bounds.
 * @throws {HttpError}
 */
export function parseFields(head: FoundHead, start: number, options: ParseFieldsOptions): ParsedFields {
  const { bytes } = head;
  const { facts, sender, maxFields } = options;
  const end = head.end - 2;
  const isService = sender === "service";
  /** Lines that go on, as `FieldLines` wants them. */
  const runs: number[] = [];
  let runStart = start;
  let isUsual = true;
  let count = 0;
  let at = start;
  facts.clear();
  while (at < end) {
    const nameStart = at;
    while (TOKEN_LOWER[bytes[at]!] !== 0) at++;
    const nameEnd = at;
    if (nameEnd === nameStart || bytes[at] !== COLON) wrongName(head, nameStart, sender);
    at++;
    while (bytes[at] === SPACE || bytes[at] === HTAB) at++;
    const valueStart = at;
    while (LINE_KIND[bytes[at]!] === PLAIN || LINE_KIND[bytes[at]!] === HIGH) at++;
    let valueEnd = at;
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === HTAB)) {
      valueEnd--;
    }
    if (valueEnd !== at || valueStart !== nameEnd + 2 || bytes[nameEnd + 1] !== SPACE) isUsual = false;
    at += 2;
    if (++count > maxFields) {
      throw broken(sender, 431, "too_many_fields", `Refuse a head with over ${maxFields} fields`);
    }
    const known = knownName(bytes, nameStart, nameEnd);
    if (known !== undefined && known.fact >= 0) {
      facts.add(known.fact, valueAt(head, valueStart, valueEnd));
    }
    if (isService && kindOfBytes(known, bytes, nameStart, nameEnd) & NOT_PASSED) {
      if (nameStart > runStart) runs.push(runStart, nameStart);
      runStart = at;
    }
  }
  if (end > runStart) runs.push(runStart, end);
  return {
    all: new FieldLines(head, [start, end]),
    endToEnd: isUsual && isService ? new FieldLines(head, runs) : undefined,
  };
}

/** Values that are seen in nearly every head: to know them is cheaper than to make texts of them. */
const USUAL_VALUES: readonly string[] = ["keep-alive", "close", "chunked", "Keep-Alive"];
function valueAt(head: FoundHead, start: number, end: number): string {
  const { bytes } = head;
  const length = end - start;
  for (const usual of USUAL_VALUES) if (usual.length === length && spells(usual, bytes, start)) return usual;
  if (head.ascii) return asciiText(bytes, start, end);
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
