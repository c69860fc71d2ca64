/**
 * A sweeper on a clock of the test's, and a peer that does what the test says.
 *
 * @module
 */
import { Heart } from "../../src/mux/heart.ts";
import type { MuxStream } from "../../src/mux/stream.ts";
import { type SessionLimits, Sweeper } from "../../src/mux/sweeper.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { limits } from "./support.ts";

/** With the ordinary limits, a round takes so long. */
export const ROUND_MS = 1_000;

/** A sweeper and what it sweeps. */
export interface Bench {
  readonly clock: FakeClock;
  readonly heart: Heart;
  readonly sweeper: Sweeper;
  readonly ends: string[];
  readonly streams: MuxStream[];
  readonly state: {
    writing: boolean;
    unread: boolean;
    bytesTaken: number;
    midControlFrame: boolean;
    reading: boolean;
    rounds: number;
    beats: number;
  };
}

/** Makes one. @param changes What differs from the ordinary limits. */
export function makeSweeper(changes: Partial<SessionLimits> = {}): Bench {
  const clock = new FakeClock();
  const ends: string[] = [];
  const streams: MuxStream[] = [];
  const state = {
    writing: false,
    unread: false,
    bytesTaken: 0,
    midControlFrame: false,
    reading: true,
    rounds: 0,
    beats: 0,
  };
  const heart = new Heart(clock, () => void state.beats++);
  const sweeper = new Sweeper(clock, limits(changes), {
    streams: () => streams,
    heart,
    writing: () => state.writing,
    unread: () => state.unread,
    bytesTaken: () => state.bytesTaken,
    midControlFrame: () => state.midControlFrame,
    reading: () => state.reading,
    swept: () => void state.rounds++,
    end: ({ code }) => void ends.push(code),
  });
  return { clock, heart, sweeper, ends, streams, state };
}

/** The peer answers a heartbeat. */
export function answer({ heart }: Bench): void {
  heart.heard();
  heart.acknowledged({ type: "heartbeat_ack", timestamp: 0n });
}

/** Moves time on; in every round the peer is heard, and answers. */
export function listen(bench: Bench, ms: number): void {
  const { clock } = bench;
  for (let left = ms; left > 0; left -= 100) {
    answer(bench);
    clock.advance(Math.min(100, left));
  }
}

/** Moves time on; the peer sends a heartbeat now and then, and answers none. */
export function tick({ clock, heart }: Bench, ms: number): void {
  for (let left = ms; left > 0; left -= 5_000) {
    heart.heard();
    clock.advance(Math.min(5_000, left));
  }
}

/** Whatever the moment within a round is at which a wait begins, its deadline is not early, and late by a round at most. */
export const OFFSETS = [0, 1, ROUND_MS / 2, ROUND_MS - 1];
