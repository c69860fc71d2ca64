/**
 * A session and a peer that says what a peer may say, and now and then what it may not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { encodeGoAway, GO_AWAY_CODES, writeU32 } from "../../src/wire/frame.ts";
import type { CloseReason } from "../../src/wire/messages.ts";
import { accept, close, credit, data, makeRawPeer, open, type RawPeer } from "../mux/raw_peer.ts";
import type { Dice } from "./_dice.ts";
import { Mutator } from "./_mutator.ts";
import type { FuzzTarget } from "./_target.ts";
import { FRAME_MATERIAL } from "./_wire_inputs.ts";

const WINDOW_BYTES = 4096;
const MAX_STREAMS = 8;
const SMALL_SIZES = [0, 1, 2, 100, 600];
const SIZES = [WINDOW_BYTES / 2, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1];
const CREDITS = [1, 15, 16, 1000, 65_536, 0x7fff_ffff];
const REASONS: readonly CloseReason[] = [
  { kind: "normal" },
  { kind: "timeout" },
  { kind: "error", message: "e" },
  { kind: "protocol_violation" },
];
/** Shorter and longer than each deadline. */
const WAITS_MS = [1, 100, 900, 4_000, 9_999, 20_001, 60_000, 400_000];
/** Around what is allowed at once. */
const FLOODS = [50, 300, 1_100];
const STREAM_ID_OFFSET = 5;

const frames = new Mutator(FRAME_MATERIAL);

/** A run. */
class Conversation {
  readonly #dice: Dice;
  readonly #peer: RawPeer;
  /** The next stream that the peer opens. */
  #nextId: number;

  constructor(dice: Dice) {
    this.#dice = dice;
    const role = dice.pick(["server", "client"] as const);
    this.#nextId = role === "server" ? 1 : 2;
    this.#peer = makeRawPeer({
      role,
      limits: { windowBytes: WINDOW_BYTES, maxStreams: MAX_STREAMS },
      extended: !dice.once(4),
      established: !dice.once(16),
    });
    const { owner } = this.#peer;
    owner.eager = !dice.once(3);
    owner.accepts = !dice.once(4);
    owner.refusal = dice.once(16) ? "Refused" : undefined;
  }

  /** @returns whether the session was still alive in the end */
  async run(): Promise<boolean> {
    for (let steps = 1 + this.#dice.roll(12); steps > 0; steps--) await this.#step();
    const peer = this.#peer;
    const ends = peer.owner.ends.length;
    if (this.#dice.once(2)) peer.session.close("The run is over");
    await peer.settle();
    peer.session.destroy("The run is over");
    await peer.settle();
    assert.equal(peer.owner.ends.length, 1, "a session ends once");
    assert.equal(peer.session.streamCount, 0);
    assert.equal(peer.memory.usedBytes, 0, "nothing stays in memory");
    assert.equal(peer.clock.pending, 0, "no timer is left");
    for (const { closes, name } of peer.owner.drivers) assert.equal(closes.length, 1, `${name} closes once`);
    return ends === 0;
  }

  #step(): Promise<void> {
    const dice = this.#dice;
    switch (dice.roll(16)) {
      case 0:
        return this.#peer.say(this.#changedFrame());
      case 1:
        if (dice.once(8)) return this.#happenRarely();
        this.#peer.clock.advance(dice.pick(WAITS_MS));
        return this.#peer.settle();
      case 2:
      case 3:
      case 4:
      case 5:
        this.#actLocally();
        return this.#peer.settle();
      default:
        return this.#peer.say(...Array.from({ length: 1 + dice.roll(4) }, () => this.#plausibleFrame()));
    }
  }

  #happenRarely(): Promise<void> {
    const dice = this.#dice;
    const { session, link, say, settle } = this.#peer;
    switch (dice.roll(6)) {
      case 0:
        link.ends[1].closeWrite();
        return settle();
      case 1:
        link.ends[1].reset();
        return settle();
      case 2:
        void session.drain("shutting_down"); // Resolves at the latest when the session ends.
        return settle();
      case 3:
        void session.probe(dice.pick(WAITS_MS));
        return settle();
      default: {
        const frame = this.#plausibleFrame();
        return say(...Array.from({ length: dice.pick(FLOODS) }, () => frame));
      }
    }
  }

  #plausibleFrame(): Uint8Array {
    const dice = this.#dice;
    switch (dice.roll(10)) {
      case 0:
      case 1:
        this.#nextId += dice.once(16) ? 2 * (1 + dice.roll(4)) : 2;
        return open(this.#nextId - 2);
      case 2:
      case 3:
      case 4:
        return data(this.#someId(), this.#size(), dice.once(4));
      case 5:
        return credit(this.#someId(), dice.pick(CREDITS));
      case 6:
        return close(this.#someId(), dice.pick(REASONS));
      case 7:
        return accept(this.#someId());
      case 8:
        return encodeControl({ type: dice.once(2) ? "heartbeat" : "heartbeat_ack", timestamp: 1n });
      default:
        return dice.once(8)
          ? encodeGoAway(dice.pick(GO_AWAY_CODES))
          : encodeControl({ type: "stream_ack", streamId: this.#someId(), status: "rejected" });
    }
  }

  /** A frame that is changed, which may stand for a stream that is there. */
  #changedFrame(): Uint8Array {
    frames.begin(this.#dice);
    frames.change(this.#dice, 3);
    if (frames.length >= STREAM_ID_OFFSET + 4 && this.#dice.once(2)) {
      writeU32(frames.bytes, STREAM_ID_OFFSET, this.#someId());
    }
    return frames.bytes.slice(0, frames.length);
  }

  /** Mostly of a stream that is or was there. */
  #someId(): number {
    const { drivers } = this.#peer.owner;
    if (drivers.length === 0 || this.#dice.once(64)) return this.#dice.roll(12);
    return this.#dice.pick(drivers).stream.id;
  }

  #size(): number {
    return this.#dice.pick(this.#dice.once(6) ? SIZES : SMALL_SIZES);
  }

  #actLocally(): void {
    const dice = this.#dice;
    const { owner, session } = this.#peer;
    if (dice.once(3) && session.open && session.streamCount < MAX_STREAMS) {
      owner.drive(session.openStream({ protocol: "tcp" }), "local");
      return;
    }
    if (owner.drivers.length === 0) return;
    const driver = dice.pick(owner.drivers);
    switch (dice.roll(7)) {
      case 0:
        if (!driver.closed) driver.reset();
        break;
      case 1:
        driver.finish();
        break;
      case 2:
        driver.relax();
        break;
      case 3:
        driver.consume(this.#size());
        break;
      case 4:
        if (!driver.closed && !driver.stream.opener && !driver.stream.acceptSent) driver.stream.accept();
        break;
      default:
        driver.send(this.#size());
    }
  }
}

/** A session. */
export const SESSION_TARGETS: readonly FuzzTarget[] = [
  { name: "session", hasOracle: false, run: (dice) => new Conversation(dice).run() },
];
