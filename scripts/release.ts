/**
 * Makes the files of a release, under the names that `install.sh` asks for: for each target `ferrotunnel-TARGET` and
 * `ferrotunnel-TARGET.sha256` in `dist/release/`.
 *
 *     deno run -A scripts/release.ts [TARGET...]
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { compileWithBun } from "./compile.ts";
import { ROOT } from "./tools.ts";

const TARGETS = [
  "linux-x64",
  "linux-arm64",
  "linux-x64-musl",
  "linux-arm64-musl",
  "darwin-x64",
  "darwin-arm64",
];

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((target) => !TARGETS.includes(target));
  if (unknown.length > 0) {
    console.error(`Unknown target ${unknown.join(", ")}; known are ${TARGETS.join(", ")}`);
    return 2;
  }
  for (const target of wanted.length > 0 ? wanted : TARGETS) {
    const name = `ferrotunnel-${target}`;
    const output = join(ROOT, "dist", "release", name);
    const { code } = await compileWithBun({ output, target: `bun-${target}`, onLine: console.log });
    if (code !== 0) return 1;
    const sum = createHash("sha256").update(readFileSync(output)).digest("hex");
    writeFileSync(`${output}.sha256`, `${sum}  ${name}\n`);
    console.log(`${sum}  ${name}`);
  }
  return 0;
}

process.exit(await main(process.argv.slice(2)));
