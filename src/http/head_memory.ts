/**
 * The head that came last on a connection. Most visitors send the same field lines with every request, and many the very same
 * head; so do services. Equal bytes mean the same, so that to compare them is enough.
 *
 * @module
 */
/** Longer heads are read anew each time: what is kept is kept for every idle connection. */
export const MAX_REMEMBERED_BYTES = 2 * 1024;

const NOTHING = new Uint8Array(0);

/** Remembers one head, which every rule has been held against. */
export class HeadMemory<Head> {
  #head: Head | undefined;
  #bytes: Uint8Array = NOTHING;
  /** Memory for copies. */
  #own: Uint8Array = NOTHING;
  #start = 0;
  #fields = 0;
  #end = 0;

  /** The head; undefined when there is none. */
  get head(): Head | undefined {
    return this.#head;
  }

  /**
   * Remembers a head in place of the one before, or none when it is too long.
   *
   * @param bytes Hold the head from `start` to `end`, and do not change any more.
   * @param place `fields`: where the first field line begins.
   */
  keep(
    head: Head,
    bytes: Uint8Array,
    { start, fields, end }: { readonly start: number; readonly fields: number; readonly end: number },
  ): void {
    if (end - start > MAX_REMEMBERED_BYTES) return this.forget();
    this.#head = head;
    this.#bytes = bytes;
    this.#start = start;
    this.#fields = fields;
    this.#end = end;
  }

  /** Remembers a head as {@linkcode HeadMemory.keep} does, whose bytes may change: they are copied. */
  copy(
    head: Head,
    bytes: Uint8Array,
    { start, fields, end }: { readonly start: number; readonly fields: number; readonly end: number },
  ): void {
    const length = end - start;
    if (length > MAX_REMEMBERED_BYTES) return this.forget();
    if (this.#own.length < length) this.#own = bytes.slice(start, end);
    else for (let at = 0; at < length; at++) this.#own[at] = bytes[start + at]!;
    this.keep(head, this.#own, { start: 0, fields: fields - start, end: length });
  }

  /** Remembers nothing. */
  forget(): void {
    this.#head = undefined;
    this.#bytes = NOTHING;
    this.#start = this.#fields = this.#end = 0;
  }

  /** Whether the same head stands in bytes. @returns Index behind it; -1 when not, or not whole */
  match(bytes: Uint8Array, start: number, end: number): number {
    return this.#head === undefined ? -1 : this.#matchFrom(this.#start, bytes, { start, end });
  }

  /** Whether the same field lines stand in bytes. @returns Index behind the empty line at their end; -1 when not, or not whole */
  matchFields(bytes: Uint8Array, start: number, end: number): number {
    return this.#head === undefined ? -1 : this.#matchFrom(this.#fields, bytes, { start, end });
  }

  #matchFrom(from: number, bytes: Uint8Array, { start, end }: { start: number; end: number }): number {
    const own = this.#bytes;
    const ownEnd = this.#end;
    const offset = start - from;
    if (ownEnd + offset > end) return -1;
    for (let at = from; at < ownEnd; at++) if (own[at] !== bytes[at + offset]) return -1;
    return ownEnd + offset;
  }
}
