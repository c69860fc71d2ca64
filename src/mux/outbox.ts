/**
 * The order in which bytes leave a session. Pure: it turns what is waiting into one buffer after the other; whoever owns
 * the connection writes them, one at a time.
 *
 * Control frames go first, then streams by priority, in turn within a priority. A small frame is copied behind the
 * control frames, so that many leave in one write; a large one leaves as it is, with its header written into the room in
 * front of it.
 *
 * @module
 */
import type { Priority } from "../wire/messages.ts";
import { DATA_HEADER_BYTES } from "../wire/limits.ts";
import { WINDOW_UPDATE_BYTES, writeDataHeader, writeWindowUpdate } from "../wire/frame.ts";

/** Payloads up to this size are copied into a joint write; above it, a write of their own is cheaper than the copy. */
export const MAX_COPIED_PAYLOAD_BYTES = 8 * 1024;
/** Size of a joint write. */
export const BATCH_BYTES = 64 * 1024;
/** Most bytes that may wait when a control frame is to answer the peer. A peer that asks on meanwhile does not read. */
export const MAX_QUEUED_CONTROL_BYTES = 256 * 1024;
/** What a stream's frames carried lately counts an eighth of the way to the newest of them. */
const MEAN_SHIFT = 3;
/** Turns that a lower priority waits while a higher one is busy before it gets one, so that it never starves. */
export const MAX_TURNS_PASSED_OVER = 16;

/** A stream as the outbox sees it: at most one chunk at a time, and perhaps the end of its direction. */
export interface Sender {
  readonly id: number;
  readonly priority: Priority;
  /** The chunk's buffer, or undefined when there is none. */
  chunk: Uint8Array | undefined;
  /** Where the payload that is not sent yet begins in `chunk`. */
  chunkStart: number;
  /** Whether the header's ten bytes in front of `chunkStart` may be overwritten. */
  headroom: boolean;
  /** Whether the direction ends with the last byte of the chunk. */
  endQueued: boolean;
  /** Whether the peer understands the end flag. */
  readonly knowsHalfClose: boolean;
  /** Bytes that the peer's window allows now. */
  readonly creditBytes: number;
  /** What its frames carried lately, on average. Only the outbox changes it. @default 0 */
  meanBytes: number;
  /** Whether it waits in the outbox. Only the outbox changes it. */
  queued: boolean;
  /** The next sender of the same priority. Only the outbox uses it. */
  next: Sender | undefined;
  /** `bytes` of the chunk are in a frame that is being sent, the last of this direction if `ended`. */
  framed(bytes: number, ended: boolean): void;
  /** The memory of the bytes last framed is not used any more. */
  released(): void;
}

interface Queue {
  head: Sender | undefined;
  tail: Sender | undefined;
  passedOver: number;
}

const SEND_ORDER: readonly Priority[] = ["critical", "high", "normal", "low"];

/** Collects what waits to be sent. */
export class Outbox {
  readonly #queues: readonly Queue[] = SEND_ORDER.map(() => ({
    head: undefined,
    tail: undefined,
    passedOver: 0,
  }));
  readonly #frameBytes: () => number;
  #batch = new Uint8Array(256);
  #spare = new Uint8Array(256);
  #batchUsed = 0;
  #smallFrames = 0;
  #controlBytes = 0;
  /** The sender whose chunk is being written as it is. */
  #lent: Sender | undefined;
  /** A payload whose header has already gone. */
  #follow: Uint8Array | undefined;
  /** Senders of large frames that had their turn while none could leave, in the order of their turns. */
  #held: Sender[] = [];

  /** @param frameBytes The most payload that a frame should carry now. */
  constructor(frameBytes: () => number) {
    this.#frameBytes = frameBytes;
  }

  /** Whether large frames were held back by the last `next`. */
  get holds(): boolean {
    return this.#held.length > 0;
  }

  /** Small data frames so far of streams that send small ones: a bulk stream's last bytes of a window do not count. */
  get smallFrames(): number {
    return this.#smallFrames;
  }

  /** Bytes of control frames that wait. */
  get controlBytes(): number {
    return this.#controlBytes;
  }

  /**
   * Queues a whole control frame that the peer has brought about.
   *
   * @returns false when too much waits already: the peer asks but does not read
   */
  control(frame: Uint8Array): boolean {
    // A single frame may be larger than the limit (an OpenStream with large headers), a queue of them may not.
    if (this.#controlBytes > 0 && this.#controlBytes + frame.length > MAX_QUEUED_CONTROL_BYTES) return false;
    this.own(frame);
    return true;
  }

  /** Queues a whole control frame of this side's own. There are a few for each stream at most, so no limit is needed. */
  own(frame: Uint8Array): void {
    this.#controlBytes += frame.length;
    const offset = this.#claim(frame.length); // May make a new batch.
    this.#batch.set(frame, offset);
  }

  /** Queues credit for the peer, which is worth at least half a window each time. */
  windowUpdate(streamId: number, increment: number): void {
    this.#controlBytes += WINDOW_UPDATE_BYTES;
    const offset = this.#claim(WINDOW_UPDATE_BYTES);
    writeWindowUpdate(this.#batch, offset, { streamId, increment });
  }

  /** Puts a sender with something to send at the end of its queue, unless it waits already. */
  enqueue(sender: Sender): void {
    if (sender.queued) return;
    sender.queued = true;
    sender.next = undefined;
    const queue = this.#queueOf(sender);
    if (queue.tail === undefined) queue.head = sender;
    else queue.tail.next = sender;
    queue.tail = sender;
  }

  /**
   * The bytes of the next write, valid until `written` is called; undefined when nothing waits.
   * Must not be called again before `written`.
   *
   * @param withBulk Whether large frames may leave; without, control frames and small ones pass them.
   */
  next(withBulk = true): Uint8Array | undefined {
    if (this.#follow !== undefined) {
      const payload = this.#follow;
      this.#follow = undefined;
      return payload;
    }
    if (withBulk && this.#held.length > 0) this.#takeBack();
    const batchLimit = Math.max(MAX_COPIED_PAYLOAD_BYTES, Math.min(BATCH_BYTES, this.#frameBytes()));
    while (this.#batchUsed < batchLimit) {
      const queue = this.#pickQueue();
      const sender = queue?.head;
      if (queue === undefined || sender === undefined) break;
      const waiting = sender.chunk === undefined ? 0 : sender.chunk.length - sender.chunkStart;
      const bytes = Math.min(waiting, sender.creditBytes, this.#frameBytes());
      const last = bytes === waiting && sender.endQueued && sender.knowsHalfClose;
      if (bytes === 0 && !last) { // No credit, or closed since: it comes back when that changes.
        this.#shift(queue);
        continue;
      }
      const large = bytes > MAX_COPIED_PAYLOAD_BYTES;
      this.#shift(queue);
      if (large && !withBulk) {
        sender.queued = true;
        this.#held.push(sender);
        continue;
      }
      // What is gathered goes first and takes the header along: were the sender put off instead, control frames that
      // gather during every write would put it off for ever.
      if (large && sender.headroom && this.#batchUsed === 0) return this.#lend(sender, bytes, last);
      this.#append(sender, bytes, last, large);
      if (large) break;
    }
    return this.#takeBatch();
  }

  /** The bytes of the last `next` are with the kernel. */
  written(): void {
    if (this.#follow !== undefined) return; // Only the header has gone.
    const sender = this.#lent;
    this.#lent = undefined;
    sender?.released();
  }

  #queueOf(sender: Sender): Queue {
    return this.#queues[SEND_ORDER.indexOf(sender.priority)] as Queue;
  }

  #pickQueue(): Queue | undefined {
    let picked: Queue | undefined;
    for (const queue of this.#queues) {
      if (queue.head === undefined) continue;
      if (picked === undefined) picked = queue;
      else if (++queue.passedOver > MAX_TURNS_PASSED_OVER) {
        queue.passedOver = 0;
        return queue;
      }
    }
    return picked;
  }

  #shift(queue: Queue): void {
    const sender = queue.head as Sender;
    queue.head = sender.next;
    if (queue.head === undefined) queue.tail = undefined;
    sender.next = undefined;
    sender.queued = false;
  }

  /** Those whose turn it was come first. */
  #takeBack(): void {
    for (const sender of this.#held.reverse()) {
      const queue = this.#queueOf(sender);
      sender.next = queue.head;
      queue.head = sender;
      queue.tail ??= sender;
    }
    this.#held = [];
  }

  #lend(sender: Sender, bytes: number, last: boolean): Uint8Array {
    const chunk = sender.chunk as Uint8Array;
    const start = sender.chunkStart;
    writeDataHeader(chunk, start - DATA_HEADER_BYTES, {
      streamId: sender.id,
      payloadBytes: bytes,
      end: last,
    });
    this.#lent = sender;
    remember(sender, bytes);
    sender.framed(bytes, last);
    return chunk.subarray(start - DATA_HEADER_BYTES, start + bytes);
  }

  #append(sender: Sender, bytes: number, last: boolean, headerOnly: boolean): void {
    const offset = this.#claim(DATA_HEADER_BYTES + (headerOnly ? 0 : bytes));
    writeDataHeader(this.#batch, offset, { streamId: sender.id, payloadBytes: bytes, end: last });
    const { chunk, chunkStart } = sender;
    if (chunk !== undefined && headerOnly) this.#follow = chunk.subarray(chunkStart, chunkStart + bytes);
    else if (chunk !== undefined) copy(chunk, chunkStart, bytes, this.#batch, offset + DATA_HEADER_BYTES);
    remember(sender, bytes);
    sender.framed(bytes, last);
    if (headerOnly) this.#lent = sender;
    else {
      if (sender.meanBytes <= MAX_COPIED_PAYLOAD_BYTES) this.#smallFrames++;
      sender.released();
    }
  }

  #takeBatch(): Uint8Array | undefined {
    const used = this.#batchUsed;
    if (used === 0) return undefined;
    const batch = this.#batch;
    this.#batch = this.#spare;
    this.#spare = batch;
    this.#batchUsed = 0;
    this.#controlBytes = 0;
    return batch.subarray(0, used);
  }

  /** Reserves room at the end of the batch. */
  #claim(bytes: number): number {
    const offset = this.#batchUsed;
    const needed = offset + bytes;
    if (needed > this.#batch.length) {
      const larger = new Uint8Array(Math.max(needed, this.#batch.length * 2));
      larger.set(this.#batch.subarray(0, offset));
      this.#batch = larger;
    }
    this.#batchUsed = needed;
    return offset;
  }
}

function remember(sender: Sender, bytes: number): void {
  sender.meanBytes += (bytes - sender.meanBytes) >> MEAN_SHIFT;
}

/** Up to this size, copying byte by byte costs less than the view that a copy at once needs. */
const LOOP_COPY_BYTES = 128;

// Three numbers say where to where; an object for them would cost what is saved.
function copy(source: Uint8Array, start: number, bytes: number, target: Uint8Array, offset: number): void {
  if (bytes > LOOP_COPY_BYTES) {
    target.set(source.subarray(start, start + bytes), offset);
    return;
  }
  for (let index = 0; index < bytes; index++) target[offset + index] = source[start + index]!;
}
