/**
 * One tunnel of a soak with its visitors and faults, from the first visit to the verdict.
 *
 * @module
 */
import { inspect } from "node:util";
import type { Stage } from "../e2e/_stage.ts";
import type { RuntimeName } from "../support/tunnel_process.ts";
import { Faults } from "./_faults.ts";
import type { Kind } from "./_settings.ts";
import { grows, type Sample, trendOf } from "./_trend.ts";
import { type Holdings, SoakedTunnel } from "./_tunnel.ts";
import { pause } from "./_visit.ts";
import { Visitors } from "./_visitors.ts";

const MIB = 1024 * 1024;
const ROLES = ["server", "client"] as const;
type Role = (typeof ROLES)[number];

/** What a process may hold more in the end than after the first load, which is short in a short soak. */
const LEFT_BYTES = 48 * MIB;
/** How long a tunnel at rest is watched. */
const WATCH_MS = 1_000;
/** A tunnel at rest may wake up so much more often than before, and twice as often. */
const MORE_WAITS_PER_SECOND = 40;
/** How far beyond its bandwidth a token may come in a round: what visitors were one read ahead, and a second's worth. */
const AHEAD_BYTES_PER_VISITOR = MIB;

/** Options of {@linkcode Soaked.start}. */
export interface SoakedOptions {
  readonly stage: Stage;
  readonly runtime: RuntimeName;
  /** Visitors at once. */
  readonly visitors: number;
}

/** A tunnel in a soak. */
export class Soaked {
  readonly #tunnel: SoakedTunnel;
  readonly #faults: Faults;
  readonly #visitors: Visitors;
  readonly #count: number;
  readonly #findings: string[] = [];
  readonly #series: Record<Role, Sample[]> = { server: [], client: [] };
  #before: Holdings | undefined;
  #after: Holdings | undefined;
  /** Time under load so far. */
  #loadMs = 0;
  #waits: Record<Role, { before: number; after: number }> = {
    server: { before: 0, after: 0 },
    client: { before: 0, after: 0 },
  };
  #pace = 0;
  #broken = false;

  private constructor(tunnel: SoakedTunnel, count: number) {
    this.#tunnel = tunnel;
    this.#faults = new Faults(tunnel);
    this.#count = count;
    this.#visitors = new Visitors(tunnel, { faults: this.#faults, count });
  }

  /** Starts its processes. */
  static async start(kind: Kind, { stage, runtime, visitors }: SoakedOptions): Promise<Soaked> {
    return new Soaked(await SoakedTunnel.start(kind, { stage, runtime }), visitors);
  }

  /** Load without faults; then the baseline is taken, since a runtime takes memory that it keeps. */
  async warmUp(durationMs: number): Promise<void> {
    await this.#guard(async () => {
      await this.#visitors.run(durationMs);
      this.#loadMs += durationMs;
      this.#before = await this.#tunnel.rest();
      await this.#watch("before");
    });
  }

  /** Load and faults; then everything must be as it was. */
  async round(durationMs: number): Promise<void> {
    await this.#guard(async () => {
      const startedAt = performance.now();
      const moved = await this.#tunnel.movedBytes();
      const loaded = this.#visitors.run(durationMs);
      const results = await Promise.allSettled([loaded, this.#faults.run(durationMs)]);
      this.#loadMs += durationMs;
      for (const result of results) if (result.status === "rejected") throw result.reason;
      if (!this.#tunnel.kind.mortal) await this.#judgePace(moved, startedAt);
      await this.#tunnel.reloadFirst();
      this.#after = await this.#tunnel.rest(this.#before);
      this.#tunnel.assertSound();
      for (const role of ROLES) {
        this.#series[role].push({ atMs: this.#loadMs, bytes: this.#after[role].residentBytes });
      }
    });
  }

  /** Watches the tunnel at rest, and stops it. */
  async finish(): Promise<void> {
    await this.#guard(async () => {
      await this.#watch("after");
      await this.#tunnel.stop();
    });
  }

  /** Prints figures. @returns what was found */
  report(): string[] {
    const { name } = this.#tunnel.kind;
    const say = (line: string): void => console.log(`${name}: ${line}`);
    for (const line of this.#visitors.figures()) say(line);
    say(`faults: ${this.#faults.figures()}`);
    if (this.#pace > 0) say(`at most ${inMib(this.#pace)}/s in one direction`);
    const missing = this.#visitors.missing().map((kind) => `None of these visits succeeded: ${kind}`);
    const findings = [...this.#findings, ...this.#visitors.findings, ...missing];
    for (const role of ROLES) findings.push(...this.#judgeRest(role, say));
    return findings.map((finding) => `${name}: ${finding}`);
  }

  #judgeRest(role: Role, say: (line: string) => void): string[] {
    const [before, after, waits] = [this.#before?.[role], this.#after?.[role], this.#waits[role]];
    if (before === undefined || after === undefined) return [`The ${role} never came to rest`];
    say(
      `${role}: ${before.descriptors} → ${after.descriptors} descriptors, ` +
        `${waits.before} → ${waits.after} times awake in a second at rest`,
    );
    const findings: string[] = [];
    if (waits.after > 2 * waits.before + MORE_WAITS_PER_SECOND) {
      findings.push(`The ${role} does more at rest than before: ${waits.before} → ${waits.after} a second`);
    }
    // What was started anew tells nothing about memory.
    if (this.#tunnel.kind.mortal) return findings;
    const series = this.#series[role];
    const trend = trendOf(series);
    const [slope, error] = [trend.bytesPerMinute, trend.errorBytesPerMinute].map((bytes) => bytes / MIB);
    say(
      `${role}: ${
        [before.residentBytes, ...series.map(({ bytes }) => bytes)].map(inMib).join(", ")
      } resident`,
    );
    say(
      `${role}: ${slope?.toFixed(2)} ± ${
        error?.toFixed(2)
      } MiB a minute over the last ${trend.samples} samples`,
    );
    if (grows(trend)) findings.push(`The ${role} grows by ${slope?.toFixed(2)} MiB a minute`);
    const grown = after.residentBytes - before.residentBytes;
    if (grown > LEFT_BYTES) findings.push(`The ${role} has grown by ${inMib(grown)}`);
    return findings;
  }

  /** Whether a bandwidth was kept. */
  async #judgePace(
    before: { readonly sent: number; readonly received: number },
    startedAt: number,
  ): Promise<void> {
    const now = await this.#tunnel.movedBytes();
    const seconds = (performance.now() - startedAt) / 1000;
    const bytes = Math.max(now.sent - before.sent, now.received - before.received);
    this.#pace = Math.max(this.#pace, bytes / seconds);
    const { bandwidth = Infinity } = this.#tunnel.kind;
    if (bytes > bandwidth * (seconds + 1) + this.#count * AHEAD_BYTES_PER_VISITOR) {
      this.#findings.push(`Moved ${inMib(bytes)} in ${seconds.toFixed(1)} s, more than its bandwidth`);
    }
  }

  async #watch(when: "before" | "after"): Promise<void> {
    const first = await this.#tunnel.holdings();
    await pause(WATCH_MS);
    const second = await this.#tunnel.holdings();
    for (const role of ROLES) this.#waits[role][when] = second[role].waits - first[role].waits;
  }

  /** What goes wrong is a finding, and the end for this tunnel: what follows would only follow from it. */
  async #guard(step: () => Promise<void>): Promise<void> {
    if (this.#broken) return;
    try {
      await step();
    } catch (error) {
      this.#broken = true;
      this.#findings.push(inspect(error));
    }
  }
}

function inMib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
