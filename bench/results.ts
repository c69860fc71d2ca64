/**
 * What a run of the bench found, as it is written to JSON.
 *
 * @module
 */
import type { Machine } from "./machine.ts";

/** Ends the ids of the measures that tell processor time. */
export const COST_SUFFIX = "-cpu";

/** The parts of the tables: on this machine, HTTP, over a line, and coming up. */
export type SectionName = "loopback" | "http" | "line" | "start";

/** A row of the tables. */
export interface Measure {
  readonly id: string;
  /** Names it to people, with its unit. */
  readonly label: string;
  /** Which way is better. */
  readonly better: "more" | "less";
  /** Decimal places in the tables. */
  readonly digits: number;
  /** The tables that it stands in. @default "loopback" */
  readonly section?: SectionName;
}

/** A column of the tables. */
export interface MeasuredTarget {
  readonly id: string;
  readonly name: string;
  readonly tls: boolean;
  /** Samples by the id of the measure, one a round; a measure that does not apply is missing. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/** Something that could not be measured, or was wrong. */
export interface Failure {
  /** Id of the target. */
  readonly target: string;
  /** What was being measured. */
  readonly measurement: string;
  readonly reason: string;
  /** Whether it is this project's failure, and not a peer's. */
  readonly isOurs: boolean;
}

/** A whole run. */
export interface Results {
  /** ISO 8601, UTC. */
  readonly date: string;
  /** Empty outside of a clone; with a `+` when files were changed. */
  readonly commit: string;
  readonly machine: Machine;
  /** Version of each program that took part, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What the load is written in. */
  readonly load: "C" | "TypeScript";
  /** Who sent HTTP requests to whom. */
  readonly web: string;
  /** Peers that were not found. */
  readonly missing: readonly string[];
  /** What could not be measured on this machine, and why. */
  readonly leftOut: readonly string[];
  readonly quick: boolean;
  /** Rounds that were done, the least of all parts. */
  readonly rounds: number;
  readonly sampleMs: number;
  /** Seconds the whole run took. */
  readonly seconds: number;
  readonly measures: readonly Measure[];
  readonly targets: readonly MeasuredTarget[];
  readonly failures: readonly Failure[];
}
