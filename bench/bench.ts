/**
 * The course of a run: idle memory in fresh processes first, then rounds in which every target is measured in turn.
 *
 * @module
 */
import type { BenchOptions } from "./arguments.ts";
import { idleMeasures, measureIdle } from "./idle.ts";
import type { Load } from "./load.ts";
import type { Programs } from "./programs.ts";
import type { Failure, Measure, MeasuredTarget } from "./results.ts";
import { type Scenario, scenariosFor, type Subject } from "./scenarios.ts";
import type { Certificates } from "./targets/certificates.ts";
import type { Target } from "./targets/types.ts";

/** What a run needs. */
export interface BenchSetup {
  readonly options: BenchOptions;
  readonly targets: readonly Target[];
  readonly load: Load;
  readonly programs: Programs;
  readonly folder: string;
  readonly certificates: Certificates | undefined;
  /** Streams to hold idle. */
  readonly idleStreams: number;
  /** Hears what is going on. */
  readonly say: (line: string) => void;
}

/** What a run found. */
export interface BenchFindings {
  readonly rounds: number;
  readonly measures: readonly Measure[];
  readonly targets: readonly MeasuredTarget[];
  readonly failures: readonly Failure[];
}

/** One run. */
export class Bench {
  readonly #setup: BenchSetup;
  readonly #scenarios: readonly Scenario[];
  readonly #samples = new Map<Target, Map<string, number[]>>();
  readonly #failures: Failure[] = [];
  readonly #failed = new Set<Target>();
  readonly #startMs = performance.now();

  /** @param setup What it needs. */
  constructor(setup: BenchSetup) {
    this.#setup = setup;
    this.#scenarios = scenariosFor(setup.options);
    for (const target of setup.targets) this.#samples.set(target, new Map());
  }

  /** Measures everything. A target that fails once is left out from then on. */
  async run(): Promise<BenchFindings> {
    for (const target of this.#setup.targets) await this.#measureIdle(target);
    const subjects = await this.#startAll();
    this.#setup.say("warming up");
    // What a runtime compiles, and how large a transfer must be, is found out before anything counts.
    await this.#round(subjects, 0, () => {});
    let rounds = 0;
    let longestMs = 0;
    while (rounds < this.#setup.options.rounds && this.#hasTimeFor(rounds, longestMs)) {
      const startMs = performance.now();
      this.#setup.say(`round ${rounds + 1} of ${this.#setup.options.rounds}`);
      await this.#round(subjects, rounds, (target, samples) => this.#keep(target, samples));
      longestMs = Math.max(longestMs, performance.now() - startMs);
      rounds++;
    }
    return this.#findings(rounds);
  }

  #hasTimeFor(rounds: number, roundMs: number): boolean {
    return rounds === 0 || performance.now() - this.#startMs + roundMs <= this.#setup.options.budgetMs;
  }

  async #measureIdle(target: Target): Promise<void> {
    if (target.tls || target.id === "none") return;
    const { load, idleStreams } = this.#setup;
    const what = `${idleStreams} idle streams`;
    this.#setup.say(`${target.name}: ${what}`);
    await this.#guard(target, what, async () => {
      const subject = await this.#start(target);
      try {
        this.#keep(target, await measureIdle(load, subject, idleStreams));
      } finally {
        await this.#end(subject);
      }
    });
    // What could not hold the streams may still carry bytes.
    if (!target.isOurs) this.#failed.delete(target);
  }

  /** All run all the time, so that they can be measured in turn. */
  async #startAll(): Promise<Map<Target, Subject>> {
    const subjects = new Map<Target, Subject>();
    for (const target of this.#setup.targets) {
      if (this.#failed.has(target)) continue;
      await this.#guard(target, "start", async () => {
        subjects.set(target, await this.#start(target));
      });
    }
    return subjects;
  }

  /** Each round begins with another target, so that none always runs after the same one. */
  async #round(
    subjects: ReadonlyMap<Target, Subject>,
    number: number,
    keep: (target: Target, samples: Readonly<Record<string, number>>) => void,
  ): Promise<void> {
    const order = [...subjects];
    order.push(...order.splice(0, number % Math.max(1, order.length)));
    for (const scenario of this.#scenarios) {
      for (const [target, subject] of order) {
        if (this.#failed.has(target) || (target.tls && !scenario.withTls)) continue;
        await this.#guard(target, scenario.id, async () => keep(target, await scenario.measure(subject)));
      }
    }
  }

  async #start(target: Target): Promise<Subject> {
    const { load, programs, folder, certificates } = this.#setup;
    // A service each: what one target leaves behind does not disturb the next.
    const service = await load.serve();
    const tunnel = await target.start({ programs, folder, certificates, servicePort: service.port });
    return { load, service, tunnel };
  }

  async #end({ service, tunnel }: Subject): Promise<void> {
    const programs = [tunnel.client, tunnel.server, service.program].filter((program) =>
      program !== undefined
    );
    await Promise.all(programs.map((program) => program.end()));
  }

  async #guard(target: Target, measurement: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#failed.add(target);
      this.#failures.push({ target: target.id, measurement, reason, isOurs: target.isOurs });
      this.#setup.say(`${target.name} failed at ${measurement}: ${reason}`);
    }
  }

  #keep(target: Target, samples: Readonly<Record<string, number>>): void {
    const kept = this.#samples.get(target);
    for (const [measure, sample] of Object.entries(samples)) {
      if (!Number.isFinite(sample)) continue;
      const list = kept?.get(measure) ?? [];
      list.push(sample);
      kept?.set(measure, list);
    }
  }

  #findings(rounds: number): BenchFindings {
    return {
      rounds,
      measures: [
        ...this.#scenarios.flatMap(({ measures }) => measures),
        ...idleMeasures(this.#setup.idleStreams),
      ],
      targets: this.#setup.targets.map((target) => ({
        id: target.id,
        name: target.name,
        tls: target.tls,
        samples: Object.fromEntries(this.#samples.get(target) ?? []),
      })),
      failures: this.#failures,
    };
  }
}
