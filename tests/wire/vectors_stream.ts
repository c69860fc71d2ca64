/**
 * Golden vectors of messages about streams, and errors: whole frames in hexadecimal.
 *
 * @module
 */
import type { ControlVector } from "./vectors.ts";

/** See the module's text. */
export const STREAM_VECTORS: readonly ControlVector[] = [
  {
    name: "open_stream_visitor",
    message: {
      type: "open_stream",
      streamId: 2,
      protocol: "tcp",
      headers: [["service", "ssh"], ["visitor", "192.0.2.7:50000"]],
      bodyHint: undefined,
      priority: "normal",
    },
    hex: "0000002b00040205020773657276696365037373680776697369746f720f3139322e302e322e373a" +
      "35303030300000",
  },
  {
    name: "open_stream_same_header_twice",
    message: {
      type: "open_stream",
      streamId: 4,
      protocol: "http",
      headers: [["a", "1"], ["a", "1"]],
      bodyHint: 0n,
      priority: "low",
    },
    hex: "0000001000040400020161013101610131010001",
  },
  {
    name: "open_stream_normal",
    message: {
      type: "open_stream",
      streamId: 6,
      protocol: "quic",
      headers: [],
      bodyHint: undefined,
      priority: "normal",
    },
    hex: "0000000700040606000000",
  },
  {
    name: "open_stream_low",
    message: {
      type: "open_stream",
      streamId: 6,
      protocol: "quic",
      headers: [],
      bodyHint: undefined,
      priority: "low",
    },
    hex: "0000000700040606000001",
  },
  {
    name: "open_stream_high",
    message: {
      type: "open_stream",
      streamId: 6,
      protocol: "quic",
      headers: [],
      bodyHint: undefined,
      priority: "high",
    },
    hex: "0000000700040606000002",
  },
  {
    name: "open_stream_critical",
    message: {
      type: "open_stream",
      streamId: 6,
      protocol: "quic",
      headers: [],
      bodyHint: undefined,
      priority: "critical",
    },
    hex: "0000000700040606000003",
  },
  {
    name: "open_stream_body_hint_max_u64",
    message: {
      type: "open_stream",
      streamId: 8,
      protocol: "grpc",
      headers: [],
      bodyHint: 18446744073709551615n,
      priority: "normal",
    },
    hex: "00000010000408040001fdffffffffffffffff00",
  },
  {
    name: "open_stream_body_hint_300",
    message: {
      type: "open_stream",
      streamId: 8,
      protocol: "grpc",
      headers: [],
      bodyHint: 300n,
      priority: "normal",
    },
    hex: "0000000a000408040001fb2c0100",
  },
  {
    name: "stream_ack_id_0",
    message: { type: "stream_ack", streamId: 0, status: "accepted" },
    hex: "0000000400050000",
  },
  {
    name: "stream_ack_id_1",
    message: { type: "stream_ack", streamId: 1, status: "accepted" },
    hex: "0000000400050100",
  },
  {
    name: "stream_ack_id_250",
    message: { type: "stream_ack", streamId: 250, status: "accepted" },
    hex: "000000040005fa00",
  },
  {
    name: "stream_ack_id_251",
    message: { type: "stream_ack", streamId: 251, status: "accepted" },
    hex: "000000060005fbfb0000",
  },
  {
    name: "stream_ack_id_252",
    message: { type: "stream_ack", streamId: 252, status: "accepted" },
    hex: "000000060005fbfc0000",
  },
  {
    name: "stream_ack_id_255",
    message: { type: "stream_ack", streamId: 255, status: "accepted" },
    hex: "000000060005fbff0000",
  },
  {
    name: "stream_ack_id_65535",
    message: { type: "stream_ack", streamId: 65535, status: "accepted" },
    hex: "000000060005fbffff00",
  },
  {
    name: "stream_ack_id_65536",
    message: { type: "stream_ack", streamId: 65536, status: "accepted" },
    hex: "000000080005fc0000010000",
  },
  {
    name: "stream_ack_id_4294967295",
    message: { type: "stream_ack", streamId: 4294967295, status: "accepted" },
    hex: "000000080005fcffffffff00",
  },
  {
    name: "stream_ack_accepted",
    message: { type: "stream_ack", streamId: 2, status: "accepted" },
    hex: "0000000400050200",
  },
  {
    name: "stream_ack_rejected",
    message: { type: "stream_ack", streamId: 2, status: "rejected" },
    hex: "0000000400050201",
  },
  {
    name: "stream_ack_backpressure_applied",
    message: { type: "stream_ack", streamId: 2, status: "backpressure_applied" },
    hex: "0000000400050202",
  },
  {
    name: "close_stream_normal",
    message: { type: "close_stream", streamId: 2, reason: { kind: "normal" } },
    hex: "0000000400070200",
  },
  {
    name: "close_stream_timeout",
    message: { type: "close_stream", streamId: 2, reason: { kind: "timeout" } },
    hex: "0000000400070201",
  },
  {
    name: "close_stream_error",
    message: { type: "close_stream", streamId: 2, reason: { kind: "error", message: "reset" } },
    hex: "0000000a00070202057265736574",
  },
  {
    name: "close_stream_local_service_unreachable",
    message: { type: "close_stream", streamId: 2, reason: { kind: "local_service_unreachable" } },
    hex: "0000000400070203",
  },
  {
    name: "close_stream_protocol_violation",
    message: { type: "close_stream", streamId: 2, reason: { kind: "protocol_violation" } },
    hex: "0000000400070204",
  },
  {
    name: "error_protocol_error",
    message: { type: "error", streamId: undefined, code: "protocol_error", message: "" },
    hex: "00000005000a000000",
  },
  {
    name: "error_authentication_failed",
    message: { type: "error", streamId: undefined, code: "authentication_failed", message: "" },
    hex: "00000005000a000100",
  },
  {
    name: "error_session_not_found",
    message: { type: "error", streamId: undefined, code: "session_not_found", message: "" },
    hex: "00000005000a000200",
  },
  {
    name: "error_stream_not_found",
    message: { type: "error", streamId: undefined, code: "stream_not_found", message: "" },
    hex: "00000005000a000300",
  },
  {
    name: "error_timeout",
    message: { type: "error", streamId: undefined, code: "timeout", message: "" },
    hex: "00000005000a000400",
  },
  {
    name: "error_internal_server_error",
    message: { type: "error", streamId: undefined, code: "internal_server_error", message: "" },
    hex: "00000005000a000500",
  },
  {
    name: "error_service_unavailable",
    message: { type: "error", streamId: undefined, code: "service_unavailable", message: "" },
    hex: "00000005000a000600",
  },
  {
    name: "error_with_stream",
    message: { type: "error", streamId: 65536, code: "stream_not_found", message: "gone" },
    hex: "0000000e000a01fc000001000304676f6e65",
  },
  {
    name: "error_byte_order_mark",
    message: { type: "error", streamId: 0, code: "timeout", message: "\ufeffa\u0000\u{1f680}" },
    hex: "0000000f000a01000409efbbbf6100f09f9a80",
  },
];
