/**
 * What a client is handed beside its options.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import type { Runtime } from "../runtime/types.ts";
import type { ReadTlsFiles } from "./dialler.ts";
import type { ClientEvent } from "./events.ts";

/** What a client runs on. */
export interface ClientDependencies {
  readonly runtime: Runtime;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly counters?: Counters;
  /** Told what happens; must not throw. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** A number from 0 to 1, for the jitter. @default Math.random */
  readonly random?: () => number;
  /** Reads the TLS files before a dial. @default they stay as they are in the options */
  readonly readTls?: ReadTlsFiles;
}
