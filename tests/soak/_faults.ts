/**
 * What is broken during a soak, and what is changed.
 *
 * @module
 */
import type { Toxics } from "../support/toxics.ts";
import type { SoakedTunnel } from "./_tunnel.ts";
import { pause } from "./_visit.ts";

/** How long a bad line lasts, and the rest between two faults. Not longer than a peer may be silent. */
const BAD_LINE_MS = 1_500;
const REST_MS = 1_000;

type Strike = readonly [name: string, strike: () => Promise<void>];

/** Breaks things, one after the other. */
export class Faults {
  /** Changes whenever something begins to break, or is whole again. */
  epoch = 0;
  /** Whether visits may fail now: the client is away. */
  breaking = false;
  /** Servers that were killed: visitors of these may see an end that looks as if it were meant. */
  serverKills = 0;
  readonly #tunnel: SoakedTunnel;
  readonly #counts = new Map<string, number>();
  readonly #strikes: readonly Strike[];
  #turn = 0;
  #now = "nothing yet";
  #since = performance.now();

  /** @param tunnel What is broken. */
  constructor(tunnel: SoakedTunnel) {
    this.#tunnel = tunnel;
    const lasting = tunnel.kind.mortal ? [] : [
      ["reload", () => tunnel.reload()],
      ["blackhole", () => this.#blackhole()],
    ] satisfies Strike[];
    const mortal = tunnel.kind.mortal
      ? [["client killed", () => this.#killClient()], [
        "server killed",
        () => this.#killServer(),
      ]] satisfies Strike[]
      : [];
    this.#strikes = [
      ...lasting,
      ...mortal,
      ["line cut", () => this.#cut(false)],
      // A line that is bad, but loses nothing: no visit may fail because of it.
      ["slow line", () => this.#badLine({ latencyMs: 40, jitterMs: 20 })],
      ["narrow line", () => this.#badLine({ bytesPerSecond: 4 * 1024 * 1024 })],
      ["sliced line", () => this.#badLine({ sliceBytes: 700 })],
      ["line that stands still", () => this.#badLine({ stalled: true })],
      ["line reset", () => this.#cut(true)],
    ];
  }

  /** Breaks things for so long; the tunnel is whole again when it resolves. */
  async run(durationMs: number): Promise<void> {
    const endAt = performance.now() + durationMs;
    while (performance.now() < endAt) {
      const [name, strike] = this.#strikes[this.#turn++ % this.#strikes.length]!;
      this.#note(name);
      try {
        await strike();
        this.#note(`after: ${name}`);
      } catch (error) {
        throw new Error(`Not whole again after: ${name}`, { cause: error });
      }
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      await pause(REST_MS);
    }
  }

  /** How often each was done. */
  figures(): string {
    return [...this.#counts].map(([name, count]) => `${count} × ${name}`).join(", ");
  }

  /** What is broken now, or was last, and for how long that has been so. */
  describe(): string {
    return `${this.#now}, for ${Math.round(performance.now() - this.#since)} ms`;
  }

  #note(what: string): void {
    this.#now = what;
    this.#since = performance.now();
  }

  async #badLine(toxics: Partial<Toxics>): Promise<void> {
    this.#tunnel.line.set(toxics);
    await pause(BAD_LINE_MS);
    this.#tunnel.line.set({});
  }

  #cut(reset: boolean): Promise<void> {
    return this.#away(() => this.#tunnel.line.cut(reset));
  }

  /** Nothing passes until both ends have given up. */
  #blackhole(): Promise<void> {
    return this.#away(async () => {
      this.#tunnel.line.set({ stalled: true });
      await this.#tunnel.noticedDeath();
      this.#tunnel.line.set({});
    });
  }

  #killClient(): Promise<void> {
    return this.#away(async () => {
      await this.#tunnel.killClient();
      await this.#tunnel.startClient();
    });
  }

  #killServer(): Promise<void> {
    return this.#away(async () => {
      this.serverKills++;
      await this.#tunnel.killServer();
      await this.#tunnel.startServer();
    });
  }

  async #away(strike: () => void | Promise<void>): Promise<void> {
    this.epoch++;
    this.breaking = true;
    await strike();
    await this.#tunnel.whole();
    this.epoch++;
    this.breaking = false;
  }
}
