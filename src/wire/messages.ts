/**
 * The control messages of protocol version 1 as values. The order of the enums below is their encoding.
 *
 * @module
 */

/** What a stream carries. Index = wire encoding. */
export const PROTOCOLS = ["http", "https", "http2", "websocket", "grpc", "tcp", "quic"] as const;
/** One of {@linkcode PROTOCOLS}. */
export type Protocol = (typeof PROTOCOLS)[number];

/** Priorities of a stream. Index = wire encoding; the order of sending is critical, high, normal, low. */
export const PRIORITIES = ["normal", "low", "high", "critical"] as const;
/** One of {@linkcode PRIORITIES}. */
export type Priority = (typeof PRIORITIES)[number];

/** Answers to a handshake. Index = wire encoding. */
export const HANDSHAKE_STATUSES = [
  "success",
  "invalid_token",
  "unsupported_version",
  "version_mismatch",
  "rate_limited",
  "tunnel_id_taken",
] as const;
/** One of {@linkcode HANDSHAKE_STATUSES}. */
export type HandshakeStatus = (typeof HANDSHAKE_STATUSES)[number];

/** Answers to a registration. Index = wire encoding. */
export const REGISTER_STATUSES = [
  "success",
  "service_name_taken",
  "invalid_service_name",
  "quota_exceeded",
] as const;
/** One of {@linkcode REGISTER_STATUSES}. */
export type RegisterStatus = (typeof REGISTER_STATUSES)[number];

/** Answers to the opening of a stream. Index = wire encoding. */
export const STREAM_STATUSES = ["accepted", "rejected", "backpressure_applied"] as const;
/** One of {@linkcode STREAM_STATUSES}. */
export type StreamStatus = (typeof STREAM_STATUSES)[number];

/** Kinds of {@linkcode CloseReason}. Index = wire encoding. */
export const CLOSE_KINDS = [
  "normal",
  "timeout",
  "error",
  "local_service_unreachable",
  "protocol_violation",
] as const;
/** Why a stream was closed. */
export type CloseReason =
  | { readonly kind: "normal" | "timeout" | "local_service_unreachable" | "protocol_violation" }
  | { readonly kind: "error"; readonly message: string };

/** Codes of an error message. Index = wire encoding. */
export const ERROR_CODES = [
  "protocol_error",
  "authentication_failed",
  "session_not_found",
  "stream_not_found",
  "timeout",
  "internal_server_error",
  "service_unavailable",
] as const;
/** One of {@linkcode ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** Client → server, first. */
export interface Handshake {
  readonly type: "handshake";
  readonly token: string;
  readonly tunnelId: string | undefined;
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly capabilities: readonly string[];
}
/** Server → client, the answer. On any status but success the session id is all zeros and the version 0. */
export interface HandshakeAck {
  readonly type: "handshake_ack";
  /** 16 bytes. */
  readonly sessionId: Uint8Array;
  readonly status: HandshakeStatus;
  readonly version: number;
  readonly capabilities: readonly string[];
}
/** Client → server: asks for a service. */
export interface Register {
  readonly type: "register";
  readonly serviceName: string;
  readonly protocol: Protocol;
  readonly metadata: ReadonlyMap<string, string>;
}
/** Server → client: the answer to the oldest unanswered Register. */
export interface RegisterAck {
  readonly type: "register_ack";
  readonly publicUrl: string;
  readonly status: RegisterStatus;
}
/** Opens a stream. */
export interface OpenStream {
  readonly type: "open_stream";
  readonly streamId: number;
  readonly protocol: Protocol;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly bodyHint: bigint | undefined;
  readonly priority: Priority;
}
/** Answers an OpenStream. */
export interface StreamAck {
  readonly type: "stream_ack";
  readonly streamId: number;
  readonly status: StreamStatus;
}
/** Ends a stream in both directions. */
export interface CloseStream {
  readonly type: "close_stream";
  readonly streamId: number;
  readonly reason: CloseReason;
}
/** Asks for a HeartbeatAck with the same timestamp. */
export interface Heartbeat {
  readonly type: "heartbeat";
  /** Milliseconds since the epoch. */
  readonly timestamp: bigint;
}
/** Answers a Heartbeat. */
export interface HeartbeatAck {
  readonly type: "heartbeat_ack";
  readonly timestamp: bigint;
}
/** Something went wrong, with a stream or the session. */
export interface ErrorMessage {
  readonly type: "error";
  readonly streamId: number | undefined;
  readonly code: ErrorCode;
  readonly message: string;
}
/** Bytes between plugins of the two sides. */
export interface PluginData {
  readonly type: "plugin_data";
  readonly pluginId: string;
  readonly data: Uint8Array;
}

/** Server → client: visitors wait for connections of their own. Not in version 1. */
export interface DirectWanted {
  readonly type: "direct_wanted";
  /** How many more there should be. */
  readonly count: number;
}

/** Any control message. */
export type ControlMessage =
  | Handshake
  | HandshakeAck
  | Register
  | RegisterAck
  | OpenStream
  | StreamAck
  | CloseStream
  | Heartbeat
  | HeartbeatAck
  | ErrorMessage
  | PluginData
  | DirectWanted;
