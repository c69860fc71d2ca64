/**
 * The overview of an effective configuration: every value and where it came from, secrets masked.
 *
 * @module
 */
import { escapeControls } from "./fields.ts";
import type { LoadedConfig } from "./load.ts";
import { describeOrigin, formatPath, type Path } from "./origin.ts";
import { isSecret, knownKeys } from "./reference.ts";
import { lacksToken } from "./resolve.ts";
import type { Role } from "./schema.ts";

/** What stands in the place of a secret. */
export const MASK = "***";

/**
 * Writes a configuration as lines of three columns: key, value, origin.
 *
 * @param loaded The configuration.
 * @returns The lines, joined, in the order of the schema.
 */
export function renderConfig(loaded: LoadedConfig<Role>): string {
  const { role, entries } = loaded;
  const rows = entries.map(({ path, value, origin }) => ({
    path,
    cells: [
      escapeControls(formatPath(path)),
      isSecret(role, path) ? MASK : escapeControls(typeof value === "string" ? value : JSON.stringify(value)),
      describeOrigin(origin),
    ],
  }));
  if (lacksToken(loaded)) {
    rows.push({ path: ["token"], cells: ["token", "(none yet)", "FERROTUNNEL_TOKEN or prompt at start"] });
  }
  rows.sort((left, right) => compareInSchema(role, left.path, right.path));
  const width = (column: number): number => Math.max(...rows.map(({ cells }) => cells[column]?.length ?? 0));
  const widths = [width(0), width(1)];
  return rows.map(({ cells }) => {
    return cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd();
  }).join("\n");
}

/** Orders as the schema does; what the schema does not order, such as names of services, stays as it is. */
function compareInSchema(role: Role, left: Path, right: Path): number {
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    if (left[index] === right[index]) continue;
    const keys = knownKeys(role, left.slice(0, index));
    return keys.indexOf(String(left[index])) - keys.indexOf(String(right[index]));
  }
  return left.length - right.length;
}
