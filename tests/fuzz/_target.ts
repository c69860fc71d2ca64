/**
 * What all targets share.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Dice } from "./_dice.ts";

/** Something that is fuzzed. */
export interface FuzzTarget {
  readonly name: string;
  /**
   * Whether there is a slow second way to the same answer. It is asked in a share of the runs; what is cheap is checked in all
   * of them.
   */
  readonly hasOracle: boolean;
  /**
   * Feeds it once.
   *
   * @param dice Begun for this run.
   * @param compare Whether the oracle is to be asked, where there is one.
   * @returns whether the input was accepted
   * @throws {Error} on a finding
   */
  run(dice: Dice, compare: boolean): boolean | Promise<boolean>;
}

/** Where an input is cut: up to five places in their order, with its end behind them; used again for each run. */
export class Cuts {
  readonly #places: number[] = [];

  /** The places of this run. */
  get places(): readonly number[] {
    return this.#places;
  }

  /** Draws places. @param length Of the input. */
  draw(dice: Dice, length: number): readonly number[] {
    const places = this.#places;
    places.length = 0;
    for (let cuts = dice.roll(6); cuts > 0; cuts--) {
      const place = dice.roll(length + 1);
      let at = places.length;
      while (at > 0 && places[at - 1]! > place) at--;
      places.splice(at, 0, place);
    }
    places.push(length);
    return places;
  }
}

/** Asserts that two answers are the same. Asked many times in each run, so that the usual case is one comparison. */
export function agree(one: unknown, other: unknown, what: string): void {
  if (one !== other) assert.equal(other, one, what);
}

/** Whether bytes are equal, byte by byte. */
export function sameBytes(
  one: Uint8Array,
  other: Uint8Array,
  { from = 0, length }: { readonly from?: number; readonly length: number },
): boolean {
  for (let at = 0; at < length; at++) if (one[from + at] !== other[at]) return false;
  return true;
}

/** Bytes of a text with characters up to 255. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
