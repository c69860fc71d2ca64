/**
 * How much memory may be in use for one purpose.
 *
 * @module
 */

/**
 * Counts bytes against a limit, and against the limit of a parent too.
 *
 * @example
 * ```ts
 * import { MemoryBudget } from "./memory_budget.ts";
 *
 * const whole = new MemoryBudget(100);
 * const part = new MemoryBudget(60, whole);
 * console.log(part.reserve(50), part.reserve(20), whole.usedBytes); // true false 50
 * ```
 */
export class MemoryBudget {
  /** The most bytes that may be reserved. */
  readonly limitBytes: number;
  readonly #parent: MemoryBudget | undefined;
  #usedBytes = 0;

  /** @param limitBytes The limit. @param parent A wider budget that counts the same bytes. */
  constructor(limitBytes: number, parent?: MemoryBudget) {
    this.limitBytes = limitBytes;
    this.#parent = parent;
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether this budget is used beyond its limit, which only `add` can bring about. */
  get exceeded(): boolean {
    return this.#usedBytes > this.limitBytes;
  }

  /** Whether a wider budget is. */
  get parentExceeded(): boolean {
    return this.#parent !== undefined && (this.#parent.exceeded || this.#parent.parentExceeded);
  }

  /** How much of the widest budget's limit is in use; 1 is all of it. */
  get widestShare(): number {
    return this.#parent?.widestShare ?? this.#usedBytes / this.limitBytes;
  }

  /** Reserves bytes if they fit here and in every wider budget. */
  reserve(bytes: number): boolean {
    if (this.#usedBytes + bytes > this.limitBytes) return false;
    if (this.#parent !== undefined && !this.#parent.reserve(bytes)) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** Counts bytes that are already there, whether they fit or not. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
    this.#parent?.add(bytes);
  }

  /** Returns bytes. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#parent?.release(bytes);
  }
}
