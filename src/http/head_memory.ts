/**
 * The head that came last on a connection. Most visitors send the same field lines with every request, and many the very same
 * head: equal bytes mean the same, so that to compare them is enough.
 *
 * @module
 */
import type { RequestHead } from "./types.ts";

/** Longer heads are read anew each time: what is kept is kept for every idle visitor. */
export const MAX_REMEMBERED_BYTES = 2 * 1024;

const NOTHING = new Uint8Array(0);

/** Remembers one head, which every rule has been held against. */
export class HeadMemory {
  #head: RequestHead | undefined;
  #bytes: Uint8Array = NOTHING;
  #length = 0;
  #fieldsStart = 0;

  /** The head; undefined when there is none. */
  get head(): RequestHead | undefined {
    return this.#head;
  }

  /** Bytes of the field lines, with the empty line at their end. */
  get fieldsBytes(): number {
    return this.#length - this.#fieldsStart;
  }

  /**
   * Remembers a head in place of the one before, or none when it is too long.
   *
   * @param bytes Hold the head from `start` to `end`; copied.
   * @param place `fields`: where the first field line begins.
   */
  keep(
    head: RequestHead,
    bytes: Uint8Array,
    { start, fields, end }: { readonly start: number; readonly fields: number; readonly end: number },
  ): void {
    const length = end - start;
    if (length > MAX_REMEMBERED_BYTES) return this.forget();
    if (this.#bytes.length < length) this.#bytes = bytes.slice(start, end);
    else for (let at = 0; at < length; at++) this.#bytes[at] = bytes[start + at]!;
    this.#head = head;
    this.#length = length;
    this.#fieldsStart = fields - start;
  }

  /** Remembers nothing. */
  forget(): void {
    this.#head = undefined;
    this.#bytes = NOTHING;
    this.#length = this.#fieldsStart = 0;
  }

  /** Whether the same head stands in bytes. @returns Index behind it; -1 when not, or not whole */
  match(bytes: Uint8Array, start: number, end: number): number {
    return this.#head === undefined ? -1 : this.#matchFrom(0, bytes, { start, end });
  }

  /** Whether the same field lines stand in bytes. @returns Index behind the empty line at their end; -1 when not, or not whole */
  matchFields(bytes: Uint8Array, start: number, end: number): number {
    return this.#head === undefined ? -1 : this.#matchFrom(this.#fieldsStart, bytes, { start, end });
  }

  #matchFrom(from: number, bytes: Uint8Array, { start, end }: { start: number; end: number }): number {
    const own = this.#bytes;
    const length = this.#length;
    const offset = start - from;
    if (length + offset > end) return -1;
    for (let at = from; at < length; at++) if (own[at] !== bytes[at + offset]) return -1;
    return length + offset;
  }
}
