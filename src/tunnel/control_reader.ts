/**
 * Reads the few control frames that a connection begins with, when what follows is no frame any more.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { decodeControl } from "../wire/control.ts";
import { FRAME_CONTROL } from "../wire/frame.ts";
import { FRAME_HEADER_BYTES } from "../wire/limits.ts";
import type { ControlMessage } from "../wire/messages.ts";

/** Largest frame that is read: as much as OpenStream with two short headers and anything smaller ever need. */
export const MAX_DIRECT_FRAME_BYTES = 4 * 1024;

/** A message, and the bytes behind it. */
export interface ReadMessage {
  readonly message: ControlMessage;
  /** A view of what was pushed last. */
  readonly rest: Uint8Array;
}

/**
 * Gathers the bytes of one control frame after the other, and takes none of what follows.
 *
 * @example
 * ```ts
 * import { encodeControl } from "../wire/control.ts";
 * import { ControlReader } from "./control_reader.ts";
 *
 * const reader = new ControlReader();
 * const frame = encodeControl({ type: "stream_ack", streamId: 2, status: "accepted" });
 * console.log(reader.push(frame.subarray(0, 3))); // undefined
 * console.log(reader.push(frame.subarray(3))?.message.type); // "stream_ack"
 * ```
 */
export class ControlReader {
  readonly #frame = new Uint8Array(4 + MAX_DIRECT_FRAME_BYTES);
  #filled = 0;

  /**
   * Takes bytes up to the end of a frame.
   *
   * @returns the message and what is behind it; undefined when more bytes are needed
   * @throws {ProtocolError} for a frame of another kind, one that is too long, or one that is no message
   */
  push(bytes: Uint8Array): ReadMessage | undefined {
    const taken = this.#take(bytes, FRAME_HEADER_BYTES);
    if (this.#filled < FRAME_HEADER_BYTES) return undefined;
    const view = new DataView(this.#frame.buffer);
    const length = view.getUint32(0);
    if (length < 2 || length > MAX_DIRECT_FRAME_BYTES) {
      throw new ProtocolError(
        "frame_too_large",
        `Frame length ${length} is not 2 to ${MAX_DIRECT_FRAME_BYTES}`,
      );
    }
    const type = this.#frame[4];
    if (type !== FRAME_CONTROL) {
      throw new ProtocolError("unexpected_frame", `Received a frame of type ${type}`);
    }
    const end = taken + this.#take(bytes.subarray(taken), 4 + length);
    if (this.#filled < 4 + length) return undefined;
    this.#filled = 0;
    const message = decodeControl(this.#frame.slice(FRAME_HEADER_BYTES, 4 + length));
    return { message, rest: bytes.subarray(end) };
  }

  /** Copies until so many bytes of the frame are there. @returns how many were taken */
  #take(bytes: Uint8Array, wanted: number): number {
    const count = Math.min(bytes.length, Math.max(0, wanted - this.#filled));
    this.#frame.set(bytes.subarray(0, count), this.#filled);
    this.#filled += count;
    return count;
  }
}
