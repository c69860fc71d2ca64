/**
 * The crowd of a soak.
 *
 * @module
 */
import { describeError } from "../../src/errors.ts";
import { randomFrom } from "../mux/support.ts";
import type { Faults } from "./_faults.ts";
import type { SoakedTunnel } from "./_tunnel.ts";
import { VISITS, WrongBytes } from "./_workers.ts";

interface Tally {
  visits: number;
  bytes: number;
  /** Broken off while something was broken. */
  interrupted: number;
}

/** Findings beyond this are not kept. */
const MAX_FINDINGS = 20;
/** A visit that was broken off is followed by so long a rest. */
const AFTER_FAILURE_MS = 100;

/** Visitors, each of whom makes one visit after the other. */
export class Visitors {
  /** What went wrong and may not. */
  readonly findings: string[] = [];
  /** What is broken meanwhile; undefined: nothing is. */
  faults: Faults | undefined;
  readonly #tunnel: SoakedTunnel;
  readonly #count: number;
  readonly #tallies = new Map<string, Tally>();

  /** @param tunnel Where they go. @param count How many there are at once. */
  constructor(tunnel: SoakedTunnel, count: number) {
    this.#tunnel = tunnel;
    this.#count = count;
  }

  /** Lets them come for so long; resolves when the last one has left. */
  async run(durationMs: number): Promise<void> {
    const endAt = performance.now() + durationMs;
    await Promise.all(Array.from({ length: this.#count }, (_, index) => this.#comeAndGo(index, endAt)));
  }

  /** One line for each kind of visit. */
  figures(): string[] {
    return [...this.#tallies].sort().map(([kind, { visits, bytes, interrupted }]) =>
      `${kind}: ${visits} visits, ${(bytes / 1024 / 1024).toFixed(1)} MiB, ${interrupted} interrupted`
    );
  }

  async #comeAndGo(index: number, endAt: number): Promise<void> {
    const dice = randomFrom(index + Math.floor(performance.now()));
    const kinds = Object.keys(VISITS);
    while (performance.now() < endAt) {
      const kind = kinds[dice(kinds.length)] ?? "echo";
      await this.#visit(kind, dice);
    }
  }

  async #visit(kind: string, dice: (below: number) => number): Promise<void> {
    const tally = this.#tallies.get(kind) ?? { visits: 0, bytes: 0, interrupted: 0 };
    this.#tallies.set(kind, tally);
    const { epoch, breaking } = this.faults ?? { epoch: 0, breaking: false };
    try {
      const bytes = await VISITS[kind]?.(this.#tunnel.entrances, dice) ?? 0;
      tally.bytes += bytes; // Not in one statement: others have counted while this one waited.
      tally.visits++;
    } catch (error) {
      const excused = breaking || (this.faults?.breaking ?? false) || epoch !== (this.faults?.epoch ?? 0);
      if (error instanceof WrongBytes || !excused) this.#found(`${kind}: ${describeError(error)}`);
      else tally.interrupted++;
      await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
    }
  }

  #found(finding: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push(finding);
  }
}
