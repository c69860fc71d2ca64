/**
 * Builds the load in C, once for each state of its sources.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findOnPath, ROOT, run } from "../scripts/tools.ts";

const SOURCES = join(ROOT, "bench", "load");

/** Beside what else can be made again. */
const CACHE = join(ROOT, "node_modules", ".cache", "ferrotunnel-bench");

/**
 * Builds the load, or finds what was built before.
 *
 * @returns The program; undefined where there is no compiler, or no Linux.
 */
export async function buildInC(): Promise<string | undefined> {
  const compiler = findOnPath("cc");
  // The C load waits with epoll, which only Linux has.
  if (compiler === undefined || process.platform !== "linux") return undefined;
  const names = readdirSync(SOURCES).filter((name) => /\.[ch]$/.test(name)).sort();
  const program = join(CACHE, `load-${stateOf(names)}`);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  // Others may build at the same time; a program appears whole or not at all.
  const unfinished = `${program}.${process.pid}`;
  const sources = names.filter((name) => name.endsWith(".c")).map((name) => join(SOURCES, name));
  const { code } = await run([compiler, "-O2", "-pthread", "-o", unfinished, ...sources]);
  if (code !== 0) return undefined;
  renameSync(unfinished, program);
  return program;
}

/** Changes with the sources, and with the machine that the folder may be shared with. */
function stateOf(names: readonly string[]): string {
  const hash = createHash("sha256").update(`${process.arch} ${release()}`);
  for (const name of names) hash.update(name).update(readFileSync(join(SOURCES, name)));
  return hash.digest("hex").slice(0, 16);
}
