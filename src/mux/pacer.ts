/**
 * Bandwidth: a rate shared by many flows, in turn. What is over the rate is delayed, never dropped.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";

/** Most bytes that a flow is given in one turn. */
const MAX_QUANTUM_BYTES = 16 * 1024;
/** A turn at a low rate: the bytes of a twentieth of a second. */
const QUANTA_PER_SECOND = 20;
/** What may be saved up while nobody wants any: a tenth of a second. */
const BURSTS_PER_SECOND = 10;
/** Timers closer together would cost more than they smooth. */
const MIN_WAIT_MS = 5;
/** Longer waits are cut, so that a rate that is raised counts soon. */
const MAX_WAIT_MS = 1_000;

/** Somebody who wants to pass bytes. */
export interface Flow {
  /** Bytes that it still wants. Only the pacer takes from it. */
  wanted: number;
  /** It may pass so many; called once for each turn, and may ask for more at once. */
  granted(bytes: number): void;
}

/** Options of a {@linkcode Pacer}. */
export interface PacerOptions {
  readonly clock: Clock;
  /** More than 0. */
  readonly bytesPerSecond: number;
}

/**
 * Hands out a rate. Every flow that wants bytes gets a few in its turn, so that a busy one does not keep others waiting.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { type Flow, Pacer } from "./pacer.ts";
 *
 * const pacer = new Pacer({ clock: systemClock, bytesPerSecond: 1000 });
 * const flow: Flow = { wanted: 0, granted: (bytes) => console.log(bytes) };
 * pacer.want(flow, 80); // 50, 30
 * pacer.close();
 * ```
 */
export class Pacer {
  readonly #clock: Clock;
  #bytesPerSecond: number;
  #available: number;
  #filledAt: number;
  /** In the order of their turns. */
  readonly #flows = new Set<Flow>();
  #cancelTimer: CancelTimer | undefined;
  #serving = false;

  /** @param options Clock and rate. @throws {RangeError} for a rate that is not above 0 */
  constructor({ clock, bytesPerSecond }: PacerOptions) {
    this.#clock = clock;
    this.#filledAt = clock.now();
    this.#bytesPerSecond = checkedRate(bytesPerSecond);
    this.#available = this.#burstBytes;
  }

  /** Flows that wait. */
  get waiting(): number {
    return this.#flows.size;
  }

  /** Another rate, from now on. @throws {RangeError} for one that is not above 0 */
  setRate(bytesPerSecond: number): void {
    checkedRate(bytesPerSecond);
    this.#fill();
    this.#bytesPerSecond = bytesPerSecond;
    this.#available = Math.min(this.#available, this.#burstBytes);
    this.#serve();
  }

  /** The flow wants so many bytes more. */
  want(flow: Flow, bytes: number): void {
    flow.wanted += bytes;
    if (flow.wanted <= 0) return;
    this.#flows.add(flow);
    this.#serve();
  }

  /** The flow wants nothing any more. */
  forget(flow: Flow): void {
    flow.wanted = 0;
    this.#flows.delete(flow);
    if (this.#flows.size === 0) this.#stopTimer();
  }

  /** There is no rate any more: everybody gets at once what they want. */
  close(): void {
    this.#bytesPerSecond = Infinity;
    this.#available = Infinity;
    this.#stopTimer();
    this.#serve();
  }

  get #quantumBytes(): number {
    return Math.max(1, Math.min(MAX_QUANTUM_BYTES, Math.floor(this.#bytesPerSecond / QUANTA_PER_SECOND)));
  }

  get #burstBytes(): number {
    return Math.max(this.#quantumBytes, this.#bytesPerSecond / BURSTS_PER_SECOND);
  }

  #serve(): void {
    if (this.#serving) return; // Whoever is on the stack goes on.
    this.#serving = true;
    try {
      this.#serveAll();
    } finally {
      // Also after a mistake of one flow: the others must not stand still for ever.
      this.#serving = false;
      if (this.#flows.size > 0) this.#waitForMore();
      else this.#stopTimer();
    }
  }

  #serveAll(): void {
    this.#fill();
    for (const flow of this.#flows) {
      const bytes = Math.min(flow.wanted, this.#available === Infinity ? Infinity : this.#quantumBytes);
      if (bytes > this.#available) break;
      this.#available -= bytes;
      flow.wanted -= bytes;
      // Behind the others. A set goes on with what is added while it is walked through.
      this.#flows.delete(flow);
      if (flow.wanted > 0) this.#flows.add(flow);
      flow.granted(bytes);
    }
  }

  #fill(): void {
    const now = this.#clock.now();
    const gained = ((now - this.#filledAt) / 1000) * this.#bytesPerSecond;
    this.#filledAt = now;
    if (this.#bytesPerSecond === Infinity) return;
    this.#available = Math.min(this.#burstBytes, this.#available + gained);
  }

  #waitForMore(): void {
    if (this.#cancelTimer !== undefined) return;
    const [next] = this.#flows;
    const lacking = Math.min(next?.wanted ?? 0, this.#quantumBytes) - this.#available;
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, (lacking / this.#bytesPerSecond) * 1000));
    this.#cancelTimer = this.#clock.setTimer(() => {
      this.#cancelTimer = undefined;
      this.#serve();
    }, waitMs);
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

function checkedRate(bytesPerSecond: number): number {
  if (bytesPerSecond > 0) return bytesPerSecond;
  throw new RangeError(`A rate must be above 0 bytes per second, not ${bytesPerSecond}`);
}
