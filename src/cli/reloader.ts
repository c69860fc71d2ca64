/**
 * Reads the configuration of a program that runs again, on SIGHUP and when the admin endpoint is asked to.
 *
 * @module
 */
import type { ReloadOutcome } from "../admin/mod.ts";
import { type ConfigChange, type Configured, describeChange, type Role } from "../config/mod.ts";
import type { Logger } from "../log.ts";
import type { Runtime } from "../runtime/types.ts";
import { spawn } from "../spawn.ts";
import { errorLines } from "./exit.ts";

/** Options of a {@linkcode Reloader}. */
export interface ReloaderOptions {
  /** Hears SIGHUP. */
  readonly runtime: Runtime;
  /** Hears what has changed, or why nothing has. */
  readonly logger: Logger;
  /** Reads the configuration and has the program take it. Rejects when it cannot be used; then nothing has changed. */
  readonly reload: () => Promise<readonly ConfigChange[]>;
}

/**
 * Reads it again whenever it is asked to, once at a time.
 *
 * @example
 * ```ts
 * import { loggerOrDefault } from "../log.ts";
 * import { runtime } from "../runtime/mod.ts";
 * import { Reloader } from "./reloader.ts";
 *
 * const reload = () => Promise.resolve([{ type: "token_removed", name: "old" } as const]);
 * const reloader = new Reloader({ runtime, logger: loggerOrDefault(), reload });
 * console.log(await reloader.now()); // { ok: true, changes: [ … "Token old was removed" … ] }
 * reloader.close();
 * ```
 */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #removeSignal: () => void;
  /** The last one, which never rejects; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param options How to do it, and who is told. Listens for SIGHUP from now on. */
  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#removeSignal = options.runtime.onSignal("SIGHUP", () => {
      spawn(async () => void await this.now(), () => {});
    });
  }

  /** Reads it now. Never rejects. */
  now(): Promise<ReloadOutcome> {
    const outcome = this.#last.then(() => this.#reload());
    this.#last = outcome;
    return outcome;
  }

  /** Listens no more. */
  close(): void {
    this.#removeSignal();
  }

  async #reload(): Promise<ReloadOutcome> {
    const { logger, reload } = this.#options;
    try {
      const changes = (await reload()).map((change) => ({ ...change, text: describeChange(change) }));
      for (const { type, text } of changes) {
        if (type === "needs_restart") logger.warn("Reload: {text}", { text });
        else logger.info("Reload: {text}", { text });
      }
      if (changes.length === 0) logger.info("Reload: nothing has changed");
      return { ok: true, changes };
    } catch (error) {
      const problems = errorLines(error);
      for (const text of problems) logger.error("Reload: nothing was changed: {text}", { text });
      return { ok: false, problems };
    }
  }
}

/**
 * What differs from the last configuration that was taken; what only a restart can change, from the first one.
 *
 * @param started The configuration of the start.
 * @param current The last one that was taken.
 * @param wanted The new one.
 * @param diff Compares two.
 */
// Four of a kind: an object would name them a second time.
export function changesSince<R extends Role>(
  started: Configured<R>,
  current: Configured<R>,
  wanted: Configured<R>,
  diff: (before: Configured<R>, after: Configured<R>) => ConfigChange[],
): ConfigChange[] {
  return [
    ...diff(current, wanted).filter(({ type }) => type !== "needs_restart"),
    ...diff(started, wanted).filter(({ type }) => type === "needs_restart"),
  ];
}
