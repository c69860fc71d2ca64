/**
 * Changes inputs, all in one buffer: at hundreds of thousands of inputs a second, memory that is made for each of them is what
 * one would mostly measure.
 *
 * @module
 */
import type { Dice } from "./_dice.ts";

/** What a mutator works with. */
export interface Material {
  /** Inputs to begin with. */
  readonly inputs: readonly Uint8Array[];
  /** Inputs that take long, such as those around a limit, or are refused as they are; seldom begun with. @default none */
  readonly rare?: readonly Uint8Array[];
  /** What is put in here and there. */
  readonly words: readonly Uint8Array[];
}

/** Room for the largest input and what is put into it. */
export const ROOM_BYTES = 256 * 1024;
/** Values at which a length or a number turns into another kind. */
const EDGES = Uint8Array.of(0, 1, 2, 127, 128, 249, 250, 251, 252, 253, 254, 255);
/** Lengths at which something may change: of texts, labels, buffers and varints. */
const LENGTHS = [31, 32, 33, 63, 64, 65, 127, 128, 250, 251, 252, 253, 254, 255, 256, 257];
const RARE_ONCE_IN = 1024;
const WIDE_ONCE_IN = 64;

/** One input after the other, in the same buffer. */
export class Mutator {
  /** Holds the input from 0 to {@linkcode Mutator.length}. */
  readonly bytes: Uint8Array = new Uint8Array(ROOM_BYTES);
  readonly #material: Material;
  #length = 0;

  /** @param material What it works with. */
  constructor(material: Material) {
    this.#material = material;
  }

  /** Bytes of the input. */
  get length(): number {
    return this.#length;
  }

  /** Begins with an input as it is. @returns it */
  begin(dice: Dice): Uint8Array {
    this.#length = 0;
    return this.append(dice);
  }

  /** Puts another input behind. @returns it */
  append(dice: Dice): Uint8Array {
    const { inputs, rare = [] } = this.#material;
    const input = dice.pick(rare.length > 0 && dice.once(RARE_ONCE_IN) ? rare : inputs);
    this.#insert(this.#length, input, 0, input.length);
    return input;
  }

  /**
   * Changes the input in one to `most` places.
   *
   * @param from Bytes in front of it stay as they are.
   */
  change(dice: Dice, most: number, from = 0): void {
    for (let changes = 1 + dice.roll(most); changes > 0; changes--) {
      if (dice.once(WIDE_ONCE_IN)) this.#changeWidely(dice, from);
      else this.#changeOnce(dice, from);
    }
  }

  #changeOnce(dice: Dice, from: number): void {
    const size = this.#length - from;
    const at = from + dice.roll(size + 1);
    const { bytes } = this;
    switch (dice.roll(12)) {
      case 0:
        if (size > 0) bytes[from + dice.roll(size)] = EDGES[dice.roll(EDGES.length)]!;
        break;
      case 1:
        if (size > 0) bytes[from + dice.roll(size)] = dice.roll(256);
        break;
      case 2:
        if (size > 0) bytes[from + dice.roll(size)]! ^= 1 << dice.roll(8);
        break;
      case 3:
        if (size > 0) bytes[from + dice.roll(size)]! += dice.once(2) ? 1 : 255;
        break;
      case 4:
        this.#remove(at, 1 + dice.roll(4));
        break;
      case 5:
        this.#insert(at, EDGES, dice.roll(EDGES.length), 1);
        break;
      case 6:
        this.#insert(at, bytes, at, Math.min(1 + dice.roll(16), this.#length - at));
        break;
      case 7:
        this.#length = at;
        break;
      case 8: {
        const start = from + dice.roll(size + 1);
        this.#insert(at, bytes, start, Math.min(1 + dice.roll(48), this.#length - start));
        break;
      }
      case 9:
        this.#remove(at, dice.roll(8));
        this.#insertWord(at, dice);
        break;
      default:
        this.#insertWord(at, dice);
    }
  }

  /** Changes much at once: the rest becomes that of another input, or something becomes as long as may matter. */
  #changeWidely(dice: Dice, from: number): void {
    const at = from + dice.roll(this.#length - from + 1);
    if (dice.once(2)) {
      const other = dice.pick(this.#material.inputs);
      const start = dice.roll(other.length + 1);
      this.#length = at;
      this.#insert(at, other, start, other.length - start);
      return;
    }
    const count = dice.pick(LENGTHS) - dice.roll(8);
    const value = this.bytes[at]!;
    if (this.#makeRoom(at, count)) this.bytes.fill(value, at, at + count);
  }

  #insertWord(at: number, dice: Dice): void {
    const word = dice.pick(this.#material.words);
    this.#insert(at, word, 0, word.length);
  }

  /** `source` may be the input itself. What does not fit is left out. */
  #insert(at: number, source: Uint8Array, start: number, count: number): void {
    const own = source === this.bytes;
    if (count <= 0 || !this.#makeRoom(at, count)) return;
    // What stood behind the place has moved by as much as was made room for.
    for (let index = 0; index < count; index++) {
      const from = start + index;
      this.bytes[at + index] = source[own && from >= at ? from + count : from]!;
    }
  }

  #makeRoom(at: number, count: number): boolean {
    if (this.#length + count > ROOM_BYTES) return false;
    if (at < this.#length) this.bytes.copyWithin(at + count, at, this.#length);
    this.#length += count;
    return true;
  }

  #remove(at: number, count: number): void {
    const end = Math.min(at + count, this.#length);
    this.bytes.copyWithin(at, end, this.#length);
    this.#length -= end - at;
  }
}
