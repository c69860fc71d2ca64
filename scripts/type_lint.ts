/**
 * Finds promises that nobody waits for. It takes type information to see one, which `deno lint` does not have; oxlint asks
 * the TypeScript compiler. Rules: `.oxlintrc.json`. `tsconfig.json` exists for this alone; Deno goes by `deno.json`.
 *
 * @module
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { findDeno, ROOT, run, type RunResult } from "./tools.ts";

const TYPES = join("node_modules", ".cache", "ferrotunnel", "deno.d.ts");
const PATHS = ["mod.ts", "src", "tests", "scripts", "bench", "examples"];

/**
 * Lints a folder.
 *
 * @param root A folder with `tsconfig.json` and `node_modules`.
 * @param onLine Hears the findings.
 * @returns How the linter ended: code 0 when it found nothing.
 */
export async function typeLint(root: string = ROOT, onLine?: (line: string) => void): Promise<RunResult> {
  const deno = findDeno();
  const types = join(root, TYPES);
  mkdirSync(dirname(types), { recursive: true });
  const declared = await run([deno, "types"], { cwd: root, env: { NO_COLOR: "1" } });
  if (declared.code !== 0) return declared;
  writeFileSync(types, declared.output);
  const paths = PATHS.filter((path) => existsSync(join(root, path)));
  const linter = join(root, "node_modules", "oxlint", "bin", "oxlint");
  const options = [
    "--config",
    join(ROOT, ".oxlintrc.json"),
    "--type-aware",
    "--deny-warnings",
    "--format",
    "unix",
  ];
  return await run([deno, "run", "--allow-all", linter, ...options, ...paths], {
    cwd: root,
    env: { NO_COLOR: "1" },
    deadlineMs: 120_000,
    ...(onLine === undefined ? {} : { onLine }),
  });
}

if (import.meta.main) {
  const { code } = await typeLint(ROOT, console.log);
  process.exit(code === 0 ? 0 : 1);
}
