/**
 * What the sessions and relays of one server or client share.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { BufferPool } from "../mux/buffer_pool.ts";
import { MemoryBudget } from "../mux/memory_budget.ts";
import type { SessionEnvironment } from "../mux/session_types.ts";
import type { Counters } from "../observe/counters.ts";
import type { Limits } from "./options.ts";
import type { RelayEnvironment } from "./read_buffer.ts";

/** Free buffers that are kept for reuse. */
const POOL_BYTES = 16 * 1024 * 1024;
/** What read buffers may grow to beyond their smallest size, all together. */
const READ_BYTES = 64 * 1024 * 1024;

/** Clock, counters, buffers and budgets. */
export type TunnelEnvironment = SessionEnvironment & RelayEnvironment;

/** Makes an environment. */
export function createEnvironment(
  options: { readonly clock: Clock; readonly counters: Counters; readonly limits: Limits },
): TunnelEnvironment {
  const { clock, counters, limits } = options;
  return {
    clock,
    counters,
    pool: new BufferPool({ keepBytes: POOL_BYTES }),
    memory: new MemoryBudget(limits.processBufferBytes),
    readMemory: new MemoryBudget(READ_BYTES),
  };
}
