/**
 * What is new and what is gone between two lists of services. Pure.
 *
 * @module
 */
import { isSame } from "../is_same.ts";
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
