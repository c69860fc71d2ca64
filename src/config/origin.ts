/**
 * Where a value of the configuration came from.
 *
 * @module
 */

/** Place of a value inside a configuration; numbers are indices of a list. */
export type Path = readonly (string | number)[];

/** Where a value came from. */
export type Origin =
  /** Nobody set it. */
  | { readonly kind: "default" }
  /** A configuration file; line and column count from 1. */
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  /** An environment variable. */
  | { readonly kind: "environment"; readonly name: string }
  /** A flag or argument of the command line. */
  | { readonly kind: "flag"; readonly name: string };

/**
 * Names an origin for the overview of a configuration.
 *
 * @param origin Where a value came from.
 * @returns For instance `file server.yaml:3`.
 */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case "default":
      return "default";
    case "file":
      return `file ${origin.file}:${origin.line}`;
    case "environment":
      return `environment ${origin.name}`;
    case "flag":
      return `flag ${origin.name}`;
  }
}

/**
 * Names an origin in front of a problem, in the form that editors and terminals turn into a link.
 *
 * @param origin Where a value came from.
 * @returns For instance `server.yaml:7:3`, or "" for a value that nobody set.
 */
export function locateOrigin(origin: Origin): string {
  if (origin.kind === "file") return `${origin.file}:${origin.line}:${origin.column}`;
  return origin.kind === "default" ? "" : describeOrigin(origin);
}

/**
 * Writes a path as people would.
 *
 * @param path Place of a value.
 * @returns For instance `tokens[1].name`.
 */
export function formatPath(path: Path): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}
