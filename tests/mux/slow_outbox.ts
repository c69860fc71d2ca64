/**
 * The outbox once more, with lists and without any thought of speed: the oracle of the fast one.
 *
 * @module
 */
import type { AnyOutbox } from "./fake_sender.ts";
import type { Sender } from "../../src/mux/outbox.ts";
import type { Priority } from "../../src/wire/messages.ts";

const ORDER: readonly Priority[] = ["critical", "high", "normal", "low"];
const SMALL_BYTES = 8 * 1024;
const BATCH_BYTES = 64 * 1024;
const CONTROL_BYTES = 256 * 1024;
const TURNS = 16;

/** One direction of a session, written down as its rules are spoken. */
export class SlowOutbox implements AnyOutbox {
  readonly #frameBytes: () => number;
  #control: Uint8Array[] = [];
  /** Everybody who waits, in the order of arrival. */
  #waiting: Sender[] = [];
  #skipped = new Map<Priority, number>();
  #afterWrite: (() => void)[] = [];
  #payload: Uint8Array | undefined;

  constructor(frameBytes: () => number) {
    this.#frameBytes = frameBytes;
  }

  control(frame: Uint8Array): boolean {
    const waits = this.#control.reduce((sum, waiting) => sum + waiting.length, 0);
    if (waits > 0 && waits + frame.length > CONTROL_BYTES) return false;
    this.#control.push(frame.slice());
    return true;
  }

  own(frame: Uint8Array): void {
    this.#control.push(frame.slice());
  }

  windowUpdate(streamId: number, increment: number): void {
    const frame = new DataView(new ArrayBuffer(13));
    frame.setUint32(0, 9);
    frame.setUint8(4, 2);
    frame.setUint32(5, streamId);
    frame.setUint32(9, increment);
    this.own(new Uint8Array(frame.buffer));
  }

  enqueue(sender: Sender): void {
    if (!this.#waiting.includes(sender)) this.#waiting.push(sender);
  }

  next(): Uint8Array | undefined {
    const payload = this.#payload;
    if (payload !== undefined) {
      this.#payload = undefined;
      return payload;
    }
    let bytes = this.#control.flatMap((frame) => [...frame]);
    this.#control = [];
    const limit = Math.max(SMALL_BYTES, Math.min(BATCH_BYTES, this.#frameBytes()));
    while (bytes.length < limit) {
      const sender = this.#turn();
      if (sender === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== sender);
      const rest = sender.chunk?.slice(sender.chunkStart) ?? new Uint8Array(0);
      const part = rest.slice(0, Math.min(rest.length, sender.creditBytes, this.#frameBytes()));
      const last = part.length === rest.length && sender.endQueued && sender.knowsHalfClose;
      if (part.length === 0 && !last) continue;
      sender.framed(part.length, last);
      const header = headerOf(sender.id, part.length, last);
      if (part.length > SMALL_BYTES) {
        this.#afterWrite.push(() => sender.released());
        // Alone in its write if it can be, so that it need not be copied; else behind what is there.
        if (bytes.length === 0 && sender.headroom) return Uint8Array.from([...header, ...part]);
        this.#payload = part;
        return Uint8Array.from([...bytes, ...header]);
      }
      bytes = [...bytes, ...header, ...part];
      sender.released();
      // What the sender had to say at that moment comes in the order in which it was said.
      bytes.push(...this.#control.flatMap((frame) => [...frame]));
      this.#control = [];
    }
    return bytes.length === 0 ? undefined : Uint8Array.from(bytes);
  }

  written(): void {
    if (this.#payload !== undefined) return;
    const done = this.#afterWrite;
    this.#afterWrite = [];
    for (const run of done) run();
  }

  /** Whose turn it is: the first of the highest priority, unless another priority was skipped too often. */
  #turn(): Sender | undefined {
    const first = ORDER.map((priority) => this.#waiting.find((sender) => sender.priority === priority));
    const [best, ...others] = first.filter((sender) => sender !== undefined);
    for (const other of others) {
      const skipped = (this.#skipped.get(other.priority) ?? 0) + 1;
      this.#skipped.set(other.priority, skipped);
      if (skipped <= TURNS) continue;
      this.#skipped.set(other.priority, 0);
      return other;
    }
    return best;
  }
}

function headerOf(streamId: number, payloadBytes: number, end: boolean): Uint8Array {
  const header = new DataView(new ArrayBuffer(10));
  header.setUint32(0, payloadBytes + 6);
  header.setUint8(4, 1);
  header.setUint32(5, streamId);
  header.setUint8(9, end ? 1 : 0);
  return new Uint8Array(header.buffer);
}
