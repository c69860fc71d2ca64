/**
 * Signs of life and the round trip.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Heartbeat, HeartbeatAck } from "../wire/messages.ts";

/** While data flows, the round trip is measured again after so long: under load it is not what it was at the start. */
export const RTT_MAX_AGE_MS = 1_000;

/** Sends heartbeats, measures round trips and answers whether the peer is alive. */
export class Heart {
  readonly #clock: Clock;
  readonly #send: (message: Heartbeat) => void;
  #sentAt: number | undefined;
  #timestamp = 0n;
  #lastTimestamp = 0n;
  #measuredAt = -Infinity;
  #rttMs: number | undefined;
  #heard = true;
  #answered = false;
  #waiting: ((alive: boolean) => void)[] = [];
  #acknowledgements: (() => void)[] = [];

  /** @param clock The clock. @param send Sends a heartbeat to the peer. */
  constructor(clock: Clock, send: (message: Heartbeat) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** The last measured round trip in milliseconds. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The round trip as flow control asks for it: an old one is measured again for the next time. */
  rttForGrowth(): number | undefined {
    if (this.#sentAt === undefined && this.#clock.now() - this.#measuredAt > RTT_MAX_AGE_MS) this.beat();
    return this.#rttMs;
  }

  /** Something arrived from the peer. */
  heard(): void {
    this.#heard = true;
    if (this.#waiting.length > 0) this.#answer(true);
  }

  /** Whether something arrived since the last call. */
  takeHeard(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }

  /** Whether the peer has answered a heartbeat since the last call. */
  takeAnswered(): boolean {
    const answered = this.#answered;
    this.#answered = false;
    return answered;
  }

  /** Sends a heartbeat. */
  beat(): void {
    this.#timestamp = this.mark();
    this.#sentAt = this.#clock.now();
  }

  /** Sends a heartbeat whose answer the caller looks for. @returns its timestamp, never the same twice */
  mark(): bigint {
    const now = BigInt(Math.floor(this.#clock.wall()));
    this.#lastTimestamp = now > this.#lastTimestamp ? now : this.#lastTimestamp + 1n;
    this.#send({ type: "heartbeat", timestamp: this.#lastTimestamp });
    return this.#lastTimestamp;
  }

  /**
   * The peer answered a heartbeat.
   *
   * @param message Its answer.
   * @param echoes Whether it answers with the heartbeat's own timestamp. Peers of version 1 put their own time there.
   */
  acknowledged(message: HeartbeatAck, echoes = true): void {
    this.#answered = true;
    if (this.#sentAt === undefined || (echoes && message.timestamp !== this.#timestamp)) return;
    this.#measuredAt = this.#clock.now();
    this.#rttMs = this.#measuredAt - this.#sentAt;
    this.#sentAt = undefined;
    this.#acknowledge();
  }

  /** Sends a heartbeat. Resolves with whether anything arrives from the peer within `timeoutMs`. */
  probe(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(() => {
        this.#waiting = this.#waiting.filter((entry) => entry !== answer);
        resolve(false);
      }, timeoutMs);
      const answer = (alive: boolean): void => {
        cancel();
        resolve(alive);
      };
      this.#waiting.push(answer);
      this.beat();
    });
  }

  /**
   * Sends a heartbeat. Resolves when the peer has answered it, and so has read whatever was sent before it; or after
   * `timeoutMs`, or when the session is over.
   */
  roundTrip(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(resolve, timeoutMs);
      this.#acknowledgements.push(() => {
        cancel();
        resolve();
      });
      this.beat();
    });
  }

  /** The session is over. */
  stop(): void {
    this.#answer(false);
    this.#acknowledge();
  }

  #acknowledge(): void {
    const waiting = this.#acknowledgements;
    this.#acknowledgements = [];
    for (const acknowledge of waiting) acknowledge();
  }

  #answer(alive: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answer of waiting) answer(alive);
  }
}
