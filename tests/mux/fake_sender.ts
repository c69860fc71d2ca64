/**
 * Senders for the tests of the outbox, which behave as streams do.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Outbox, Sender } from "../../src/mux/outbox.ts";
import type { Priority } from "../../src/wire/messages.ts";

/** The part of an outbox that its oracle has too. */
export type AnyOutbox = Pick<Outbox, "control" | "own" | "windowUpdate" | "enqueue" | "next" | "written">;

/** What a {@linkcode FakeSender} is made from. */
export interface FakeSenderOptions {
  readonly id: number;
  readonly priority?: Priority;
  /** @default unlimited */
  readonly creditBytes?: number;
  /** @default true */
  readonly headroom?: boolean;
  /** @default true */
  readonly knowsHalfClose?: boolean;
}

const HEADROOM_BYTES = 12;

/** A sender whose every payload byte is its id. */
export class FakeSender implements Sender {
  readonly id: number;
  readonly priority: Priority;
  readonly knowsHalfClose: boolean;
  readonly headroom: boolean;
  chunk: Uint8Array | undefined;
  chunkStart = 0;
  endQueued = false;
  meanBytes = 0;
  queued = false;
  next: Sender | undefined;
  creditBytes: number;
  /** How often the memory of a frame became free. */
  releases = 0;
  /** Bytes of each frame, with `true` when it was the last. */
  readonly frames: [bytes: number, ended: boolean][] = [];
  /** Called when a chunk is done. */
  whenDone: () => void = () => {};
  readonly #outbox: AnyOutbox;
  #ended = false;

  constructor(outbox: AnyOutbox, options: FakeSenderOptions) {
    this.#outbox = outbox;
    this.id = options.id;
    this.priority = options.priority ?? "normal";
    this.creditBytes = options.creditBytes ?? Infinity;
    this.headroom = options.headroom ?? true;
    this.knowsHalfClose = options.knowsHalfClose ?? true;
  }

  /** Queues a chunk, unless one is there. */
  send(bytes: number): void {
    if (this.chunk !== undefined || this.endQueued || this.#ended || bytes === 0) return;
    this.chunk = new Uint8Array(HEADROOM_BYTES + bytes).fill(this.id);
    this.chunk.fill(0, 0, HEADROOM_BYTES);
    this.chunkStart = HEADROOM_BYTES;
    if (this.creditBytes > 0) this.#outbox.enqueue(this);
  }

  /** Queues the end. */
  end(): void {
    if (this.endQueued || this.#ended) return;
    this.endQueued = true;
    if (this.chunk === undefined || this.creditBytes > 0) this.#outbox.enqueue(this);
  }

  /** Gives credit. */
  grant(bytes: number): void {
    this.creditBytes += bytes;
    if (this.chunk !== undefined) this.#outbox.enqueue(this);
  }

  /** The stream is over: nothing more is sent. */
  close(): void {
    this.chunk = undefined;
    this.endQueued = false;
    this.#ended = true;
  }

  framed(bytes: number, ended: boolean): void {
    assert(!this.#ended, "a frame after the last");
    assert(bytes <= this.creditBytes, "a frame beyond the credit");
    this.creditBytes -= bytes;
    this.chunkStart += bytes;
    this.frames.push([bytes, ended]);
    if (ended) {
      this.#ended = true;
      this.endQueued = false;
    }
  }

  released(): void {
    this.releases++;
    if (this.chunk === undefined) return;
    if (this.chunkStart < this.chunk.length) {
      if (this.creditBytes > 0) this.#outbox.enqueue(this);
      return;
    }
    this.chunk = undefined;
    if (this.endQueued) this.#outbox.enqueue(this);
    else this.whenDone();
  }
}
