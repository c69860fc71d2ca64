/**
 * A map that forgets.
 *
 * @module
 */

/** A map with a bound, beyond which it forgets what was used longest ago. */
export class RecentMap<Key, Value> {
  readonly #maxSize: number;
  // A Map keeps the order of insertion: what is used is put in anew, so that the first is what was used longest ago.
  readonly #values = new Map<Key, Value>();

  /** @param maxSize At least 1. */
  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** How many values there are. */
  get size(): number {
    return this.#values.size;
  }

  /** The value of a key, which counts as use. */
  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Keeps a value, and forgets another one if there is no room. */
  set(key: Key, value: Value): void {
    this.#values.delete(key);
    this.#values.set(key, value);
    if (this.#values.size <= this.#maxSize) return;
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest);
      return;
    }
  }

  /** Forgets a key. */
  delete(key: Key): void {
    this.#values.delete(key);
  }
}
