import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { pick, readTree } from "./tree.ts";

const tree = readTree();
const document = tree.get("docs/security.md") ?? "";
const tests = pick(tree, (path) => path.startsWith("tests/") && path.endsWith("_test.ts"));

/** Rows that must be there, by family. */
const FAMILIES = { F: 34, H: 16, W: 33, P: 20 };

interface Claim {
  readonly row: string;
  readonly path: string;
  readonly title: string;
}

/** `- **F1** What happens.` and, below it, `  [file](../tests/…) \`title\``. */
function claimsOf(text: string): Claim[] {
  const claims: Claim[] = [];
  let row = "";
  for (const line of text.split("\n")) {
    row = /^- \*\*([A-Z]\d+)\*\* /.exec(line)?.[1] ?? row;
    const shown = /^ {2}\[[^\]]+\]\(\.\.\/(tests\/[^)]+)\) `([^`]+)`$/.exec(line);
    if (shown !== null) claims.push({ row, path: shown[1] ?? "", title: shown[2] ?? "" });
  }
  return claims;
}

/** Every literal that is the first argument of a call, its variable parts as `…`. */
function titlesOf(source: string): Set<string> {
  const literal = /\b[a-z]\w*\(\s*(?:`((?:[^`\\]|\\.)*)`|"((?:[^"\\]|\\.)*)")/g;
  return new Set(
    [...source.matchAll(literal)].map(([, template, text]) =>
      (template?.replace(/\$\{[^}]*\}/g, "…") ?? text ?? "").replace(/\s+/g, " ").replaceAll("`", "'")
    ),
  );
}

/** Claims whose test is not in its file. */
function findMissing(claims: readonly Claim[], files: ReadonlyMap<string, string>): string[] {
  return claims
    .filter(({ path, title }) => !titlesOf(files.get(path) ?? "").has(title))
    .map(({ row, path, title }) => `${row}: ${path} has no test "${title}"`);
}

test("Every test that docs/security.md names is in the file that it names", () => {
  const claims = claimsOf(document);
  assert.ok(claims.length > 150, `only ${claims.length} tests are named`);
  assert.deepEqual(findMissing(claims, tests), []);
});

test("docs/security.md has every row once, in order, with a test for each", () => {
  const rows = [...document.matchAll(/^- \*\*([A-Z]\d+)\*\* /gm)].map((match) => match[1] ?? "");
  assert.equal(new Set(rows).size, rows.length, "no row twice");
  for (const [family, count] of Object.entries(FAMILIES)) {
    const expected = Array.from({ length: count }, (_, index) => `${family}${index + 1}`);
    assert.deepEqual(rows.filter((row) => row.startsWith(family)), expected);
  }
  const shown = new Set(claimsOf(document).map(({ row }) => row));
  assert.deepEqual(rows.filter((row) => !shown.has(row)), []);
});

test("A test that is not there is found", () => {
  const text = "- **F1** What happens.\n  [a_test.ts](../tests/a_test.ts) `F1: one … two`\n";
  const claims = claimsOf(text);
  assert.deepEqual(claims, [{ row: "F1", path: "tests/a_test.ts", title: "F1: one … two" }]);
  assert.deepEqual(
    findMissing(claims, new Map([["tests/a_test.ts", "test(`F1: one ${1} two`, () => {});"]])),
    [],
  );
  assert.equal(findMissing(claims, new Map([["tests/a_test.ts", 'test("F1: one", () => {});']])).length, 1);
  assert.equal(findMissing(claims, new Map()).length, 1);
});
