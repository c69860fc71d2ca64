/**
 * What is broken during a soak.
 *
 * @module
 */
import type { Toxics } from "../support/toxics.ts";
import type { SoakedTunnel } from "./_tunnel.ts";

/** A line that is bad, but loses nothing: no visit may fail because of it. */
const BAD_LINES: Readonly<Record<string, Partial<Toxics>>> = {
  "slow line": { latencyMs: 40, jitterMs: 20 },
  "narrow line": { bytesPerSecond: 4 * 1024 * 1024 },
  "sliced line": { sliceBytes: 700 },
  "line that stands still": { stalled: true },
};
/** How long a bad line lasts, and the rest between two faults. Not longer than a peer may be silent. */
const BAD_LINE_MS = 1_500;
const REST_MS = 1_000;

/** Breaks things, one after the other. */
export class Faults {
  /** Changes whenever something begins to break, or is whole again. */
  epoch = 0;
  /** Whether visits may fail now: the client is away. */
  breaking = false;
  readonly #tunnel: SoakedTunnel;
  readonly #counts = new Map<string, number>();

  /** @param tunnel What is broken. */
  constructor(tunnel: SoakedTunnel) {
    this.#tunnel = tunnel;
  }

  /** Breaks things for so long; the tunnel is whole again when it resolves. */
  async run(durationMs: number): Promise<void> {
    const endAt = performance.now() + durationMs;
    for (let turn = 0; performance.now() < endAt; turn++) {
      await pause(REST_MS);
      const kinds = [
        [
          "client killed",
          () => this.#away(() => this.#tunnel.killClient(), () => this.#tunnel.startClient()),
        ],
        ...Object.entries(BAD_LINES).map(([name, toxics]) => [name, () => this.#badLine(toxics)] as const),
        ["line cut", () => this.#cut(false)],
        ["line reset", () => this.#cut(true)],
      ] as const;
      const [name, strike] = kinds[turn % kinds.length] ?? kinds[0];
      await strike();
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
  }

  /** How often each was done. */
  figures(): string {
    return [...this.#counts].map(([name, count]) => `${count} × ${name}`).join(", ");
  }

  async #badLine(toxics: Partial<Toxics>): Promise<void> {
    this.#tunnel.line.set(toxics);
    await pause(BAD_LINE_MS);
    this.#tunnel.line.set({});
  }

  async #cut(reset: boolean): Promise<void> {
    const after = this.#tunnel.clientLines;
    await this.#away(() => this.#tunnel.line.cut(reset), () => this.#tunnel.ready(after));
  }

  async #away(begin: () => void | Promise<unknown>, end: () => Promise<void>): Promise<void> {
    this.epoch++;
    this.breaking = true;
    await begin();
    await end();
    this.epoch++;
    this.breaking = false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
