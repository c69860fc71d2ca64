/**
 * Notices that files have changed, and has somebody take what they hold now.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import { describeError } from "../errors.ts";
import type { Logger } from "../log.ts";

/** Options of {@linkcode FileReload}. */
export interface FileReloadOptions<Content> {
  /** What the files are, for the log, such as "TLS files". */
  readonly what: string;
  /** What the files held when they were read last. Compared as JSON. */
  readonly content: Content;
  /** Reads them. Rejects when they cannot be used. */
  readonly read: () => Promise<Content>;
  /** Takes what they hold. Throws when it cannot be used; then nothing has changed. */
  readonly take: (content: Content) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * How often the files are looked at. They are read whole: they are small, and neither a time of change nor a watch of the
 * system is right for every way in which files are replaced, such as links to a new folder.
 */
export const RELOAD_CHECK_MS = 10_000;

/**
 * Looks at the files every ten seconds, and whenever it is asked to. What cannot be used changes nothing and is said once;
 * when nobody asked, only when it is still so the next time: a certificate and its key are two files, replaced one after the other.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { FileReload } from "./file_reload.ts";
 *
 * async function keepUp(read: () => Promise<string>, take: (text: string) => void): Promise<void> {
 *   const common = { what: "list", logger: loggerOrDefault(), clock: systemClock };
 *   const reload = new FileReload({ ...common, content: await read(), read, take });
 *   await reload.now();
 *   reload.close();
 * }
 * ```
 */
export class FileReload<Content> {
  readonly #options: FileReloadOptions<Content>;
  /** What is in use. */
  #current: string;
  /** Why the files could not be used the last time. */
  #reason = "";
  #said = "";
  /** The last look, which never rejects; the next one waits for it. */
  #looking: Promise<void> = Promise.resolve();
  #cancelTimer: CancelTimer = () => {};
  #closed = false;

  /** @param options What to look at, and who takes it. Begins to look. */
  constructor(options: FileReloadOptions<Content>) {
    this.#options = options;
    this.#current = JSON.stringify(options.content);
    this.#later();
  }

  /** Looks now. Resolves when what was found is in use, or was said to be of no use. */
  now(): Promise<void> {
    return this.#looking = this.#looking.then(() => this.#look({ asked: true }));
  }

  /** Looks no more. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #later(): void {
    if (this.#closed) return;
    this.#cancelTimer = this.#options.clock.setTimer(() => {
      this.#looking = this.#looking.then(() => this.#look({ asked: false })).then(() => this.#later());
    }, RELOAD_CHECK_MS);
  }

  async #look({ asked }: { asked: boolean }): Promise<void> {
    const { what, read, take, logger } = this.#options;
    try {
      const content = await read();
      const text = JSON.stringify(content);
      if (this.#closed) return;
      if (text !== this.#current) {
        take(content);
        this.#current = text;
        logger.info("The {what} have changed, and are in use", { what });
      }
      this.#reason = this.#said = "";
    } catch (error) {
      const reason = describeError(error);
      const again = reason === this.#reason;
      this.#reason = reason;
      if (!asked && (!again || reason === this.#said)) return;
      this.#said = reason;
      logger.error("The {what} cannot be used, and the former ones stay: {reason}", { what, reason });
    }
  }
}
