/**
 * The course of a run: idle memory in fresh processes first, then part by part rounds in which every target is measured in turn.
 *
 * @module
 */
import type { BenchOptions } from "./arguments.ts";
import { idleMeasures, measureIdle } from "./idle.ts";
import type { Load } from "./load.ts";
import type { Programs } from "./programs.ts";
import type { Failure, Measure, MeasuredTarget } from "./results.ts";
import type { Samples, Scenario, Subject } from "./scenarios/types.ts";
import { measureStart, START_MEASURES } from "./start.ts";
import type { Certificates } from "./targets/certificates.ts";
import type { Target, Tunnel } from "./targets/types.ts";
import { makeWorld, type Stage, STAGES, type World } from "./worlds.ts";

/** A peer that failed at so many measurements of a part is left alone in the rest of it. */
const PEER_FAILURES = 2;

/** What a run needs. */
export interface BenchSetup {
  readonly options: BenchOptions;
  readonly targets: readonly Target[];
  readonly scenarios: readonly Scenario[];
  readonly load: Load;
  readonly programs: Programs;
  readonly folder: string;
  readonly certificates: Certificates | undefined;
  /** Numbers of streams to hold idle. */
  readonly idleStreams: readonly number[];
  /** Hears what is going on. */
  readonly say: (line: string) => void;
}

/** What a run found. */
export interface BenchFindings {
  readonly rounds: number;
  readonly measures: readonly Measure[];
  readonly targets: readonly MeasuredTarget[];
  readonly failures: readonly Failure[];
  readonly leftOut: readonly string[];
}

/** Measures one target once. */
type Step = {
  readonly id: string;
  readonly warmUps: number;
  readonly measure: (target: Target) => Promise<Samples>;
};

/** One run. */
export class Bench {
  readonly #setup: BenchSetup;
  readonly #samples = new Map<Target, Map<string, number[]>>();
  readonly #failures: Failure[] = [];
  readonly #leftOut: string[] = [];
  /** What failed in this part, by target; `*` for everything. */
  #failed = new Map<Target, Set<string>>();
  #rounds = Infinity;
  readonly #startMs = performance.now();

  /** @param setup What it needs. */
  constructor(setup: BenchSetup) {
    this.#setup = setup;
    for (const target of setup.targets) this.#samples.set(target, new Map());
  }

  /**
   * Measures everything. One of ours that fails is left out of the rest of that part, a peer out of the measurement that it
   * failed at.
   */
  async run(): Promise<BenchFindings> {
    if (this.#wants("idle")) {
      for (const streams of this.#setup.idleStreams) {
        this.#failed = new Map();
        for (const target of this.#setup.targets) await this.#measureIdle(target, streams);
      }
    }
    for (const stage of STAGES) {
      this.#failed = new Map();
      if (stage.id === "start") {
        if (this.#wants("start")) await this.#within(stage, (world) => this.#measureStarts(stage, world));
        continue;
      }
      const scenarios = this.#setup.scenarios.filter((scenario) => scenario.stage === stage.id);
      if (scenarios.length === 0) continue;
      await this.#within(stage, (world) => this.#measureStage(stage, { world, scenarios }));
    }
    return this.#findings();
  }

  #wants(name: "idle" | "start"): boolean {
    return this.#setup.options.scenarios.includes(name);
  }

  async #within(stage: Stage, run: (world: World) => Promise<void>): Promise<void> {
    let world: World;
    try {
      world = await makeWorld(stage.id, this.#setup);
    } catch (error) {
      this.#leftOut.push(`${stage.name}: ${messageOf(error)}`);
      this.#setup.say(`${stage.name} is left out: ${messageOf(error)}`);
      return;
    }
    try {
      await run(world);
    } finally {
      await world.close();
    }
  }

  async #measureIdle(target: Target, streams: number): Promise<void> {
    if (target.tls || target.id === "none" || target.onlyStart) return;
    const what = `${streams} idle streams`;
    this.#setup.say(`${target.name}: ${what}`);
    const { load } = this.#setup;
    await this.#guard(target, what, async () => {
      const world = await makeWorld("loopback", this.#setup);
      const subject = await this.#start(target, world);
      try {
        this.#keep(target, await measureIdle(load, subject, streams));
      } finally {
        await end(subject, world);
      }
    });
  }

  /** All of a part's tunnels run all the time, so that they can be measured in turn. */
  async #measureStage(
    stage: Stage,
    { world, scenarios }: { readonly world: World; readonly scenarios: readonly Scenario[] },
  ): Promise<void> {
    const subjects = new Map<Target, Subject>();
    const withTls = scenarios.some((scenario) => scenario.withTls);
    for (const target of this.#setup.targets) {
      if (target.onlyStart || (target.tls && !withTls) || (target.onlyTcp && stage.id === "http")) continue;
      await this.#guard(target, `start, ${stage.name}`, async () => {
        subjects.set(target, await this.#start(target, world));
      });
    }
    const started = [...subjects.keys()];
    const steps = scenarios.map((scenario): [Step, Target[]] => [
      {
        id: scenario.id,
        warmUps: scenario.warmUps ?? 1,
        measure: (target) => this.#measureOne(target, { scenario, subjects, world }),
      },
      started.filter(({ tls }) => scenario.withTls || !tls),
    ]);
    await this.#measureRounds(stage, steps);
    await Promise.all([...subjects.values()].map((subject) => end(subject, world)));
  }

  /** Whoever failed, or may be carrying what was cut, is started anew when it is its turn again: it shall not spoil the next. */
  async #measureOne(
    target: Target,
    { scenario, subjects, world }: {
      readonly scenario: Scenario;
      readonly subjects: Map<Target, Subject>;
      readonly world: World;
    },
  ): Promise<Samples> {
    const subject = subjects.get(target) ?? await this.#start(target, world);
    subjects.set(target, subject);
    let spoilt = true;
    try {
      const samples = await scenario.measure(subject);
      spoilt = scenario.cutsStreams === true && !target.isOurs;
      return samples;
    } finally {
      if (spoilt) {
        subjects.delete(target);
        await end(subject, world);
      }
    }
  }

  async #measureStarts(stage: Stage, world: World): Promise<void> {
    const service = await world.serve();
    const surroundings = this.#surroundings(world, service.port);
    const measure = async (target: Target): Promise<Samples> => {
      const { samples, tunnel } = await this.#setup.programs.allOrNothing(() =>
        measureStart(target, surroundings)
      );
      await endTunnel(tunnel);
      return samples;
    };
    const targets = this.#setup.targets.filter(({ id, tls }) => id !== "none" && !tls);
    await this.#measureRounds(stage, [[{ id: "start", warmUps: 1, measure }, targets]]);
    await service.program.end();
  }

  async #measureRounds(stage: Stage, steps: readonly (readonly [Step, readonly Target[]])[]): Promise<void> {
    const { rounds: wanted, budgetMs } = this.#setup.options;
    if (stage.warmsUp) {
      this.#setup.say(`${stage.name}: warming up`);
      // What a runtime compiles, and how large a transfer must be, is found out before anything counts.
      await this.#measureRound(steps, { number: 0, counts: false });
    }
    const endMs = this.#startMs + budgetMs * stage.share;
    let longestMs = 0;
    let rounds = 0;
    for (; rounds < wanted; rounds++) {
      const startMs = performance.now();
      if (rounds > 0 && startMs + longestMs > endMs) break;
      this.#setup.say(`${stage.name}: round ${rounds + 1} of ${wanted}`);
      await this.#measureRound(steps, { number: rounds, counts: true });
      longestMs = Math.max(longestMs, performance.now() - startMs);
    }
    this.#rounds = Math.min(this.#rounds, rounds);
  }

  /** Each round begins with another target, so that none always runs after the same one. */
  async #measureRound(
    steps: readonly (readonly [Step, readonly Target[]])[],
    { number, counts }: { readonly number: number; readonly counts: boolean },
  ): Promise<void> {
    for (const [{ id, warmUps, measure }, targets] of steps) {
      const order = [...targets];
      order.push(...order.splice(0, number % Math.max(1, order.length)));
      for (const target of order) {
        if (this.#isLeftOut(target, id)) continue;
        await this.#guard(target, id, async () => {
          if (counts) return this.#keep(target, await measure(target));
          for (let time = 0; time < warmUps; time++) await measure(target);
        });
      }
    }
  }

  #isLeftOut(target: Target, measurement: string): boolean {
    const failed = this.#failed.get(target);
    if (failed === undefined) return false;
    return target.isOurs || failed.size >= PEER_FAILURES || failed.has(measurement);
  }

  #surroundings(world: World, servicePort: number): Parameters<Target["start"]>[0] {
    const { programs, folder, certificates } = this.#setup;
    const { server, client, visitors, speaks } = world;
    return { programs, folder, server, client, visitors, servicePort, speaks, certificates };
  }

  #start(target: Target, world: World): Promise<Subject> {
    return this.#setup.programs.allOrNothing(async () => {
      const service = await world.serve();
      const tunnel = await target.start(this.#surroundings(world, service.port));
      return { target: target.id, load: world.visitors, service, tunnel };
    });
  }

  async #guard(target: Target, measurement: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const failed = this.#failed.get(target) ?? new Set();
      this.#failed.set(target, failed.add(measurement));
      const reason = messageOf(error);
      this.#failures.push({ target: target.id, measurement, reason, isOurs: target.isOurs });
      this.#setup.say(`${target.name} failed at ${measurement}: ${reason}`);
    }
  }

  #keep(target: Target, samples: Samples): void {
    const kept = this.#samples.get(target);
    for (const [measure, sample] of Object.entries(samples)) {
      if (!Number.isFinite(sample)) continue;
      const list = kept?.get(measure) ?? [];
      list.push(sample);
      kept?.set(measure, list);
    }
  }

  #findings(): BenchFindings {
    const { scenarios, idleStreams, targets } = this.#setup;
    return {
      rounds: Number.isFinite(this.#rounds) ? this.#rounds : 0,
      measures: [
        ...scenarios.flatMap(({ measures }) => measures),
        ...idleStreams.flatMap(idleMeasures),
        ...START_MEASURES,
      ],
      targets: targets.map((target) => ({
        id: target.id,
        name: target.name,
        tls: target.tls,
        samples: Object.fromEntries(this.#samples.get(target) ?? []),
      })),
      failures: this.#failures,
      leftOut: this.#leftOut,
    };
  }
}

async function end({ service, tunnel }: Subject, world: World): Promise<void> {
  await Promise.all([endTunnel(tunnel), world.endService(service)]);
}

async function endTunnel(tunnel: Tunnel): Promise<void> {
  const programs = [tunnel.client, tunnel.server].filter((program) => program !== undefined);
  await Promise.all(programs.map((program) => program.end()));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
