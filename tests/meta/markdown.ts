/**
 * Checks of the links between Markdown files.
 *
 * @module
 */
import { posix } from "node:path";
import type { Files } from "./tree.ts";

/**
 * Lists the links of a Markdown text, images included, code left out.
 *
 * @param text Markdown.
 * @returns Their targets.
 */
export function linksOf(text: string): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const references = [...prose.matchAll(/^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)/gm)];
  return [...inline, ...references].map((match) => match[1] ?? "");
}

/**
 * Lists the anchors of a Markdown text: its headings, as code hosts write them in links.
 *
 * @param text Markdown.
 * @returns The anchors, without `#`.
 */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const match of text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = (match[1] ?? "").toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
    let unique = slug;
    for (let count = 1; anchors.has(unique); count++) unique = `${slug}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/**
 * Finds links to files and headings that do not exist.
 *
 * @param files Every file of the project.
 * @returns One line for each.
 */
export function findBrokenLinks(files: Files): string[] {
  const folders = new Set([...files.keys()].flatMap((path) => parentsOf(path)));
  const broken: string[] = [];
  for (const [path, text] of files) {
    if (!path.endsWith(".md")) continue;
    for (const link of linksOf(text)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(link)) continue;
      const [file = "", anchor] = link.split("#");
      const target = file === ""
        ? path
        : posix.join(posix.dirname(path), decodeURIComponent(file)).replace(/\/$/, "");
      const content = files.get(target);
      if (content === undefined && !folders.has(target)) broken.push(`${path}: ${link} does not exist`);
      else if (anchor !== undefined && target.endsWith(".md") && !anchorsOf(content ?? "").has(anchor)) {
        broken.push(`${path}: ${link} has no such heading`);
      }
    }
  }
  return broken;
}

/**
 * Finds documents that the README does not lead to.
 *
 * @param files Every file of the project.
 * @returns One line for each.
 */
export function findUnlinkedDocuments(files: Files): string[] {
  const readme = files.get("README.md");
  if (readme === undefined) return ["README.md: does not exist"];
  const linked = new Set(linksOf(readme).map((link) => posix.normalize(link.split("#")[0] ?? "")));
  return [...files.keys()]
    .filter((path) => path.startsWith("docs/") && path.endsWith(".md") && !linked.has(path))
    .map((path) => `${path}: README.md has no link to it`);
}

function withoutCode(text: string): string {
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, "").replace(/(`+)[^`\n][\s\S]*?\1/g, "");
}

function parentsOf(path: string): string[] {
  const parent = posix.dirname(path);
  return parent === "." ? ["."] : [parent, ...parentsOf(parent)];
}
