/**
 * How sessions end.
 *
 * @module
 */

/** Why a session ended. */
export type SessionEndCode =
  | "closed"
  | "peer_closed"
  | "connection_lost"
  | "protocol_error"
  | "peer_silent"
  | "write_stalled"
  | "handshake_timeout"
  | "replaced"
  | "revoked";

/** How a session ended. */
export interface SessionEnd {
  readonly code: SessionEndCode;
  /** For people. */
  readonly message: string;
  /** How long the connection was of no use already, in milliseconds, where that was noticed late. @default 0 */
  readonly deadMs?: number;
}
