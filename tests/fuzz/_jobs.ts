/**
 * Several processes that fuzz beside one another, each from a seed of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import process from "node:process";

/**
 * Starts this program as many times, with the same options but for the seed, and lets each print its own figures.
 *
 * @param jobs How many.
 * @param seed Of the first one; each further one has the next.
 * @returns 0, or what the first one that failed ended with
 */
export async function runJobs(jobs: number, seed: number): Promise<number> {
  const options = process.argv.slice(2);
  const codes = Array.from({ length: jobs }, (_, job) => {
    const own = [...options, "--jobs", "1", "--seed", `${seed + job}`]; // The last of several counts.
    const child = spawn(process.execPath, [...runtimeOptions(), process.argv[1] ?? "", ...own], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    return new Promise<number>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (code) => resolve(code ?? 1));
    });
  });
  return (await Promise.all(codes)).find((code) => code !== 0) ?? 0;
}

function runtimeOptions(): string[] {
  const isDeno = "Deno" in globalThis;
  return isDeno ? ["run", "--no-check", "--allow-read", "--allow-env", "--allow-sys"] : ["run"];
}
