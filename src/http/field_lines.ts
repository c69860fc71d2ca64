/**
 * Field lines that are still bytes. Most lines of a response go on as they came, so that they need never become texts.
 *
 * @module
 */
import { HIGH, LINE_KIND, PLAIN, TOKEN_LOWER } from "./bytes.ts";
import type { FoundHead } from "./head_reader.ts";
import { type KnownName, knownName, spells } from "./header_names.ts";

/** A header field: its name as it came, and its value without the spaces around it. */
export type HeaderField = readonly [name: string, value: string];

const SPACE = 0x20;
const HTAB = 0x09;

/** Field lines that are right, each with its end. They never change. */
export interface Lines {
  /** How many bytes they are. */
  readonly byteLength: number;
  /** Copies them. @returns Index behind them */
  write(into: Uint8Array, at: number): number;
  /** The lines as fields, in an array that belongs to the caller. */
  fields(): HeaderField[];
}

/** Some of the lines of a head that was checked. */
export class FieldLines implements Lines {
  readonly #head: FoundHead;
  /** Where lines begin and end, in pairs; lines in a row are one pair. */
  readonly #runs: readonly number[];

  /**
   * @param head Its lines are known to be right.
   * @param runs Where in its bytes the lines begin and end, in pairs.
   */
  constructor(head: FoundHead, runs: readonly number[]) {
    this.#head = head;
    this.#runs = runs;
  }

  /** @inheritdoc */
  get byteLength(): number {
    let size = 0;
    for (let at = 0; at < this.#runs.length; at += 2) size += this.#runs[at + 1]! - this.#runs[at]!;
    return size;
  }

  /** @inheritdoc */
  write(into: Uint8Array, at: number): number {
    const { bytes } = this.#head;
    let end = at;
    for (let run = 0; run < this.#runs.length; run += 2) {
      const stop = this.#runs[run + 1]!;
      // Runs are short: for these a call that copies costs more than the loop.
      for (let from = this.#runs[run]!; from < stop; from++) into[end++] = bytes[from]!;
    }
    return end;
  }

  /** @inheritdoc */
  fields(): HeaderField[] {
    const { bytes, start, text } = this.#head;
    const fields: HeaderField[] = [];
    for (let run = 0; run < this.#runs.length; run += 2) {
      const stop = this.#runs[run + 1]!;
      for (let at = this.#runs[run]!; at < stop; at += 2) {
        const nameStart = at;
        while (TOKEN_LOWER[bytes[at]!] !== 0) at++;
        const nameEnd = at++;
        while (bytes[at] === SPACE || bytes[at] === HTAB) at++;
        const valueStart = at;
        while (LINE_KIND[bytes[at]!] === PLAIN || LINE_KIND[bytes[at]!] === HIGH) at++;
        let valueEnd = at;
        while (valueEnd > valueStart && (bytes[valueEnd - 1] === SPACE || bytes[valueEnd - 1] === HTAB)) {
          valueEnd--;
        }
        const known = knownName(bytes, nameStart, nameEnd);
        fields.push([
          nameOf(this.#head, known, { start: nameStart, end: nameEnd }),
          text.slice(valueStart - start, valueEnd - start),
        ]);
      }
    }
    return fields;
  }
}

/** One string for each usual spelling: equal ones are the same object, which makes looking for them cheap. */
function nameOf(
  head: FoundHead,
  known: KnownName | undefined,
  { start, end }: { readonly start: number; readonly end: number },
): string {
  if (known !== undefined) {
    if (spells(known.usual, head.bytes, start)) return known.usual;
    if (spells(known.lower, head.bytes, start)) return known.lower;
  }
  return head.text.slice(start - head.start, end - head.start);
}
