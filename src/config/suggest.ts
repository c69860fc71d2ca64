/**
 * "Did you mean …?" for words that are close to a known one.
 *
 * @module
 */

/** Words that need more edits than this are not taken for a slip. */
const MAX_EDITS = 3;

/** A shorter word is no abbreviation of a longer one. */
const MIN_BEGINNING = 3;

/**
 * The candidate that `word` was most likely meant to be.
 *
 * @param word What somebody wrote.
 * @param candidates What could have been meant.
 * @returns The closest candidate, else one that begins with the word, else undefined.
 *
 * @example
 * ```ts
 * import { suggest } from "./suggest.ts";
 *
 * console.log(suggest("bnid", ["bind", "token"])); // "bind"
 * ```
 */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  // A third of the letters may be wrong, so that short words are not matched with anything.
  let best = Math.min(MAX_EDITS, Math.max(1, Math.floor(word.length / 2.5))) + 1;
  let found: string | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= best) continue;
    const edits = editDistance(simplify(word), simplify(candidate));
    if (edits < best) {
      best = edits;
      found = candidate;
    }
  }
  if (found !== undefined || word.length < MIN_BEGINNING) return found;
  for (const candidate of candidates) {
    if (simplify(candidate).startsWith(simplify(word))) return candidate;
  }
  return undefined;
}

/** `allow_ports` and `allow-ports` are the same slip for `allowPorts`. */
function simplify(word: string): string {
  return word.toLowerCase().replace(/[-_]/g, "");
}

/**
 * The number of insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal
 * string alignment), in a table of three rows.
 *
 * @param left One word.
 * @param right The other.
 */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const same = left[row - 1] === right[column - 1];
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (row > 1 && column > 1 && swapped) edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      current.push(edits);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}
