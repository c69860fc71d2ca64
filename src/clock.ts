/**
 * Time as a value, so that everything that waits or measures can be tested without waiting.
 *
 * @module
 */

/** Ends a timer early. Calling it twice, or after the timer fired, does nothing. */
export type CancelTimer = () => void;

/** A monotonic clock with timers. */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary origin; fractions count. */
  now(): number;
  /** Milliseconds since the epoch, by the wall clock; may jump. Only for timestamps that are shown or sent. */
  wall(): number;
  /** Calls `callback` once, `delayMs` from now. */
  setTimer(callback: () => void, delayMs: number): CancelTimer;
}

/**
 * The clock of the machine. Immune to changes of the wall clock.
 *
 * @example
 * ```ts
 * import { systemClock } from "./clock.ts";
 *
 * const startedAt = systemClock.now();
 * const cancel = systemClock.setTimer(() => console.log("late"), 1000);
 * cancel();
 * console.log(systemClock.now() - startedAt);
 * ```
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(callback, delayMs): CancelTimer {
    const id = setTimeout(callback, delayMs);
    return () => clearTimeout(id);
  },
};
