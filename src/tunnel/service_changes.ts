/**
 * What is new and what is gone between two lists of services. Pure.
 *
 * @module
 */
import type { ServiceOptions } from "./options.ts";

/** How one list of services differs from another. */
export interface ServiceChanges {
  /** Names that are only in the first. */
  readonly removed: readonly string[];
  /** Those that are only in the second, and those that are in both and differ. */
  readonly changed: readonly ServiceOptions[];
}

/**
 * Compares.
 *
 * @param before The first list, by name.
 * @param after The second.
 */
export function serviceChanges(
  before: ReadonlyMap<string, ServiceOptions>,
  after: readonly ServiceOptions[],
): ServiceChanges {
  const names = new Set(after.map(({ name }) => name));
  return {
    removed: [...before.keys()].filter((name) => !names.has(name)),
    changed: after.filter((service) => !isSame(before.get(service.name), service)),
  };
}

/** Whether two plain values are the same, whatever the order of their keys. */
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
