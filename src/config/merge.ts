/**
 * Lays configurations over one another. Pure: layers in, values with their origins out.
 *
 * @module
 */
import type { Origin, Path } from "./origin.ts";

/** One source of values, such as a file. */
export interface Layer {
  /** Its values, shaped like a configuration file. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Where the value at a path came from. */
  origin(path: Path): Origin;
}

/** A value with its place and its origin. */
export interface Entry {
  /** Its place. */
  readonly path: Path;
  /** Text, a number, true, false, null, or an empty list or mapping. */
  readonly value: unknown;
  /** Where it came from. */
  readonly origin: Origin;
}

/** Options of {@linkcode mergeLayers}. */
export interface MergeOptions {
  /** Top-level keys that a higher layer replaces as a whole. Lists are always replaced as a whole. */
  readonly whole: readonly string[];
  /** Groups of paths, written with dots, of which a layer that sets one unsets the others in the layers below. */
  readonly alternatives: readonly (readonly string[])[];
}

/**
 * Merges layers; later ones win. Mappings are merged key by key, everything else is replaced.
 *
 * @param layers The layers, lowest first.
 * @param options What is replaced together.
 * @returns The values that count.
 *
 * @example
 * ```ts
 * import { mergeLayers, nest } from "./merge.ts";
 *
 * const defaults = { values: { log: { level: "info" } }, origin: () => ({ kind: "default" } as const) };
 * const flags = { values: { log: { level: "debug" } }, origin: () => ({ kind: "flag", name: "--log-level" } as const) };
 * const entries = mergeLayers([defaults, flags], { whole: [], alternatives: [] });
 * console.log(nest(entries)); // { log: { level: "debug" } }
 * ```
 */
export function mergeLayers(layers: readonly Layer[], options: MergeOptions): Entry[] {
  let merged: Entry[] = [];
  for (const layer of layers) {
    const entries = flatten(layer);
    const replaced = new Set<string>();
    for (const { path } of entries) {
      const unit = unitOf(path, options);
      replaced.add(unit);
      for (const group of options.alternatives) {
        if (group.includes(unit)) group.forEach((other) => replaced.add(other));
      }
    }
    merged = [...merged.filter(({ path }) => !replaced.has(unitOf(path, options))), ...entries];
  }
  return merged;
}

/** The part of a path that is replaced together. */
function unitOf(path: Path, options: MergeOptions): string {
  const first = String(path[0]);
  if (options.whole.includes(first)) return first;
  const index = path.findIndex((part) => typeof part === "number");
  return (index === -1 ? path : path.slice(0, index)).join(".");
}

function flatten(layer: Layer): Entry[] {
  const entries: Entry[] = [];
  const visit = (value: unknown, path: Path): void => {
    const isContainer = typeof value === "object" && value !== null;
    const children: [string | number, unknown][] = Array.isArray(value)
      ? [...value.entries()]
      : isContainer
      ? Object.entries(value)
      : [];
    if (children.length > 0) { for (const [key, child] of children) visit(child, [...path, key]); }
    else if (path.length > 0) entries.push({ path, value, origin: layer.origin(path) });
  };
  visit(layer.values, []);
  return entries;
}

/**
 * Puts entries back into the shape of a configuration file.
 *
 * @param entries What {@linkcode mergeLayers} returned.
 * @returns The values, nested.
 */
export function nest(entries: readonly Entry[]): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const { path, value } of entries) {
    let parent: Record<string | number, unknown> = root;
    path.forEach((part, index) => {
      if (index === path.length - 1) parent[part] = value;
      else {
        const empty = typeof path[index + 1] === "number" ? [] : {};
        // A service may well be called "constructor", which every object inherits.
        if (!Object.hasOwn(parent, part)) parent[part] = empty;
        // Every inner node was created here, as a list or a mapping.
        parent = parent[part] as Record<string | number, unknown>;
      }
    });
  }
  return root;
}
