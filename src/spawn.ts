/**
 * Work that nobody awaits.
 *
 * @module
 */

/**
 * Starts a task whose end nobody waits for. A failure goes to `onError`, never unnoticed.
 *
 * @param task The work.
 * @param onError Told of a failure; must not throw.
 *
 * @example
 * ```ts
 * import { spawn } from "./spawn.ts";
 *
 * spawn(async () => await Promise.reject(new Error("no")), (error) => console.error(error));
 * ```
 */
export function spawn(task: () => Promise<void>, onError: (error: unknown) => void): void {
  task().catch(onError);
}
