/**
 * Signals that ask the program to stop.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { Runtime, Signal } from "../runtime/types.ts";
import { EXIT } from "./exit.ts";

/** Something that runs and can be stopped. */
export interface Stoppable {
  /** Lets what is under way finish, within limits of its own, then ends. */
  stop(): Promise<void>;
  /** Settles when it is over; rejects when it ended by itself. @default it only ends when it is stopped */
  readonly closed?: Promise<void>;
}

/** Options of {@linkcode StopSignals}. */
export interface StopSignalsOptions {
  /** Hears signals. */
  readonly runtime: Runtime;
  /** Hears that a stop was asked for. */
  readonly logger: Logger;
}

const STOP_SIGNALS: readonly Signal[] = ["SIGINT", "SIGTERM"];

/**
 * Listens for signals from the moment it is made: the first one stops gracefully, a second one ends the process at once.
 *
 * @example
 * ```ts
 * import { loggerOrDefault } from "../log.ts";
 * import { runtime } from "../runtime/mod.ts";
 * import { StopSignals } from "./stop_signals.ts";
 *
 * const signals = new StopSignals({ runtime, logger: loggerOrDefault() });
 * await signals.wait({ stop: () => Promise.resolve(), closed: Promise.resolve() });
 * signals.close();
 * ```
 */
export class StopSignals {
  readonly #asked = Promise.withResolvers<void>();
  readonly #removers: readonly (() => void)[];
  #count = 0;

  /** @param options Runtime and logger. */
  constructor({ runtime, logger }: StopSignalsOptions) {
    this.#removers = STOP_SIGNALS.map((signal) =>
      runtime.onSignal(signal, () => {
        this.#count++;
        if (this.#count > 1) runtime.exit(EXIT.interrupted);
        logger.info("Stopping after {signal}; a second one ends at once", { signal });
        this.#asked.resolve();
      })
    );
  }

  /**
   * Waits until `running` ends by itself, or until a signal asks for it, and then stops it.
   *
   * @param running What runs.
   * @throws whatever `closed` rejects with.
   */
  async wait(running: Stoppable): Promise<void> {
    const asked = this.#asked.promise;
    await Promise.race(running.closed === undefined ? [asked] : [asked, running.closed]);
    if (this.#count > 0) await running.stop();
  }

  /** Stops listening. */
  close(): void {
    this.#removers.forEach((remove) => remove());
  }
}
