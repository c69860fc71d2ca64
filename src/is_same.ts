/**
 * Whether two values say the same. Pure.
 *
 * @module
 */

/**
 * Whether two plain values are the same, whatever the order of their keys. Functions are when they are one.
 *
 * @example
 * ```ts
 * import { isSame } from "./is_same.ts";
 *
 * console.log(isSame({ a: 1, b: [2] }, { b: [2], a: 1 })); // true
 * ```
 */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date || b instanceof Date) return String(a) === String(b);
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const left = new Map<string, unknown>(Object.entries(a));
  const right = new Map<string, unknown>(Object.entries(b));
  const keys = new Set([...left.keys(), ...right.keys()]);
  return [...keys].every((key) => isSame(left.get(key), right.get(key)));
}
