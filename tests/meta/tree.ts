/**
 * The project's files, for the checks of its text.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../scripts/tools.ts";

/** Path from the root, with `/`, to text. */
export type Files = ReadonlyMap<string, string>;

const SKIPPED_FOLDERS = new Set([".git", "node_modules", "dist", "coverage"]);
const SKIPPED_FILES = new Set(["deno.lock"]);
const SKIPPED_PATHS = ["bench/results/"];

/**
 * Reads every text file of the project, made by people; what is generated or installed is left out.
 *
 * @param root The folder to read.
 * @returns The files, by path.
 */
export function readTree(root: string = ROOT): Files {
  const files = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) visit(path);
      if (!entry.isFile() || SKIPPED_FILES.has(entry.name)) continue;
      if (SKIPPED_PATHS.some((start) => path.startsWith(start))) continue;
      const text = readFileSync(join(root, path), "utf8");
      if (!text.includes("\0")) files.set(path, text);
    }
  };
  visit("");
  return files;
}

/**
 * Picks files.
 *
 * @param files All of them.
 * @param wanted Tells by the path.
 * @returns Those that are wanted.
 */
export function pick(files: Files, wanted: (path: string) => boolean): Files {
  return new Map([...files].filter(([path]) => wanted(path)));
}
