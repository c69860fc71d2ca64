/**
 * What the kernel knows about a process that a test has started. Linux only.
 *
 * @module
 */
import process from "node:process";
import { type ChildProgram, runProgram } from "./child_program.ts";

/** Why these figures cannot be had here, or undefined when they can. */
export const noProcessStats: string | undefined = process.platform === "linux" ? undefined : "needs /proc";

/** What a process holds. */
export interface ProcessStats {
  /** Resident memory. */
  readonly residentBytes: number;
  /** How often its main thread has waited for something so far. */
  readonly waits: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/**
 * Looks at a process, by other programs: Deno lets nobody read what stands in `/proc` without every permission there is.
 *
 * @param program It runs.
 * @throws {Error} when it does not
 */
export async function processStats({ pid }: ChildProgram): Promise<ProcessStats> {
  const fields = "/^VmRSS:|^voluntary_ctxt_switches:/ { print $2 }";
  const script = `awk '${fields}' /proc/${pid}/status && ls /proc/${pid}/fd | wc -l`;
  const { program, code } = await runProgram(["sh", "-c", script]);
  const [kib = NaN, waits = NaN, descriptors = NaN] = program.out.map(Number);
  if (code !== 0 || !(kib > 0)) throw new Error(`Cannot look at process ${pid}: ${program.output()}`);
  return { residentBytes: kib * 1024, waits, descriptors };
}
