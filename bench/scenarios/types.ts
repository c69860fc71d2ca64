/**
 * What a measurement is.
 *
 * @module
 */
import type { ScenarioName } from "../arguments.ts";
import type { Load, Service } from "../load.ts";
import type { Measure, SectionName } from "../results.ts";
import type { Tunnel } from "../targets/types.ts";

/** What is measured. */
export interface Subject {
  /** Id of the target. */
  readonly target: string;
  /** The load, where the visitors are. */
  readonly load: Load;
  readonly service: Service;
  readonly tunnel: Tunnel;
}

/** Samples by the id of their measure; one that this system cannot tell is missing or no number. */
export type Samples = Readonly<Record<string, number>>;

/** A measurement that is made in every round. */
export interface Scenario {
  readonly id: string;
  /** What selects it on the command line. */
  readonly name: ScenarioName;
  /** Where it is made. */
  readonly stage: Exclude<SectionName, "start">;
  readonly measures: readonly Measure[];
  /** Whether it is made with TLS, too. */
  readonly withTls: boolean;
  /**
   * Whether a stream is cut in the middle. Peers are started anew after that: one of them goes on carrying what nobody waits for.
   *
   * @default false
   */
  readonly cutsStreams?: boolean;
  /**
   * How often it is made before it counts. Where a runtime compiles what has run ten thousand times, a server that has
   * only just started is another one than that of every later day.
   *
   * @default 1
   */
  readonly warmUps?: number;
  /**
   * Measures once.
   *
   * @param subject What.
   * @returns A sample for each measure.
   * @throws {Error} when a byte was wrong or missing.
   */
  measure(subject: Subject): Promise<Samples>;
}
