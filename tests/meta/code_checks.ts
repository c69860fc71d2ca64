/**
 * Checks of TypeScript files that no linter does.
 *
 * @module
 */
import { codeOf, commentsOf } from "./source.ts";
import type { Files } from "./tree.ts";

const MAX_LINES = 400;
const MIN_REASON_CHARACTERS = 10;

/**
 * Finds the runtimes' own names used as code. Only the adapters and the two roots may use them.
 *
 * @param files The program's files.
 * @returns One line for each use.
 */
export function findRuntimeNames(files: Files): string[] {
  const found: string[] = [];
  for (const [path, source] of files) {
    if (path.startsWith("src/runtime/") || path === "src/main.ts" || path === "mod.ts") continue;
    codeOf(source, { keepStrings: false }).split("\n").forEach((line, index) => {
      const match = /(?<![\w$.])(?:globalThis\s*\.\s*)?(?:Deno|Bun)\b\s*[.?[]/.exec(line);
      if (match !== null) found.push(`${path}:${index + 1}: ${match[0]}`);
    });
  }
  return found;
}

/**
 * Finds files that are too long.
 *
 * @param files Files.
 * @returns One line for each.
 */
export function findLongFiles(files: Files): string[] {
  return [...files]
    .map(([path, source]) => ({ path, lines: source.split("\n").length - (source.endsWith("\n") ? 1 : 0) }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines, over ${MAX_LINES}`);
}

/**
 * Finds comments that silence a tool and do not say why.
 *
 * @param files Files.
 * @returns One line for each.
 */
export function findUnexplainedSilencers(files: Files): string[] {
  const found: string[] = [];
  for (const [path, source] of files) {
    for (const { line, text } of commentsOf(source)) {
      const directive =
        /^(?:\/\/|\/\*)\s*((?:deno-lint|deno-fmt|deno-coverage|oxlint|eslint|biome|@ts)-[\w-]+)(.*)/s.exec(
          text,
        );
      if (directive === null || directive[1] === undefined) continue;
      // The compiler's own directives take everything behind them for the reason; the linters' first name their rules.
      const rest = directive[2] ?? "";
      const reason = directive[1].startsWith("@ts-") ? rest : /\s--\s(.*)/s.exec(rest)?.[1] ?? "";
      if (reason.replace(/\*\/$/, "").trim().length < MIN_REASON_CHARACTERS) {
        found.push(`${path}:${line}: ${directive[1]}`);
      }
    }
  }
  return found;
}
