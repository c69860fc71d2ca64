/**
 * Time that only a test moves.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../../src/clock.ts";

interface Timer {
  readonly callback: () => void;
  readonly dueAt: number;
  readonly delayMs: number;
}

/** A clock that stands still until {@linkcode FakeClock.advance}. */
export class FakeClock implements Clock {
  #now = 1_000;
  #timers = new Set<Timer>();
  #waiting = new Map<number, (() => void)[]>();

  /** Delays of the timers that have not fired, as they were asked for. */
  get delays(): number[] {
    return [...this.#timers].map((timer) => timer.delayMs);
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  setTimer(callback: () => void, delayMs: number): CancelTimer {
    const timer = { callback, dueAt: this.#now + delayMs, delayMs };
    this.#timers.add(timer);
    for (const resolve of this.#waiting.get(delayMs) ?? []) resolve();
    this.#waiting.delete(delayMs);
    return () => void this.#timers.delete(timer);
  }

  /** Resolves when a timer of `delayMs` is running, at once if one is. */
  timerOf(delayMs: number): Promise<void> {
    if (this.delays.includes(delayMs)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(delayMs) ?? [];
      this.#waiting.set(delayMs, [...waiting, resolve]);
    });
  }

  /** Moves time on and fires what falls due, in order, also what is set meanwhile. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.dueAt <= end && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
      }
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueAt);
      next.callback();
    }
    this.#now = end;
  }
}
