/**
 * What is wrong with a configuration, said so that it can be found and mended.
 *
 * @module
 */
import type { z } from "zod";
import { TunnelError } from "../errors.ts";
import { escapeControls } from "./fields.ts";
import { formatPath, locateOrigin, type Origin, type Path } from "./origin.ts";
import { suggest } from "./suggest.ts";

/** One thing that is wrong. */
export interface Problem {
  /** Where the value came from. */
  readonly origin: Origin;
  /** The value; empty for the whole. */
  readonly path: Path;
  /** What was expected and what was there. */
  readonly message: string;
}

/**
 * Writes a problem as one line.
 *
 * @param problem What is wrong.
 * @returns For instance `server.yaml:7:3: allowPorts[1]: Expected … but got "x"`.
 */
export function formatProblem(problem: Problem): string {
  const parts = [locateOrigin(problem.origin), escapeControls(formatPath(problem.path)), problem.message];
  return parts.filter((part) => part !== "").join(": ");
}

/**
 * A configuration is not valid. Its message has one line for each problem.
 *
 * @example
 * ```ts
 * import { ConfigError } from "./problem.ts";
 *
 * const error = new ConfigError([{ origin: { kind: "default" }, path: ["server"], message: "Expected an address" }]);
 * console.log(error.message); // server: Expected an address
 * ```
 */
export class ConfigError extends TunnelError {
  override readonly name = "ConfigError";
  /** Everything that is wrong, at least one. */
  readonly problems: readonly Problem[];

  /** @param problems Everything that is wrong, at least one. */
  constructor(problems: readonly Problem[]) {
    super("CONFIG", problems.map(formatProblem).join("\n"));
    this.problems = problems;
  }
}

/** A layer as problems see it. */
export interface Places {
  /** Where the value at a path came from. */
  origin(path: Path): Origin;
  /** Where the key that ends a path stands. */
  keyOrigin(path: Path): Origin;
}

/**
 * Turns what the schema found into problems.
 *
 * @param issues The schema's findings.
 * @param places Where the values stand.
 * @param keysAt The keys that are known at a path, for suggestions.
 */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  places: Places,
  keysAt: (path: Path) => readonly string[],
): Problem[] {
  const problems: Problem[] = [];
  for (const issue of issues) {
    const path = issue.path.map((part) => typeof part === "symbol" ? String(part) : part);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        const origin = places.keyOrigin([...path, key]);
        problems.push({ origin, path, message: unknownKey(key, keysAt(path)) });
      }
    } else if (issue.code === "invalid_key") {
      const message = issue.issues[0]?.message ?? issue.message;
      problems.push({ origin: places.keyOrigin(path), path, message });
    } else {
      problems.push({ origin: places.origin(path), path, message: issue.message });
    }
  }
  return problems.sort(byPlace);
}

function unknownKey(key: string, known: readonly string[]): string {
  // Known are the keys of all types that a mapping can have.
  if (known.includes(key)) return `Key ${JSON.stringify(key)} is not for this type`;
  const meant = suggest(key, known);
  const hint = meant === undefined ? `; known here: ${known.join(", ")}` : `; did you mean "${meant}"?`;
  return `Unknown key ${JSON.stringify(key)}${hint}`;
}

/** In the order of the file, so that the first line printed is the first to mend. */
function byPlace(left: Problem, right: Problem): number {
  if (left.origin.kind !== "file" || right.origin.kind !== "file") return 0;
  return left.origin.line - right.origin.line || left.origin.column - right.origin.column;
}
