/**
 * What a stream is told and what it tells.
 *
 * @module
 */
import type { CloseReason, Priority, Protocol } from "../wire/messages.ts";
import type { ReceiveWindow, SendCredit } from "./credit.ts";
import type { Slab } from "./slabs.ts";

/** Receives what happens on a stream. One call at a time; must not throw. */
export interface StreamHandler {
  /**
   * Payload arrived: a view of `slab`, which is to be retained if the view is used after this call. Once the bytes have
   * left memory, `consumed` of the stream must be called.
   */
  data(piece: Uint8Array, slab: Slab): void;
  /** The peer's direction has ended. Called at most once, after the last data. */
  end(): void;
  /** The chunk given to `send` is free again, and there is credit for another one. */
  sendable(): void;
  /** The peer has accepted the stream that this side opened. */
  accepted(): void;
  /**
   * The stream is over in both directions. Called exactly once, last. `reason` is undefined when both directions had ended;
   * memory given to `send` may still be in use until the session's present write is done.
   */
  close(reason: CloseReason | undefined): void;
}

/** What is known of a stream from the start. */
export interface StreamOptions {
  readonly id: number;
  readonly protocol: Protocol;
  readonly priority: Priority;
  /** Names and values from the OpenStream. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly sendCredit: SendCredit;
  /** Undefined when the peer knows no flow control. */
  readonly receiveWindow: ReceiveWindow | undefined;
  /** Whether the peer still has to accept it. */
  readonly awaitsAccept: boolean;
  /** Whether this side opened it. */
  readonly opener: boolean;
  /** Whether the peer knows END. */
  readonly halfClose: boolean;
}

/** How long a stream has been waiting for what, in milliseconds; kept by the session's timer. */
export interface StreamWaits {
  accept: number;
  reader: number;
  /** Since nothing has moved, while that may not last for ever. */
  idle: number;
}
