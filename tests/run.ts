/**
 * Runs every check and every test of the project: `deno task test [FILTER…]`. With filters only the checks and the
 * test files run whose names contain one of them. The last line is `N passed, N failed, N skipped`; each check counts as one test.
 *
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import process from "node:process";
import { closingLine, type Runner, sumOf, type Tally, tallyOf } from "../scripts/summary.ts";
import { DENO_VARIABLE, findBun, findDeno, ROOT, run, type RunOptions } from "../scripts/tools.ts";
import { typeLint } from "../scripts/type_lint.ts";

const CHECK_DEADLINE_MS = 180_000;
const TESTS_DEADLINE_MS = process.env["FERROTUNNEL_LONG"] === "1" ? 3_600_000 : 720_000;

const SOURCES = ["mod.ts", "src", "tests", "scripts", "bench", "examples"];

/** What the tests need: sockets, the tree and temporary folders, the environment, and programs to start. */
const TEST_PERMISSIONS = ["net", "read", "write", "env", "run", "sys"].map((name) => `--allow-${name}`);

interface Check {
  readonly name: string;
  run(options: RunOptions): Promise<{ code: number }>;
}

function say(line: string): void {
  console.log(line);
}

function checks(): Check[] {
  const deno = findDeno();
  const sources = SOURCES.filter((path) => existsSync(join(ROOT, path)));
  const check = (name: string, args: string[]): Check => ({
    name,
    run: (options) => run([deno, ...args], options),
  });
  // On a developer's machine a new dependency is taken into the lock file; in CI the lock file must know it already.
  const frozen = process.env["CI"] === undefined ? [] : ["--frozen"];
  return [
    check("dependencies", ["install", "--quiet", ...frozen]),
    check("format", ["fmt", "--check"]),
    check("lint", ["lint"]),
    check("types", ["check", ...sources]),
    check("documentation", ["doc", "--lint", "mod.ts"]),
    { name: "type-aware lint", run: ({ onLine }) => typeLint(ROOT, onLine) },
  ];
}

async function runCheck(check: Check): Promise<Tally> {
  const startedAt = performance.now();
  const { code } = await check.run({ env: { NO_COLOR: "1" }, deadlineMs: CHECK_DEADLINE_MS, onLine: say });
  const passed = code === 0;
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  say(`check: ${check.name} ... ${passed ? "ok" : "FAILED"} (${seconds} s)\n`);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, skips: [] };
}

/** Whether a name contains one of the filters; without filters every name does. */
function isChosen(name: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some((filter) => name.includes(filter));
}

function testFiles(filters: readonly string[]): string[] {
  return readdirSync(join(ROOT, "tests"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("_test.ts"))
    .map((path) => `tests/${path.split(sep).join("/")}`)
    .filter((path) => isChosen(path, filters))
    .sort();
}

async function runTests(runner: Runner, files: readonly string[]): Promise<Tally> {
  const deno = findDeno();
  const command = runner === "deno"
    ? [deno, "test", "--no-check", "--no-prompt", ...TEST_PERMISSIONS, ...files]
    : [findBun(), "test", ...files.map((path) => `./${path}`)];
  say(`${runner} test, ${files.length} files`);
  const result = await run(command, {
    env: { NO_COLOR: "1", [DENO_VARIABLE]: deno },
    deadlineMs: TESTS_DEADLINE_MS,
    onLine: say,
  });
  const tally = tallyOf(runner, result);
  say(`${runner} test: ${closingLine(tally)} (exit code ${result.code})\n`);
  return tally;
}

async function main(filters: readonly string[]): Promise<number> {
  const tallies: Tally[] = [];
  for (const check of checks()) {
    if (isChosen(check.name, filters)) tallies.push(await runCheck(check));
  }
  const files = testFiles(filters);
  if (files.length > 0) {
    for (const runner of ["deno", "bun"] as const) tallies.push(await runTests(runner, files));
  }
  const total = sumOf(tallies);
  if (total.skips.length > 0) say(`Skipped:\n${total.skips.map((name) => `  ${name}`).join("\n")}\n`);
  const ranNothing = total.passed + total.failed === 0;
  if (ranNothing) {
    say(
      `No check and no test file under ${relative(process.cwd(), ROOT) || "."} has ${
        filters.join(", ")
      } in its name`,
    );
  }
  say(closingLine(total));
  return total.failed > 0 || ranNothing ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
