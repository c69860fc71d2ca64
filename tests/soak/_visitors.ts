/**
 * The crowd of a soak.
 *
 * @module
 */
import { describeError } from "../../src/errors.ts";
import { randomFrom } from "../mux/support.ts";
import type { Faults } from "./_faults.ts";
import type { SoakedTunnel } from "./_tunnel.ts";
import { EarlyEnd, pause, WrongBytes } from "./_visit.ts";
import { VISITS } from "./_visits.ts";

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
  readonly #tunnel: SoakedTunnel;
  readonly #faults: Faults;
  readonly #count: number;
  readonly #kinds = [...VISITS.keys()];
  readonly #tallies = new Map<string, Tally>(
    this.#kinds.map((kind) => [kind, { visits: 0, bytes: 0, interrupted: 0 }]),
  );
  readonly #first: number;
  #begun = 0;

  /** @param tunnel Where they go. @param crowd `faults` is what excuses them; `count` are there at once */
  constructor(tunnel: SoakedTunnel, { faults, count }: { readonly faults: Faults; readonly count: number }) {
    this.#tunnel = tunnel;
    this.#faults = faults;
    this.#count = count;
    this.#first = Math.floor(Math.random() * this.#kinds.length);
  }

  /** Lets them come for so long, and until there was every kind of visit; resolves when the last one has left. */
  async run(durationMs: number): Promise<void> {
    const endAt = performance.now() + durationMs;
    await Promise.all(Array.from({ length: this.#count }, (_, index) => this.#comeAndGo(index, endAt)));
  }

  /** All visits so far. */
  get visits(): number {
    return [...this.#tallies.values()].reduce((sum, { visits }) => sum + visits, 0);
  }

  /** One line for each kind of visit. */
  figures(): string[] {
    return [...this.#tallies].sort().map(([kind, { visits, bytes, interrupted }]) =>
      `${kind}: ${visits} visits, ${(bytes / 1024 / 1024).toFixed(1)} MiB, ${interrupted} interrupted`
    );
  }

  /** Kinds of visits none of which has succeeded. */
  missing(): string[] {
    return [...this.#tallies].filter(([, { visits }]) => visits === 0).map(([kind]) => kind);
  }

  async #comeAndGo(index: number, endAt: number): Promise<void> {
    const roll = randomFrom(index + Math.floor(performance.now()));
    while (performance.now() < endAt || this.#begun < this.#kinds.length) {
      const kind = this.#kinds[(this.#first + this.#begun++) % this.#kinds.length]!;
      await this.#visit(kind, roll);
    }
  }

  async #visit(kind: string, roll: (below: number) => number): Promise<void> {
    const tally = this.#tallies.get(kind)!;
    const { epoch, breaking, serverKills } = this.#faults;
    const startedAt = performance.now();
    try {
      const bytes = await VISITS.get(kind)!(this.#tunnel.entrances, roll);
      tally.bytes += bytes; // Not in one statement: others have counted while this one waited.
      tally.visits++;
    } catch (error) {
      const excused = breaking || this.#faults.breaking || epoch !== this.#faults.epoch;
      // Deno cannot reset a connection, for a server that was killed the kernel ends its own, and in direct mode the end of a line
      // that is cut is the end of the visitor's bytes.
      const told = this.#tunnel.runtime === "bun" && serverKills === this.#faults.serverKills &&
        !kind.startsWith("direct ");
      const wrong = error instanceof WrongBytes || (told && error instanceof EarlyEnd);
      const tookMs = Math.round(performance.now() - startedAt);
      const when = `after ${tookMs} ms; faults: ${this.#faults.describe()}`;
      if (wrong || !excused) this.#found(`${kind}: ${describeError(error)} (${when})`);
      else tally.interrupted++;
      await pause(AFTER_FAILURE_MS);
    }
  }

  #found(finding: string): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push(finding);
  }
}
