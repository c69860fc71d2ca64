import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { findLongFiles, findRuntimeNames, findUnexplainedSilencers } from "./code_checks.ts";
import { findBrokenLinks, findUnlinkedDocuments } from "./markdown.ts";
import { findMachinePaths, findRegistryHosts, findUnfinished } from "./text_checks.ts";
import { type Files, pick, readTree } from "./tree.ts";

const tree = readTree();
const code = pick(tree, (path) => path.endsWith(".ts"));
const program = pick(code, (path) => path.startsWith("src/") || path === "mod.ts");
const documents = pick(tree, (path) => path.endsWith(".md"));

/** Each check, what it is run on, samples it must find something in, and samples it must find nothing in. */
const CHECKS: {
  name: string;
  find: (files: Files) => string[];
  files: Files;
  bad: [path: string, text: string][];
  good: [path: string, text: string][];
}[] = [
  {
    name: "runtime names stand in src/runtime and the roots only",
    find: findRuntimeNames,
    files: program,
    bad: [
      ["src/mux/a.ts", "await Deno.open(path);"],
      ["src/mux/a.ts", "const text = `${Bun.version}`;"],
      ["src/mux/a.ts", "globalThis.Deno.exit();"],
      ["src/mux/a.ts", "const a = b / 2; Deno.exit(); // /"],
      ["src/mux/a.ts", "globalThis.Bun?.gc(true);"],
      ["src/mux/a.ts", 'Bun["gc"](true);'],
      ["src/cli/a.ts", 'const pattern = /["`]/; Deno.exit();'],
    ],
    good: [
      ["src/mux/a.ts", "// Deno.open reads\n/* Bun.listen\n * Deno.exit */"],
      ["src/mux/a.ts", 'const text = "Deno.open" + `Bun.${x}`;'],
      ["src/mux/a.ts", "myDeno.open(); this.Bun.x();"],
      ["src/runtime/deno.ts", "Deno.open(path);"],
      ["src/main.ts", "Deno.exit();"],
    ],
  },
  {
    name: "no file has more than 400 lines",
    find: findLongFiles,
    files: code,
    bad: [["a.ts", "x\n".repeat(401)], ["a.ts", "x\n".repeat(400) + "x"]],
    good: [["a.ts", "x\n".repeat(400)]],
  },
  {
    name: "comments that silence a tool say why",
    find: findUnexplainedSilencers,
    files: code,
    bad: [
      ["a.ts", "// deno-lint-ignore no-explicit-any"],
      ["a.ts", "f();\n// deno-lint-ignore-file"],
      ["a.ts", "// deno-lint-ignore no-explicit-any -- no"],
      ["a.ts", "/* oxlint-disable */"],
      ["a.ts", "// @ts-ignore"],
      ["a.ts", "// @ts-expect-error: no"],
      ["a.ts", "// deno-fmt-ignore"],
    ],
    good: [
      ["a.ts", "// deno-lint-ignore no-explicit-any -- the package's types say so"],
      ["a.ts", "// @ts-expect-error a string must be refused here"],
      ["a.ts", 'const text = "// deno-lint-ignore x";'],
    ],
  },
  {
    name: "nothing is marked as unfinished",
    find: findUnfinished,
    files: tree,
    bad: [["a.ts", "// TO" + "DO: later"], ["a.md", "FIX" + "ME"], ["a.sh", "# X" + "XX"]],
    good: [["a.ts", "const XXXX = 1; // todos"]],
  },
  {
    name: "nothing names a path of one developer's machine",
    find: findMachinePaths,
    files: tree,
    bad: [
      ["a.ts", 'open("/ho' + 'me/someone/x")'],
      ["a.md", "see /Us" + "ers/someone"],
      ["a.sh", "cd /ro" + "ot/x"],
      ["a.sh", "/wo" + "rk/main"],
      ["a.ts", '"C:\\\\Us' + 'ers\\\\someone"'],
    ],
    good: [["a.ts", '"/usr/local/bin"; "./work/x"; "https://example.com/home/x"']],
  },
  {
    name: "nothing names a package registry's host",
    find: findRegistryHosts,
    files: tree,
    bad: [["a.ts", "https://registry.npm" + "js.org/x"], ["Dockerfile", "RUN curl deb.debian" + ".org"]],
    good: [["a.ts", '"npm:hono@4"'], ["a.md", "the npm registry"]],
  },
  {
    name: "links between documents lead somewhere",
    find: findBrokenLinks,
    files: tree,
    bad: [
      ["README.md", "[a](docs/none.md)"],
      ["README.md", "[a][b]\n\n[b]: none.md"],
      ["README.md", "![a](none.png)"],
      ["README.md", "# One\n[a](#two)"],
      ["docs/a.md", "[a](README.md)"],
    ],
    good: [
      ["README.md", "# One & two\n[a](#one--two) [b](https://example.com/x) [c](./README.md#one--two)"],
      ["README.md", "```\n[a](none.md)\n```\n`[a](none.md)`"],
    ],
  },
  {
    name: "README.md leads to every document",
    find: findUnlinkedDocuments,
    files: tree,
    bad: [["docs/a.md", "# A"]],
    good: [["README.md", "# Read me"]],
  },
];

for (const { name, find, files, bad, good } of CHECKS) {
  test(`${name}`, () => {
    assert.ok(files.size > 0);
    assert.deepEqual(find(files), []);
  });

  test(`the check that ${name} finds what it is for`, () => {
    for (const [path, text] of bad) assert.notDeepEqual(find(new Map([[path, text]])), [], text);
    for (const [path, text] of good) assert.deepEqual(find(new Map([[path, text]])), [], text);
  });
}

test("findUnlinkedDocuments() asks for a link from the README itself", () => {
  const linked: Files = new Map([["README.md", "[a](docs/a.md)"], ["docs/a.md", "[b](b.md)"], [
    "docs/b.md",
    "",
  ]]);
  assert.deepEqual(findUnlinkedDocuments(linked), ["docs/b.md: README.md has no link to it"]);
});

test("the tree that is checked has code, documents and scripts, and nothing that is installed", () => {
  assert.ok(code.size > 20);
  assert.ok(documents.size > 0);
  assert.ok(tree.has("deno.json"));
  assert.ok([...tree.keys()].every((path) => !path.includes("node_modules/") && !path.startsWith(".git/")));
});
