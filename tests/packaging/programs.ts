/**
 * The ways in which the program is made self-contained.
 *
 * @module
 */
import process from "node:process";
import { compileWithBun, compileWithDeno } from "../../scripts/compile.ts";
import { findOnPath, run, type RunResult } from "../../scripts/tools.ts";

const OFFLINE = "scripts/compile_offline.sh";

/** One way of compiling. */
export interface Packaging {
  /** Its name in test names. */
  readonly name: string;
  /** Why it cannot be tried here; undefined when it can. */
  readonly skip: string | undefined;
  /** Writes the program to `output`. */
  compile(output: string): Promise<RunResult>;
}

/** Every way that there is. */
export const PACKAGINGS: readonly Packaging[] = [
  { name: "bun build --compile", skip: undefined, compile: (output) => compileWithBun({ output }) },
  await denoPackaging(),
];

/** With the base program that the developer names, else with one from npm. */
async function denoPackaging(): Promise<Packaging> {
  const name = "deno compile";
  if (process.env["DENORT_BIN"] !== undefined) {
    return { name, skip: undefined, compile: (output) => compileWithDeno({ output }) };
  }
  return {
    name: `${name} (offline)`,
    skip: await offlineObstacle(),
    compile: (output) => run([OFFLINE, "--output", output]),
  };
}

async function offlineObstacle(): Promise<string | undefined> {
  if (process.platform !== "linux" || process.arch !== "x64") return "needs Linux on x64, or DENORT_BIN";
  if (findOnPath("npm") === undefined) return "needs npm, or DENORT_BIN";
  const { code } = await run([OFFLINE, "--fetch-only"], { deadlineMs: 180_000 });
  return code === 0 ? undefined : "npm could not fetch the base program";
}
