/**
 * How long something has stood still, told by rounds.
 *
 * @module
 */

/**
 * Counts the rounds in which nothing has moved. To say that something has moved costs no look at the clock, and a deadline
 * never comes early, though up to two rounds late.
 *
 * @example
 * ```ts
 * import { Waiting } from "./waiting.ts";
 *
 * const waiting = new Waiting();
 * waiting.passed(500); // Moved at some time during this round.
 * waiting.passed(500);
 * console.log(waiting.ms); // 500
 * ```
 */
export class Waiting {
  #moved = true;
  #ms = 0;

  /** For how long, at least. */
  get ms(): number {
    return this.#ms;
  }

  /** Something has moved. */
  moved(): void {
    this.#moved = true;
    this.#ms = 0;
  }

  /** A round is over. */
  passed(elapsedMs: number): void {
    this.#ms = this.#moved ? 0 : this.#ms + elapsedMs;
    this.#moved = false;
  }
}
