/**
 * How many bytes of bulk a session has on their way, pure. What is given to the kernel cannot be overtaken any more: with
 * megabytes in its buffers, a small frame of another stream comes late although it is the next one to leave. So bulk is held
 * back while more is on its way than the link needs to be busy.
 *
 * How much that is tells a mark: a heartbeat among the data, whose answer says that everything before it has been read at the
 * other end, and how long that took. By Little's law, bytes on their way are the rate times the time they take. Then
 *
 *     capacity = bytes on their way when the mark was sent × (base + slack) / (time that the mark took)
 *
 * is just what keeps the link busy with `slack` of queue, whatever the rate is. `base` is the shortest time seen lately. A
 * capacity that was not used up says nothing and stays as it is; and since a queue that never empties would be taken for
 * distance, the capacity is halved for one round trip every few seconds, to see the distance alone.
 *
 * @module
 */

/** Least capacity: below it, a link would run dry between two turns of the event loop. */
export const MIN_FLIGHT_BYTES = 128 * 1024;
/** Most capacity: more than any link between two hosts needs, and than kernels buffer. */
export const MAX_FLIGHT_BYTES = 64 * 1024 * 1024;
/** A mark is sent for at least so much data, so that marks and their answers cost nothing beside it. */
export const MIN_MARK_BYTES = 32 * 1024;

/** Frames that a capacity is made of, at least. */
const FRAMES = 4;
/**
 * What may queue beside the distance: as long as a small frame may be delayed by bulk, if there are any; else as much as saves
 * marks.
 */
const SLACK_MS = { shared: 0.5, bulkOnly: 10 };
/**
 * Moments at which small frames left that tell, within so long, of streams that would notice the delay. Whoever waits for each answer
 * has one in a round trip, which the queue lengthens.
 */
const SHARED_MOMENTS = 4;
const SHARED_WITHIN = { ms: 200, roundTrips: 8 };
/** What leaves within so long is one moment: many bulk streams that begin together have small frames too, but only then. */
const MOMENT_MS = 20;
/** For so long more of them are expected. */
const SHARED_FOR = { ms: 1_000, roundTrips: 16 };
/** The same as a share of the base, since long links vary more. */
const SLACK_SHARE = 0.25;
/** Marks for each capacity: many where bulk would else leave in bursts as long as the queue, few where they come thick. */
const MARKS = { near: 4, far: 16 };
/** From here on a link is a far one. */
const FAR_MS = 5;
/** How long a base is believed before the queue is emptied to measure it anew. */
const BASE_AGE_MS = 10_000;
/** A base that is confirmed to so much is as good as measured anew. */
const BASE_TOLERANCE = 1.1;

interface Mark {
  readonly stamp: bigint;
  /** Bytes sent before it. */
  readonly position: number;
  readonly sentAt: number;
}

/**
 * Tells whether bulk may leave.
 *
 * @example
 * ```ts
 * import { Flight } from "./flight.ts";
 *
 * const flight = new Flight();
 * if (flight.open && flight.sent(1_000_000)) flight.marked(1n, 0);
 * flight.answered(1n, 5); // A millisecond value of the same clock.
 * ```
 */
export class Flight {
  #capacityBytes = MIN_FLIGHT_BYTES;
  #sentBytes = 0;
  #readBytes = 0;
  #markedBytes = 0;
  /** Bytes sent when bulk last had to wait. */
  #closedAt = -1;
  #marks: Mark[] = [];
  #baseMs = Infinity;
  #baseAt = -Infinity;
  /** Bytes sent when the capacity was last changed; a mark tells of it once as much again as the capacity has followed. */
  #changedAt = -MIN_FLIGHT_BYTES;
  /** Capacity to return to when the queue was emptied to measure the base. */
  #restoreBytes: number | undefined;
  #smallFrames = 0;
  /** Moments with small frames since `#countedAt`, and the last of them. */
  #moments = 0;
  #momentAt = -Infinity;
  #countedAt = 0;
  #sharedUntil = -Infinity;

  /** Bytes on their way that bulk may make up. */
  get capacityBytes(): number {
    return this.#capacityBytes;
  }

  /** The most payload that a frame should carry: not all of a capacity at once. */
  get frameBytes(): number {
    return Math.floor(this.#capacityBytes / FRAMES);
  }

  /** Bytes that the peer is not known to have read. */
  get flightBytes(): number {
    return this.#sentBytes - this.#readBytes;
  }

  /** Whether a mark has not been answered yet. */
  get unanswered(): boolean {
    return this.#marks.length > 0;
  }

  /** Whether bulk may leave. */
  get open(): boolean {
    return this.flightBytes < this.#capacityBytes;
  }

  /** Bytes were given to the kernel. @returns whether a mark is due */
  sent(bytes: number): boolean {
    this.#sentBytes += bytes;
    if (!this.open) this.#closedAt = this.#sentBytes;
    const marks = this.#baseMs > FAR_MS ? MARKS.far : MARKS.near;
    return this.#sentBytes - this.#markedBytes >= Math.max(MIN_MARK_BYTES, this.#capacityBytes / marks);
  }

  /** A mark was sent. @param stamp What its answer will carry. @param now Milliseconds. */
  marked(stamp: bigint, now: number): void {
    this.#markedBytes = this.#sentBytes;
    this.#marks.push({ stamp, position: this.#sentBytes, sentAt: now });
  }

  /**
   * A mark was answered.
   *
   * @param stamp What the answer carries.
   * @param now Milliseconds.
   * @param smallFrames Small data frames that were sent so far by streams that send such: whose delay matters.
   * @returns whether it was one of these; then bulk may be able to leave
   */
  answered(stamp: bigint, now: number, smallFrames = 0): boolean {
    const index = this.#marks.findIndex((mark) => mark.stamp === stamp);
    const mark = this.#marks[index];
    if (mark === undefined) return false;
    this.#marks.splice(0, index + 1);
    this.#readBytes = mark.position;
    this.#countSmall(smallFrames, now);
    this.#learn(mark, now);
    return true;
  }

  #countSmall(smallFrames: number, now: number): void {
    if (smallFrames > this.#smallFrames && now - this.#momentAt >= MOMENT_MS) {
      this.#moments++;
      this.#momentAt = now;
    }
    this.#smallFrames = smallFrames;
    if (this.#moments >= SHARED_MOMENTS) this.#sharedUntil = now + this.#longer(SHARED_FOR);
    else if (now - this.#countedAt < this.#longer(SHARED_WITHIN)) return;
    this.#moments = 0;
    this.#countedAt = now;
  }

  /** @returns Milliseconds. */
  #longer({ ms, roundTrips }: { readonly ms: number; readonly roundTrips: number }): number {
    return this.#baseMs === Infinity ? ms : Math.max(ms, roundTrips * this.#baseMs);
  }

  #learn(mark: Mark, now: number): void {
    const tookMs = Math.max(now - mark.sentAt, 0.01);
    if (tookMs <= this.#baseMs * BASE_TOLERANCE) {
      this.#baseMs = Math.min(this.#baseMs, tookMs);
      this.#baseAt = now;
    }
    if (this.#restoreBytes !== undefined) {
      if (mark.position > this.#changedAt) this.#measuredBase(tookMs, now);
      return;
    }
    if (mark.position <= this.#changedAt + this.#capacityBytes) return;
    if (now - this.#baseAt > BASE_AGE_MS) return this.#measureBase();
    const slackMs = now < this.#sharedUntil ? SLACK_MS.shared : SLACK_MS.bulkOnly;
    const wantedMs = this.#baseMs * (1 + SLACK_SHARE) + slackMs;
    const limited = this.#closedAt >= mark.position;
    if (tookMs <= wantedMs && !limited) return;
    const bounded = this.#capacityBytes * Math.min(2, Math.max(0.5, wantedMs / tookMs));
    this.#setCapacity(bounded);
  }

  #setCapacity(bytes: number): void {
    this.#capacityBytes = Math.min(MAX_FLIGHT_BYTES, Math.max(MIN_FLIGHT_BYTES, Math.round(bytes)));
    this.#changedAt = this.#sentBytes;
  }

  #measureBase(): void {
    this.#restoreBytes = this.#capacityBytes;
    this.#setCapacity(this.#capacityBytes / 2);
  }

  #measuredBase(tookMs: number, now: number): void {
    const restored = this.#restoreBytes ?? this.#capacityBytes;
    this.#restoreBytes = undefined;
    this.#baseMs = tookMs;
    this.#baseAt = now;
    this.#setCapacity(restored);
  }
}
