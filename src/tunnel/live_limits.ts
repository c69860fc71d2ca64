/**
 * Which limits of a server can change while it runs.
 *
 * @module
 */
import type { ServerLimits } from "./options.ts";

/** Limits that count only from a restart on. */
export const RESTART_LIMITS: ReadonlySet<string> = new Set<keyof ServerLimits>([
  "processBufferBytes",
  "reclaimGraceMs",
]);
