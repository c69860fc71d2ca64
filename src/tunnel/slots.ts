/**
 * How many of something may exist at once. Pure.
 *
 * @module
 */

/**
 * A number of slots; who comes when all are taken waits, in order, and may give up waiting.
 *
 * @example
 * ```ts
 * import { Slots } from "./slots.ts";
 *
 * const slots = new Slots(1);
 * slots.enter(() => console.log("first"));
 * const giveUp = slots.enter(() => console.log("never"));
 * slots.enter(() => console.log("third"));
 * giveUp();
 * slots.leave(); // third
 * ```
 */
export class Slots {
  readonly #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  /** @param limit How many there are. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls `start` with a slot taken: now, or when there is one. @returns gives up waiting; does nothing afterwards */
  enter(start: () => void): () => void {
    if (this.#taken < this.#limit) {
      this.#taken++;
      start();
      return () => {};
    }
    const entry = (): void => start();
    this.#waiting.add(entry);
    return () => void this.#waiting.delete(entry);
  }

  /** Gives one slot back. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
