/**
 * Time that only a test moves.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../../src/clock.ts";

interface Timer {
  readonly callback: () => void;
  readonly dueAt: number;
  readonly order: number;
}

/**
 * A clock that stands still until it is told to go on.
 *
 * @example
 * ```ts
 * import { FakeClock } from "./fake_clock.ts";
 *
 * const clock = new FakeClock();
 * clock.setTimer(() => console.log("rings"), 100);
 * clock.advance(99);
 * console.log(clock.pending); // 1
 * clock.advance(1); // rings
 * ```
 */
export class FakeClock implements Clock {
  #nowMs = 1_000;
  #order = 0;
  readonly #timers = new Set<Timer>();

  /** Timers that have neither fired nor been cancelled: 0 when nothing leaks. */
  get pending(): number {
    return this.#timers.size;
  }

  /** @inheritdoc */
  now(): number {
    return this.#nowMs;
  }

  /** @inheritdoc */
  wall(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  /** @inheritdoc */
  setTimer(callback: () => void, delayMs: number): CancelTimer {
    const timer = { callback, dueAt: this.#nowMs + delayMs, order: this.#order++ };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves time on by `ms` and fires what falls due, each timer at its own moment, also those that are set meanwhile. */
  advance(ms: number): void {
    const end = this.#nowMs + ms;
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueAt);
      this.#timers.delete(timer);
      timer.callback();
    }
    this.#nowMs = end;
  }

  /** Moves time on by `ms` at once, as for a suspended machine: what was due fires late, and only once. */
  jump(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#timers].filter((timer) => timer.dueAt <= this.#nowMs).sort(earlier);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.callback();
    }
  }

  #nextUntil(end: number): Timer | undefined {
    const [next] = [...this.#timers].sort(earlier);
    return next !== undefined && next.dueAt <= end ? next : undefined;
  }
}

function earlier(a: Timer, b: Timer): number {
  return a.dueAt - b.dueAt || a.order - b.order;
}
