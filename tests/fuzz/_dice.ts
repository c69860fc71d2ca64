/**
 * Numbers that look random and can be had again.
 *
 * @module
 */

/** xoroshiro64**, begun anew for each run, so that every run can be repeated alone. */
export class Dice {
  #first = 0;
  #second = 1;

  /**
   * Begins the numbers of a run.
   *
   * @param seed Of the whole, an integer.
   * @param run Which one, an integer from 0 on.
   */
  begin(seed: number, run: number): void {
    this.#first = mixed(seed ^ Math.trunc(run / 2 ** 32));
    this.#second = mixed(run ^ 0x9e37_79b9) | 1;
    // Runs that follow one another begin alike; this drives them apart.
    this.#next();
    this.#next();
  }

  /** A number from 0 to `below` - 1, which must be under 2²¹. */
  roll(below: number): number {
    return Math.floor((this.#next() >>> 0) * below / 2 ** 32);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.roll(times) === 0;
  }

  /** One of them. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)]!;
  }

  #next(): number {
    const first = this.#first;
    const second = this.#second ^ first;
    const scrambled = Math.imul(first, 0x9e37_79bb);
    this.#first = (first << 26 | first >>> 6) ^ second ^ second << 9;
    this.#second = second << 13 | second >>> 19;
    return Math.imul(scrambled << 5 | scrambled >>> 27, 5);
  }
}

function mixed(value: number): number {
  let bits = Math.imul(value ^ value >>> 16, 0x85eb_ca6b);
  bits = Math.imul(bits ^ bits >>> 13, 0xc2b2_ae35);
  return bits ^ bits >>> 16;
}
