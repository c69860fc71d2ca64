/**
 * Every visitor that has a connection of its own: their deadlines, and how they are stopped.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import type { TunnelEnvironment } from "./environment.ts";
import type { Limits } from "./options.ts";
import { Splice, type SpliceOptions } from "./splice.ts";

/** How often is looked for those that stand still, as a part of the shorter deadline. */
const SWEEPS_PER_DEADLINE = 4;

/** Options of {@linkcode Splices}. */
export interface SplicesOptions {
  readonly environment: TunnelEnvironment;
  readonly limits: Pick<Limits, "halfCloseLingerMs" | "streamStallTimeoutMs">;
}

/** What is joined by {@linkcode Splices.join}; told when both connections are closed. */
export type JoinOptions = Omit<SpliceOptions, "environment">;

/** The splices of one server or client. */
export class Splices {
  readonly #environment: TunnelEnvironment;
  readonly #limits: SplicesOptions["limits"];
  readonly #sweepMs: number;
  /** How long each has stood still. */
  readonly #stillMs = new Map<Splice, number>();
  #cancelSweep: CancelTimer = () => {};
  #whenEmpty: (() => void)[] = [];

  /** @param options Clock and deadlines. */
  constructor({ environment, limits }: SplicesOptions) {
    this.#environment = environment;
    this.#limits = limits;
    const { halfCloseLingerMs, streamStallTimeoutMs } = limits;
    this.#sweepMs = Math.ceil(Math.min(halfCloseLingerMs, streamStallTimeoutMs) / SWEEPS_PER_DEADLINE);
  }

  /** Visitors now. */
  get size(): number {
    return this.#stillMs.size;
  }

  /** Joins two connections. @returns ends both at once */
  join(options: JoinOptions): () => void {
    const splice = new Splice({
      ...options,
      environment: this.#environment,
      onClosed: () => {
        this.#stillMs.delete(splice);
        options.onClosed();
        if (this.#stillMs.size > 0) return;
        this.#cancelSweep();
        for (const resolve of this.#whenEmpty.splice(0)) resolve();
      },
    });
    this.#stillMs.set(splice, 0);
    if (this.#stillMs.size === 1) this.#sweepLater(this.#environment.clock);
    return () => splice.reset();
  }

  /** Lets visitors go on until they end or the time is over; then resets the rest. */
  async stop(
    { clock, drainTimeoutMs }: { readonly clock: Clock; readonly drainTimeoutMs: number },
  ): Promise<void> {
    if (this.size === 0) return;
    let cancel: CancelTimer = () => {};
    const deadline = new Promise<void>((resolve) => cancel = clock.setTimer(resolve, drainTimeoutMs));
    const empty = new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    await Promise.race([empty, deadline]);
    cancel();
    for (const splice of [...this.#stillMs.keys()]) splice.reset();
    if (this.size > 0) await empty;
  }

  #sweepLater(clock: Clock): void {
    this.#cancelSweep = clock.setTimer(() => {
      this.#sweep();
      if (this.size > 0) this.#sweepLater(clock);
    }, this.#sweepMs);
  }

  #sweep(): void {
    const { halfCloseLingerMs, streamStallTimeoutMs } = this.#limits;
    for (const [splice, stillMs] of [...this.#stillMs]) {
      const still = splice.takeMoved() ? 0 : stillMs + this.#sweepMs;
      this.#stillMs.set(splice, still);
      const late = splice.stalled && still >= streamStallTimeoutMs;
      if (!late && !(splice.halfClosed && still >= halfCloseLingerMs)) continue;
      this.#environment.counters.add("streams_reset", { label: "timeout" });
      splice.reset();
    }
  }
}
