/**
 * Checks of everything that is written in the project, prose and code alike.
 *
 * @module
 */
import type { Files } from "./tree.ts";

// Put together from parts, so that this file does not find itself.
const UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" + "XX"];
const HOME_FOLDERS = ["home", "Users", "root", "work"];
const REGISTRIES: readonly (readonly string[])[] = [
  ["registry", "npmjs", "org"],
  ["registry", "yarnpkg", "com"],
  ["npm", "jsr", "io"],
  ["static", "crates", "io"],
  ["index", "crates", "io"],
  ["pypi", "org"],
  ["files", "pythonhosted", "org"],
  ["proxy", "golang", "org"],
  ["deb", "debian", "org"],
  ["repo1", "maven", "org"],
  ["repo", "maven", "apache", "org"],
];

/**
 * Finds notes about work that is left.
 *
 * @param files Files.
 * @returns One line for each.
 */
export function findUnfinished(files: Files): string[] {
  return grep(files, new RegExp(`\\b(?:${UNFINISHED.join("|")})\\b`));
}

/**
 * Finds paths that exist on one developer's machine only.
 *
 * @param files Files.
 * @returns One line for each.
 */
export function findMachinePaths(files: Files): string[] {
  const unix = `(?<![\\w.:/~*$}-])/(?:${HOME_FOLDERS.join("|")})/[\\w.-]`;
  return grep(files, new RegExp(`${unix}|\\b[A-Za-z]:\\\\+Users\\\\`));
}

/**
 * Finds names of package registries' hosts: which registry is asked is the machine's affair.
 *
 * @param files Files.
 * @returns One line for each.
 */
export function findRegistryHosts(files: Files): string[] {
  return grep(files, new RegExp(REGISTRIES.map((labels) => labels.join("\\.")).join("|"), "i"));
}

function grep(files: Files, pattern: RegExp): string[] {
  const found: string[] = [];
  for (const [path, text] of files) {
    text.split("\n").forEach((line, index) => {
      const match = pattern.exec(line);
      if (match !== null) found.push(`${path}:${index + 1}: ${match[0]}`);
    });
  }
  return found;
}
