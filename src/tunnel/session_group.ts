/**
 * Sessions that are over but for what waits for slow readers, and how all sessions are stopped.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import type { Session } from "../mux/session.ts";
import { spawn } from "../spawn.ts";

/** Options of {@linkcode SessionGroup.stop}. */
export interface StopOptions {
  readonly clock: Clock;
  /** How long streams may go on. */
  readonly drainTimeoutMs: number;
  /** For people. */
  readonly reason: string;
}

/** Remembers sessions whose connection is gone while some of their streams still deliver what had arrived. */
export class SessionGroup {
  readonly #lingering = new Set<Session>();

  /** The session is over; it is remembered until its last stream is. */
  ended(session: Session): void {
    if (session.streamCount === 0) return;
    this.#lingering.add(session);
    spawn(async () => {
      await session.idle();
      this.#lingering.delete(session);
    }, () => {});
  }

  /**
   * Lets the streams of these sessions, and of those that linger, go on until they end or the time is over; then ends all.
   */
  async stop(live: readonly Session[], options: StopOptions): Promise<void> {
    const { clock, drainTimeoutMs, reason } = options;
    const sessions = [...live, ...this.#lingering];
    let cancel: CancelTimer = () => {};
    const deadline = new Promise<void>((resolve) => cancel = clock.setTimer(resolve, drainTimeoutMs));
    const drained = Promise.all(sessions.map(async (session) => {
      await session.drain("shutting_down");
      session.close(reason);
      await session.idle();
    }));
    await Promise.race([drained, deadline]);
    cancel();
    for (const session of sessions) session.destroy(reason);
  }
}
