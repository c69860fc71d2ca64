/**
 * What a peer sends over HTTP/2, seen as frames (RFC 9113, section 4.1): a watch in front of whoever really reads them, so that
 * the bounds are the same whichever library that is, and none meets what it cannot bear.
 *
 * @module
 */

/** What a peer can do too much of. */
export type FrameLimit =
  /** Frames that ask for an answer or change nothing for anybody: PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA and others. */
  | "control_frames"
  /** WINDOW_UPDATE. */
  | "window_updates"
  /** Bytes of one header block, in HEADERS and CONTINUATION. */
  | "head_bytes";

/** Says whether one more is allowed. */
export interface Budget {
  /** @returns false when it is too much */
  take(): boolean;
}

/** Bounds of a {@linkcode FrameMeter}. */
export interface FrameMeterOptions {
  /** See {@linkcode FrameLimit}. */
  readonly controlFrames: Budget;
  /** See {@linkcode FrameLimit}. */
  readonly windowUpdates: Budget;
  /** Bytes of a header block as it is sent, compressed. */
  readonly maxHeadBytes: number;
  /** Whether the connection's preface comes before the first frame: of clients it does. */
  readonly preface: boolean;
  /** Takes what goes on: everything but GOAWAY. Views of what was pushed, or bytes of its own. */
  readonly pass: (bytes: Uint8Array) => void;
  /** The peer begins no more requests, or takes no more. */
  readonly onGoAway: () => void;
}

/** What a client sends first (RFC 9113, section 3.4). */
export const PREFACE: Uint8Array = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

const HEADER_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const CONTINUATION = 9;
const END_STREAM = 1;
/** Ended streams that nobody has asked to forget: far more than may be open, so that they must be made up. */
const MAX_ENDED = 10_000;

/**
 * Follows the frames of one direction and keeps none of them. GOAWAY is told of and goes no further: a peer that sends it while
 * requests are open ends the process of Deno 2.9, whose HTTP/2 frees what it is still reading.
 *
 * @example
 * ```ts
 * import { FrameMeter } from "./http2_frames.ts";
 *
 * const always = { take: () => true };
 * const never = { take: () => false };
 * const meter = new FrameMeter({
 *   controlFrames: never,
 *   windowUpdates: always,
 *   maxHeadBytes: 1024,
 *   preface: false,
 *   pass: () => {},
 *   onGoAway: () => {},
 * });
 * const ping = Uint8Array.of(0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8);
 * console.log(meter.push(ping)); // control_frames
 * ```
 */
export class FrameMeter {
  readonly #options: FrameMeterOptions;
  readonly #header = new Uint8Array(HEADER_BYTES);
  /** Streams that the peer has ended. */
  readonly #ended = new Set<number>();
  #headerBytes = 0;
  /** Bytes to pass by before the next frame's header, and whether they stay behind. */
  #skip: number;
  #drops = false;
  #blockBytes = 0;

  /** @param options Bounds. */
  constructor(options: FrameMeterOptions) {
    this.#options = options;
    this.#skip = options.preface ? PREFACE.length : 0;
  }

  /**
   * Takes what has come. Of a header that is not whole, nothing goes on before the rest is there.
   *
   * @returns the bound that was passed, if one was; then the connection must end
   */
  push(bytes: Uint8Array): FrameLimit | undefined {
    const { length } = bytes;
    let from = 0;
    let at = 0;
    while (at < length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, length - at);
        this.#skip -= passed;
        at += passed;
        if (this.#drops) from = at;
        continue;
      }
      const start = at;
      const kept = this.#headerBytes;
      at += this.#take(bytes, at);
      if (this.#headerBytes < HEADER_BYTES) {
        this.#pass(bytes, from, start);
        return undefined;
      }
      this.#headerBytes = 0;
      const limit = this.#frame();
      if (limit !== undefined) return limit;
      this.#drops = this.#header[3] === GOAWAY;
      if (!this.#drops && kept === 0) continue;
      this.#pass(bytes, from, start);
      from = at;
      if (this.#drops) this.#options.onGoAway();
      else this.#options.pass(this.#header.slice());
    }
    this.#pass(bytes, from, length);
    return undefined;
  }

  /** Whether the peer has ended its direction of a stream, and not just reset it. */
  hasEnded(id: number): boolean {
    return this.#ended.has(id);
  }

  /** Nobody asks about a stream any more. */
  forget(id: number): void {
    this.#ended.delete(id);
  }

  /** Takes what there is of a header. @returns how many bytes that is */
  #take(bytes: Uint8Array, start: number): number {
    const taken = Math.min(HEADER_BYTES - this.#headerBytes, bytes.length - start);
    for (let index = 0; index < taken; index++) {
      this.#header[this.#headerBytes + index] = bytes[start + index]!;
    }
    this.#headerBytes += taken;
    return taken;
  }

  #pass(bytes: Uint8Array, from: number, to: number): void {
    if (to > from) this.#options.pass(bytes.subarray(from, to));
  }

  #frame(): FrameLimit | undefined {
    const { controlFrames, windowUpdates, maxHeadBytes } = this.#options;
    const [high = 0, middle = 0, low = 0, type = 0, flags = 0] = this.#header;
    const length = high << 16 | middle << 8 | low;
    this.#skip = length;
    if ((flags & END_STREAM) !== 0 && (type === DATA || type === HEADERS)) {
      const [, , , , , first = 0, second = 0, third = 0, fourth = 0] = this.#header;
      this.#ended.add((first & 0x7f) << 24 | second << 16 | third << 8 | fourth);
      if (this.#ended.size > MAX_ENDED) return "control_frames";
    }
    if (type === DATA && (length > 0 || (flags & END_STREAM) !== 0)) return undefined;
    if (type === WINDOW_UPDATE) return windowUpdates.take() ? undefined : "window_updates";
    if (type === HEADERS || type === CONTINUATION) {
      this.#blockBytes = type === HEADERS ? length : this.#blockBytes + length;
      if (this.#blockBytes > maxHeadBytes) return "head_bytes";
      if (type === HEADERS) return undefined;
    }
    return controlFrames.take() ? undefined : "control_frames";
  }
}
