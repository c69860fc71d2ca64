import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { findCycles, findWrongImports, importsOf } from "./imports.ts";
import { pick, readTree } from "./tree.ts";

const program = pick(
  readTree(),
  (path) => path.endsWith(".ts") && (path.startsWith("src/") || path === "mod.ts"),
);

test("the program's imports go one way", () => {
  assert.ok(program.size > 10);
  assert.deepEqual(findWrongImports(program), []);
});

test("the program's imports make no circle", () => {
  assert.deepEqual(findCycles(program), []);
});

test("importsOf() finds every form and no commented or quoted one", () => {
  const source = [
    'import a, { type B } from "./a.ts";',
    "import {\n  c,\n} from './c.ts';",
    'import type { D } from "./d.ts"; import "./e.ts";',
    'export { f } from "./f.ts";',
    'export * from "./g.ts";',
    'const h = await import("./h.ts");',
    "const i = await import(name);",
    '// import j from "./j.ts";',
    '/* \n import k from "./k.ts"; */',
    "const text = \"import l from './l.ts'\";",
    'export const from = "x";',
    'import m from "./m.json" with { type: "json" };',
  ].join("\n");
  assert.deepEqual(
    importsOf(source).map((specifier) => specifier ?? "?").sort(),
    ["./a.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts", "./h.ts", "./m.json", "?"],
  );
});

test("findWrongImports() refuses each kind of wrong import", () => {
  const wrong: [string, string][] = [
    ["src/errors.ts", "./clock.ts"],
    ["src/wire/a.ts", "../clock.ts"],
    ["src/wire/a.ts", "node:net"],
    ["src/wire/a.ts", "../mux/b.ts"],
    ["src/mux/a.ts", "../runtime/deno.ts"],
    ["src/mux/a.ts", "../tunnel/b.ts"],
    ["src/tunnel/a.ts", "../runtime/bun.ts"],
    ["src/tunnel/a.ts", "../ingress/b.ts"],
    ["src/tunnel/a.ts", "zod"],
    ["src/ingress/a.ts", "../runtime/deno.ts"],
    ["src/ingress/a.ts", "hono"],
    ["src/config/a.ts", "../tunnel/server.ts"],
    ["src/config/a.ts", "commander"],
    ["src/admin/a.ts", "../cli/b.ts"],
    ["src/cli/a.ts", "hono/jsx"],
    ["src/cli/a.ts", "yaml"],
    ["src/cli/a.ts", "../main.ts"],
    ["src/observe/a.ts", "prom-client"],
    ["src/runtime/a.ts", "../mux/b.ts"],
    ["src/newcomer/a.ts", "../errors.ts"],
  ];
  for (const [path, specifier] of wrong) {
    const found = findWrongImports(new Map([[path, `import type { x } from "${specifier}";`]]));
    assert.equal(found.length, 1, `${path} imports ${specifier}`);
  }
  const right: [string, string][] = [
    ["src/wire/a.ts", "../errors.ts"],
    ["src/mux/a.ts", "../runtime/types.ts"],
    ["src/mux/a.ts", "./b.ts"],
    ["src/ingress/http/a.ts", "../../tunnel/b.ts"],
    ["src/admin/a.ts", "hono/secure-headers"],
    ["src/config/a.ts", "../tunnel/options.ts"],
    ["mod.ts", "./src/tunnel/b.ts"],
  ];
  for (const [path, specifier] of right) {
    assert.deepEqual(findWrongImports(new Map([[path, `import { x } from "${specifier}";`]])), []);
  }
});

test("findCycles() finds circles of one, two and three files", () => {
  const importing = (specifier: string): string => `import { x } from "${specifier}";`;
  assert.equal(findCycles(new Map([["src/a.ts", importing("./a.ts")]])).length, 1);
  assert.equal(
    findCycles(new Map([["src/a.ts", importing("./b/c.ts")], ["src/b/c.ts", importing("../a.ts")]])).length,
    1,
  );
  const three = new Map([
    ["src/a.ts", importing("./b.ts")],
    ["src/b.ts", importing("./c.ts")],
    ["src/c.ts", importing("./b.ts")],
  ]);
  assert.deepEqual(findCycles(three), ["src/b.ts -> src/c.ts -> src/b.ts"]);
});
