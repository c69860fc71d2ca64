/**
 * Modules that are named while the program runs.
 *
 * @module
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** Loads a module from a file. @param path Relative to the working directory. */
export async function importModule(path: string): Promise<unknown> {
  const url = pathToFileURL(resolve(path)).href;
  const module: unknown = await import(url);
  return module;
}
