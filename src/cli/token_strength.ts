/**
 * How hard a token is to guess. Pure.
 *
 * @module
 */

/** A given token below this is refused: its hash alone must not be enough to find it. */
export const MIN_TOKEN_BITS = 128;
/** What is drawn at random has more. */
const MIN_DISTINCT_CHARACTERS = 8;

const ALPHABETS: readonly (readonly [RegExp, number])[] = [
  [/^[0-9]*$/, 10],
  [/^[0-9a-f]*$/, 16],
  [/^[0-9A-F]*$/, 16],
  [/^[a-z]*$/, 26],
  [/^[A-Z]*$/, 26],
  [/^[0-9a-z]*$/, 36],
  [/^[0-9A-Z]*$/, 36],
  [/^[A-Za-z]*$/, 52],
  [/^[0-9A-Za-z]*$/, 62],
  [/^[0-9A-Za-z+/=_-]*$/, 64],
];

/**
 * The bits that a token has at most, as if each character had been drawn at random. Words have far fewer.
 *
 * @param token Printable ASCII.
 *
 * @example
 * ```ts
 * import { tokenBits } from "./token_strength.ts";
 *
 * console.log(tokenBits("0123456789abcdef0123456789abcdef")); // 128
 * ```
 */
export function tokenBits(token: string): number {
  if (new Set(token).size < MIN_DISTINCT_CHARACTERS) return 0;
  const [, size] = ALPHABETS.find(([pattern]) => pattern.test(token)) ?? [undefined, 95];
  return token.length * Math.log2(size);
}
