/**
 * Every deadline of a session, on one timer: a timer for each stream would cost more than the stream.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import type { Heart } from "./heart.ts";
import { UNCONTROLLED_QUEUE_BYTES } from "./read_gate.ts";
import type { SessionEnd } from "./session_end.ts";
import type { MuxStream } from "./stream.ts";

/** Limits and deadlines of a session. Times in milliseconds. */
export interface SessionLimits {
  /** Initial window of every stream. */
  readonly windowBytes: number;
  /** How far a stream's window may grow. */
  readonly maxWindowBytes: number;
  /** Bytes that may wait for slow readers. */
  readonly sessionBufferBytes: number;
  /** Streams open at once. */
  readonly maxStreams: number;
  /** Streams that the peer may open and reset, at once and again with each second. */
  readonly maxResetsPerSecond: number;
  readonly openTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly deadAfterMs: number;
  readonly writeStallTimeoutMs: number;
  readonly halfCloseLingerMs: number;
  readonly streamStallTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

/** What is swept. */
export interface Swept {
  streams(): Iterable<MuxStream>;
  readonly heart: Heart;
  /** Whether a write is in flight. */
  writing(): boolean;
  /** Whether the peer owes a sign that it has read what was written; the kernel may take much that nobody ever reads. */
  unread(): boolean;
  /** Bytes that the kernel has taken so far, in part of a write too; a slow link may need long for a whole one. */
  bytesTaken(): number;
  /** Whether a control frame is incomplete. */
  midControlFrame(): boolean;
  /** Whether the session reads at the moment; it cannot hear the peer otherwise. */
  reading(): boolean;
  /** A round is over. */
  swept(): void;
  /** The session must end. */
  end(end: SessionEnd): void;
}

/** Longest time between two rounds. */
const MAX_ROUND_MS = 1_000;
/** An incomplete control frame must make progress within this. */
export const CONTROL_FRAME_TIMEOUT_MS = 10_000;
/**
 * What a peer of plain version 1 is given: it sends a heartbeat every 30 s only, and one slow reader on its side keeps it
 * from reading at all for as long.
 */
const VERSION_1_DEAD_AFTER_MS = 90_000;
/**
 * After so many rounds in a row in which something arrived, more is on the way, and the answer to a heartbeat may stand
 * behind it. A link that has lost this side's direction cannot bring so much: without acknowledgements the peer's TCP stops
 * after what it had under way. Heartbeats alone are at least four rounds apart.
 */
const STEADY_ROUNDS = 3;

/** Runs the rounds. A deadline of N ms fires between N and N plus one round after what it waits for began. */
export class Sweeper {
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  readonly #swept: Swept;
  readonly #roundMs: number;
  #cancel: CancelTimer = () => {};
  #lastRoundAt: number;
  #established = false;
  #deadAfterMs: number;
  #writeStallTimeoutMs: number;
  #ageMs = 0;
  #silentMs = 0;
  /** At least since a heartbeat was answered; undefined where the peer need not answer. */
  #unansweredMs: number | undefined;
  readonly #unansweredLimitMs: number;
  #heardRounds = 0;
  #sinceHeartbeatMs = 0;
  #writeStalledMs = 0;
  #bytesTaken = 0;
  #unreadMs = 0;
  #frameStalledMs = 0;
  #beats = false;
  #onlyStreams = false;

  /** @param clock The clock. @param limits The deadlines. @param swept What is swept. */
  constructor(clock: Clock, limits: SessionLimits, swept: Swept) {
    this.#clock = clock;
    this.#limits = limits;
    this.#swept = swept;
    this.#deadAfterMs = limits.deadAfterMs;
    this.#writeStallTimeoutMs = limits.writeStallTimeoutMs;
    const shortest = Math.min(
      limits.openTimeoutMs,
      limits.heartbeatIntervalMs,
      limits.deadAfterMs,
      limits.writeStallTimeoutMs,
      limits.halfCloseLingerMs,
      limits.streamStallTimeoutMs,
      limits.handshakeTimeoutMs,
    );
    this.#roundMs = Math.min(MAX_ROUND_MS, Math.max(10, shortest / 4));
    // A round less, since a deadline is as late as that: a link that dies is noticed before the time is over. And a heartbeat
    // that leaves an interval after the last answer needs time to be answered.
    this.#unansweredLimitMs = Math.max(limits.deadAfterMs - this.#roundMs, 2 * limits.heartbeatIntervalMs);
    this.#lastRoundAt = clock.now();
    this.#schedule();
  }

  /** The handshake is over. @param extended Whether the peer is one of ours @param beats Whether to send heartbeats */
  established(extended: boolean, beats: boolean): void {
    this.#established = true;
    this.#beats = beats;
    if (!extended) {
      const { deadAfterMs, writeStallTimeoutMs } = this.#limits;
      this.#deadAfterMs = Math.max(deadAfterMs, VERSION_1_DEAD_AFTER_MS);
      this.#writeStallTimeoutMs = Math.max(writeStallTimeoutMs, VERSION_1_DEAD_AFTER_MS);
    }
    if (!beats) return;
    this.#swept.heart.beat();
    if (extended) this.#unansweredMs = 0;
  }

  /** Bytes left, or there was nothing to write. */
  wroteSomething(): void {
    this.#writeStalledMs = 0;
  }

  /** The peer has read some of what was written, and said so: it has answered a heartbeat among it. */
  peerRead(): void {
    this.#unreadMs = 0;
    if (this.#unansweredMs !== undefined) this.#unansweredMs = 0;
  }

  /** The connection is gone; only streams that still wait for their readers have deadlines. */
  onlyStreams(): void {
    this.#onlyStreams = true;
  }

  /** No more rounds. */
  stop(): void {
    this.#cancel();
    this.#cancel = () => {};
  }

  #schedule(): void {
    this.#cancel = this.#clock.setTimer(() => this.#round(), this.#roundMs);
  }

  #round(): void {
    const now = this.#clock.now();
    const elapsedMs = now - this.#lastRoundAt;
    this.#lastRoundAt = now;
    this.#schedule();
    // After a blocked event loop or a suspended machine this timer comes late, and before the bytes that wait in the
    // kernel. Such a time says nothing about the peer: it counts as one round, no longer.
    this.#advance(Math.min(elapsedMs, this.#roundMs * 2));
  }

  #advance(elapsedMs: number): void {
    if (!this.#onlyStreams && this.#sessionIsOver(elapsedMs)) return;
    for (const stream of [...this.#swept.streams()]) sweepStream(stream, elapsedMs, this.#limits);
    this.#swept.swept();
  }

  /** The deadlines of the session itself. @returns whether there is no more to sweep */
  #sessionIsOver(elapsedMs: number): boolean {
    const { heart } = this.#swept;
    const limits = this.#limits;
    const heard = heart.takeHeard() || !this.#swept.reading();
    this.#silentMs = heard ? 0 : this.#silentMs + elapsedMs;
    this.#heardRounds = heard ? this.#heardRounds + 1 : 0;
    this.#frameStalledMs = heard || !this.#swept.midControlFrame() ? 0 : this.#frameStalledMs + elapsedMs;
    const bytesTaken = this.#swept.bytesTaken();
    if (bytesTaken !== this.#bytesTaken) this.wroteSomething();
    this.#bytesTaken = bytesTaken;
    this.#writeStalledMs = waited(this.#writeStalledMs, elapsedMs, this.#swept.writing());
    this.#unreadMs = waited(this.#unreadMs, elapsedMs, this.#swept.unread());
    if (!this.#established) {
      this.#ageMs += elapsedMs;
      if (this.#ageMs >= limits.handshakeTimeoutMs) {
        const message = `The handshake took longer than ${limits.handshakeTimeoutMs} ms`;
        this.#swept.end({ code: "handshake_timeout", message });
      }
      return true;
    }
    if (this.#peerIsDead(elapsedMs)) return true;
    if (this.#frameStalledMs >= CONTROL_FRAME_TIMEOUT_MS) {
      this.#swept.end({ code: "protocol_error", message: "A control frame began and did not continue" });
      return true;
    }
    const stalledMs = Math.max(this.#writeStalledMs, this.#unreadMs);
    if (stalledMs >= this.#writeStallTimeoutMs) {
      const message = `The peer took no bytes for ${Math.round(stalledMs)} ms`;
      this.#swept.end({ code: "write_stalled", message, deadMs: stalledMs });
      return true;
    }
    this.#sinceHeartbeatMs += elapsedMs;
    if (this.#beats && this.#sinceHeartbeatMs >= limits.heartbeatIntervalMs) {
      this.#sinceHeartbeatMs = 0;
      heart.beat();
    }
    return false;
  }

  /**
   * Whether the peer is gone: because nothing arrives, or, on a link that is dead in one direction, because nothing of what
   * is sent arrives there, whatever the peer itself sends.
   *
   * @returns whether the session has ended for that
   */
  #peerIsDead(elapsedMs: number): boolean {
    const silentMs = Math.round(this.#silentMs);
    if (this.#silentMs >= this.#deadAfterMs) {
      const message = `Nothing arrived from the peer for ${silentMs} ms`;
      this.#swept.end({ code: "peer_silent", message, deadMs: this.#silentMs });
      return true;
    }
    if (this.#unansweredMs === undefined) return false;
    // An answer counts from the beginning of its round, so that the heartbeat after it, which leaves in a round, is given
    // the same time whenever the answer came. Where an answer may have come and not been read, as if one had just left.
    const mayStandBehind = !this.#swept.reading() || this.#heardRounds >= STEADY_ROUNDS;
    if (this.#swept.heart.takeAnswered()) this.#unansweredMs = 0;
    else if (mayStandBehind) {
      this.#unansweredMs = Math.min(this.#unansweredMs, this.#limits.heartbeatIntervalMs);
    }
    this.#unansweredMs += elapsedMs;
    if (this.#unansweredMs < this.#unansweredLimitMs) return false;
    const unansweredMs = Math.round(this.#unansweredMs);
    const message =
      `The peer answered no heartbeat for ${unansweredMs} ms, and sent nothing for ${silentMs} ms`;
    this.#swept.end({ code: "peer_silent", message, deadMs: this.#unansweredMs });
    return true;
  }
}

/** A wait that was first seen in this round. It may have begun just before, and no deadline may be early. */
const BEGUN_MS = Number.MIN_VALUE;

/** How long something has waited, from how long it had (0: not at all, or it has moved since) at the last round. */
function waited(beforeMs: number, elapsedMs: number, waits: boolean): number {
  if (!waits) return 0;
  return beforeMs === 0 ? BEGUN_MS : beforeMs + elapsedMs;
}

/**
 * How long a service that has ended its direction still waits for more from its visitor, on a server of version 1: such a
 * server may have dropped the visitor without a word.
 */
const VERSION_1_LINGER_MS = 10_000;

/**
 * A reader that takes nothing for so long is given up when its queue is what keeps a session of version 1 from reading: all
 * other streams wait for it.
 */
export const VERSION_1_STALL_MS = 30_000;

function sweepStream(stream: MuxStream, elapsedMs: number, limits: SessionLimits): void {
  const { waits, halfClosed } = stream;
  stream.recountStalledSend();
  // The peer may be a server of version 1, which does not say that a visitor was lost: then silence is all there is.
  const onVersion1Server = !stream.knowsHalfClose && !stream.opener;
  const holdsUpOthers = !stream.knowsHalfClose && stream.bufferedBytes > UNCONTROLLED_QUEUE_BYTES;
  const stallTimeoutMs = holdsUpOthers
    ? Math.min(limits.streamStallTimeoutMs, VERSION_1_STALL_MS)
    : limits.streamStallTimeoutMs;
  waits.accept = waited(waits.accept, elapsedMs, stream.awaitsAccept);
  waits.reader = waited(waits.reader, elapsedMs, stream.bufferedBytes > 0);
  waits.idle = waited(waits.idle, elapsedMs, halfClosed || onVersion1Server);
  if (
    waits.accept >= limits.openTimeoutMs ||
    waits.reader >= stallTimeoutMs ||
    waits.idle >= limits.halfCloseLingerMs
  ) stream.reset({ kind: "timeout" });
  else if (onVersion1Server && halfClosed && waits.idle >= VERSION_1_LINGER_MS) {
    stream.reset({ kind: "normal" });
  }
}
