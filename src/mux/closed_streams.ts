/**
 * What may still arrive for streams that this side has closed. Frames that the peer sent before it knew of the close
 * are expected and dropped; anything beyond that is an orphan.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";

/** Closed streams that are remembered; the oldest is forgotten first. */
export const MAX_CLOSED_STREAMS = 16_384;

/** In place of credit: the peer had ended its direction already, so nothing more may come. */
export const PEER_HAS_ENDED = -1;

/** Streams that this side closed and the peer has not. */
export class ClosedStreams {
  readonly #creditById = new Map<number, number>();

  /** How many are remembered. */
  get size(): number {
    return this.#creditById.size;
  }

  /**
   * This side closed a stream.
   *
   * @param streamId Its id.
   * @param creditBytes What the peer could still send on it; Infinity without flow control; {@linkcode PEER_HAS_ENDED}.
   */
  add(streamId: number, creditBytes: number): void {
    if (this.#creditById.size >= MAX_CLOSED_STREAMS) {
      const [oldest] = this.#creditById.keys();
      if (oldest !== undefined) this.#creditById.delete(oldest);
    }
    this.#creditById.set(streamId, creditBytes);
  }

  /**
   * Data arrived for a stream that is not open.
   *
   * @returns whether it was to be expected
   * @throws {ProtocolError} rule `window_exceeded` when the stream had no credit for it
   */
  receive(streamId: number, bytes: number): boolean {
    const credit = this.#creditById.get(streamId);
    if (credit === undefined) return false;
    if (credit === PEER_HAS_ENDED) {
      throw new ProtocolError("data_after_end", `Received data on stream ${streamId} after its end, again`);
    }
    if (bytes > credit) {
      throw new ProtocolError(
        "window_exceeded",
        `Received ${bytes} bytes with ${credit} bytes of credit left on closed stream ${streamId}`,
      );
    }
    this.#creditById.set(streamId, credit - bytes);
    return true;
  }

  /** Whether frames for this stream are to be expected. */
  has(streamId: number): boolean {
    return this.#creditById.has(streamId);
  }

  /** The peer has closed the stream too. @returns whether that was to be expected */
  confirm(streamId: number): boolean {
    return this.#creditById.delete(streamId);
  }
}
