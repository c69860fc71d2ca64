/**
 * Which file imports which, and which may. A newcomer finds the way of a byte by reading the folders in the order of
 * {@linkcode LAYERS}.
 *
 * @module
 */
import { posix } from "node:path";
import { codeOf } from "./source.ts";
import type { Files } from "./tree.ts";

/** A folder or file of the program, and what it may import besides itself. */
interface Layer {
  /** What the path starts with, or is. */
  readonly at: string;
  /** Starts of the paths that it may import. */
  readonly from: readonly string[];
  /** Packages that it alone may import. */
  readonly packages?: readonly string[];
  /** Whether it may import what is named only when the program runs. */
  readonly dynamic?: true;
}

const BASE = [
  "src/errors.ts",
  "src/format_address.ts",
  "src/explain_file_error.ts",
  "src/clock.ts",
  "src/is_same.ts",
  "src/spawn.ts",
  "src/socket_duplex.ts",
  "src/log.ts",
  "src/version.ts",
  "src/observe/",
];
const TYPES = "src/runtime/types.ts";
const MUX = [...BASE, TYPES, "src/wire/"];
const TUNNEL = [...MUX, "src/mux/"];
const INGRESS = [...TUNNEL, "src/tunnel/", "src/http/", "src/plugins/"];

/** From left to right; the first whose `at` fits is a file's layer. */
export const LAYERS: readonly Layer[] = [
  { at: "src/errors.ts", from: [] },
  { at: "src/format_address.ts", from: [] },
  { at: "src/explain_file_error.ts", from: [] },
  { at: "src/clock.ts", from: [] },
  { at: "src/is_same.ts", from: [] },
  { at: "src/spawn.ts", from: [] },
  { at: "src/socket_duplex.ts", from: [] },
  { at: "src/log.ts", from: [], packages: ["@logtape/logtape"] },
  { at: "src/version.ts", from: ["deno.json"] },
  { at: "src/observe/", from: BASE },
  { at: TYPES, from: BASE },
  { at: "src/runtime/_import_module.ts", from: [], dynamic: true },
  { at: "src/trust/", from: [...BASE, TYPES] },
  { at: "src/runtime/", from: [...BASE, "src/trust/"] },
  { at: "src/wire/", from: ["src/errors.ts"] },
  { at: "src/http/", from: ["src/errors.ts"] },
  { at: "src/plugins/", from: [...BASE, "src/http/"] },
  { at: "src/mux/", from: MUX },
  { at: "src/tunnel/", from: [...TUNNEL, "src/http/", "src/plugins/types.ts", "src/trust/"] },
  { at: "src/ingress/", from: INGRESS },
  { at: "src/app/", from: [...INGRESS, "src/ingress/", "src/runtime/", "src/trust/"] },
  { at: "src/admin/", from: [...INGRESS, "src/ingress/"], packages: ["hono", "prom-client"] },
  {
    at: "src/config/",
    from: [
      ...BASE,
      TYPES,
      "src/wire/limits.ts",
      "src/http/host.ts",
      "src/plugins/",
      "src/trust/",
      "src/tunnel/options.ts",
      "src/tunnel/http_paths.ts",
      "src/tunnel/http_service.ts",
      "src/tunnel/live_limits.ts",
    ],
    packages: ["yaml", "zod"],
  },
  {
    at: "src/cli/",
    from: ["src/"],
    packages: ["commander", "@commander-js/extra-typings", "@logtape/logtape"],
  },
  { at: "src/main.ts", from: ["src/"] },
  { at: "mod.ts", from: ["src/"] },
];

const ROOTS = new Set(["mod.ts", "src/main.ts"]);

/**
 * Lists what a file imports and re-exports, types included.
 *
 * @param source TypeScript.
 * @returns The specifiers; `undefined` stands for a dynamic import of something that is no literal.
 */
export function importsOf(source: string): (string | undefined)[] {
  const code = codeOf(source, { keepStrings: true });
  const found: (string | undefined)[] = [];
  for (
    const match of code.matchAll(/(?:^|[;\n])\s*(?:import|export)\b[^'"`;()]*?\bfrom\s*["']([^"']+)["']/g)
  ) {
    found.push(match[1]);
  }
  for (const match of code.matchAll(/(?:^|[;\n])\s*import\s*["']([^"']+)["']/g)) found.push(match[1]);
  for (const match of code.matchAll(/\bimport\s*\(\s*(?:["']([^"']+)["']\s*[,)])?/g)) found.push(match[1]);
  return found;
}

/**
 * Finds imports against the direction.
 *
 * @param files The program's files.
 * @returns One line for each.
 */
export function findWrongImports(files: Files): string[] {
  const wrong: string[] = [];
  for (const [path, source] of files) {
    const layer = LAYERS.find(({ at }) => at.endsWith("/") ? path.startsWith(at) : path === at);
    if (layer === undefined) {
      wrong.push(`${path}: belongs to no layer`);
      continue;
    }
    for (const specifier of importsOf(source)) {
      const reason = specifier !== undefined
        ? refusal(path, specifier, layer)
        : layer.dynamic === true
        ? undefined
        : "an import that is no literal";
      if (reason !== undefined) wrong.push(`${path}: ${reason}`);
    }
  }
  return wrong;
}

function refusal(path: string, specifier: string, layer: Layer): string | undefined {
  if (specifier.startsWith(".")) {
    const target = resolve(path, specifier);
    if (ROOTS.has(target)) return `imports the root ${target}`;
    const inside = layer.at.endsWith("/") && target.startsWith(layer.at);
    return inside || layer.from.some((start) => target.startsWith(start))
      ? undefined
      : `may not import ${target}`;
  }
  if (specifier.startsWith("node:")) {
    return layer.at === "src/wire/" ? `may not import ${specifier}` : undefined;
  }
  const owned = (layer.packages ?? []).some((name) => specifier === name || specifier.startsWith(`${name}/`));
  return owned ? undefined : `may not import the package ${specifier}`;
}

/**
 * Finds imports that lead back to where they started.
 *
 * @param files The program's files.
 * @returns One line for each file at which a circle closes.
 */
export function findCycles(files: Files): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(" -> "));
    if (start >= 0 || done.has(path)) return;
    for (const specifier of importsOf(files.get(path) ?? "")) {
      if (specifier?.startsWith(".")) visit(resolve(path, specifier), [...trail, path]);
    }
    done.add(path);
  };
  for (const path of files.keys()) visit(path, []);
  return cycles;
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier);
}
