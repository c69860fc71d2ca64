/**
 * The end of a turn of the event loop, for runtimes that run microtasks after each event.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** Calls `task` when every event that was waiting has been delivered. */
export function afterTurn(task: () => void): void {
  setImmediate(task);
}
