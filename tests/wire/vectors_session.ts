/**
 * Golden vectors of handshakes, registrations, heartbeats and plugin data: whole frames in hexadecimal.
 *
 * @module
 */
import type { ControlVector } from "./vectors.ts";

/** See the module's text. */
export const SESSION_VECTORS: readonly ControlVector[] = [
  {
    name: "handshake_bare",
    message: {
      type: "handshake",
      token: "",
      tunnelId: undefined,
      minVersion: 0,
      maxVersion: 255,
      capabilities: [],
    },
    hex: "000000070000000000ff00",
  },
  {
    name: "handshake_version_1",
    message: {
      type: "handshake",
      token: "s3cret",
      tunnelId: undefined,
      minVersion: 1,
      maxVersion: 1,
      capabilities: ["basic", "tcp"],
    },
    hex: "000000170000067333637265740001010205626173696303746370",
  },
  {
    name: "handshake_extended",
    message: {
      type: "handshake",
      token: "s3cret",
      tunnelId: "home",
      minVersion: 1,
      maxVersion: 1,
      capabilities: [
        "basic",
        "tcp",
        "ferrotunnel.streams/1;window=262144",
        "ferrotunnel.services/1",
        "ferrotunnel.instance/1;id=00112233445566778899aabbccddeeff",
      ],
    },
    hex: "000000920000067333637265740104686f6d650101050562617369630374637023666572726f7475" +
      "6e6e656c2e73747265616d732f313b77696e646f773d32363231343416666572726f74756e6e656c" +
      "2e73657276696365732f313a666572726f74756e6e656c2e696e7374616e63652f313b69643d3030" +
      "313132323333343435353636373738383939616162626363646465656666",
  },
  {
    name: "handshake_direct",
    message: {
      type: "handshake",
      token: "s3cret",
      tunnelId: "home",
      minVersion: 1,
      maxVersion: 1,
      capabilities: [
        "basic",
        "tcp",
        "ferrotunnel.instance/1;id=00112233445566778899aabbccddeeff",
        "ferrotunnel.direct/1;session=000102030405060708090a0b0c0d0eff",
      ],
    },
    hex: "000000950000067333637265740104686f6d65010104056261736963037463703a666572726f7475" +
      "6e6e656c2e696e7374616e63652f313b69643d303031313232333334343535363637373838393961" +
      "61626263636464656566663d666572726f74756e6e656c2e6469726563742f313b73657373696f6e" +
      "3d3030303130323033303430353036303730383039306130623063306430656666",
  },
  {
    name: "handshake_ack_success",
    message: {
      type: "handshake_ack",
      sessionId: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255),
      status: "success",
      version: 1,
      capabilities: ["basic", "tcp"],
    },
    hex: "00000020000110000102030405060708090a0b0c0d0eff00010205626173696303746370",
  },
  {
    name: "handshake_ack_invalid_token",
    message: {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "invalid_token",
      version: 0,
      capabilities: [],
    },
    hex: "0000001600011000000000000000000000000000000000010000",
  },
  {
    name: "handshake_ack_unsupported_version",
    message: {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "unsupported_version",
      version: 0,
      capabilities: [],
    },
    hex: "0000001600011000000000000000000000000000000000020000",
  },
  {
    name: "handshake_ack_version_mismatch",
    message: {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "version_mismatch",
      version: 0,
      capabilities: [],
    },
    hex: "0000001600011000000000000000000000000000000000030000",
  },
  {
    name: "handshake_ack_rate_limited",
    message: {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "rate_limited",
      version: 0,
      capabilities: [],
    },
    hex: "0000001600011000000000000000000000000000000000040000",
  },
  {
    name: "handshake_ack_tunnel_id_taken",
    message: {
      type: "handshake_ack",
      sessionId: new Uint8Array(16),
      status: "tunnel_id_taken",
      version: 0,
      capabilities: [],
    },
    hex: "0000001600011000000000000000000000000000000000050000",
  },
  {
    name: "register_port",
    message: {
      type: "register",
      serviceName: "ssh",
      protocol: "tcp",
      metadata: new Map([["remote_port", "2222"]]),
    },
    hex: "0000001900020373736805010b72656d6f74655f706f72740432323232",
  },
  {
    name: "register_http",
    message: { type: "register", serviceName: "a", protocol: "http", metadata: new Map() },
    hex: "00000006000201610000",
  },
  {
    name: "register_http_service",
    message: {
      type: "register",
      serviceName: "web",
      protocol: "http",
      metadata: new Map([
        ["host.0", "app.example.com"],
        ["path.0", "/api"],
        ["rewrite_host", "app.internal"],
        ["request_set.x-a", "1"],
        ["request_remove.0", "cookie"],
      ]),
    },
    hex: "0000006f000203776562000506686f73742e300f6170702e6578616d706c652e636f6d06706174682e3004" +
      "2f6170690c726577726974655f686f73740c6170702e696e7465726e616c0f726571756573745f7365742e" +
      "782d61013110726571756573745f72656d6f76652e3006636f6f6b6965",
  },
  {
    name: "register_https",
    message: { type: "register", serviceName: "a", protocol: "https", metadata: new Map() },
    hex: "00000006000201610100",
  },
  {
    name: "register_http2",
    message: { type: "register", serviceName: "a", protocol: "http2", metadata: new Map() },
    hex: "00000006000201610200",
  },
  {
    name: "register_websocket",
    message: { type: "register", serviceName: "a", protocol: "websocket", metadata: new Map() },
    hex: "00000006000201610300",
  },
  {
    name: "register_grpc",
    message: { type: "register", serviceName: "a", protocol: "grpc", metadata: new Map() },
    hex: "00000006000201610400",
  },
  {
    name: "register_tcp",
    message: { type: "register", serviceName: "a", protocol: "tcp", metadata: new Map() },
    hex: "00000006000201610500",
  },
  {
    name: "register_quic",
    message: { type: "register", serviceName: "a", protocol: "quic", metadata: new Map() },
    hex: "00000006000201610600",
  },
  {
    name: "register_two_metadata",
    message: {
      type: "register",
      serviceName: "é",
      protocol: "tcp",
      metadata: new Map([["b", "1"], ["a", ""]]),
    },
    hex: "0000000e000202c3a9050201620131016100",
  },
  {
    name: "register_ack_success",
    message: { type: "register_ack", publicUrl: "tcp://0.0.0.0:2222", status: "success" },
    hex: "000000160003127463703a2f2f302e302e302e303a3232323200",
  },
  {
    name: "register_ack_service_name_taken",
    message: { type: "register_ack", publicUrl: "no", status: "service_name_taken" },
    hex: "000000060003026e6f01",
  },
  {
    name: "register_ack_invalid_service_name",
    message: { type: "register_ack", publicUrl: "no", status: "invalid_service_name" },
    hex: "000000060003026e6f02",
  },
  {
    name: "register_ack_quota_exceeded",
    message: { type: "register_ack", publicUrl: "no", status: "quota_exceeded" },
    hex: "000000060003026e6f03",
  },
  { name: "heartbeat_0", message: { type: "heartbeat", timestamp: 0n }, hex: "00000003000800" },
  { name: "heartbeat_250", message: { type: "heartbeat", timestamp: 250n }, hex: "000000030008fa" },
  { name: "heartbeat_251", message: { type: "heartbeat", timestamp: 251n }, hex: "000000050008fbfb00" },
  { name: "heartbeat_65535", message: { type: "heartbeat", timestamp: 65535n }, hex: "000000050008fbffff" },
  {
    name: "heartbeat_65536",
    message: { type: "heartbeat", timestamp: 65536n },
    hex: "000000070008fc00000100",
  },
  {
    name: "heartbeat_4294967295",
    message: { type: "heartbeat", timestamp: 4294967295n },
    hex: "000000070008fcffffffff",
  },
  {
    name: "heartbeat_4294967296",
    message: { type: "heartbeat", timestamp: 4294967296n },
    hex: "0000000b0008fd0000000001000000",
  },
  {
    name: "heartbeat_1700000000000",
    message: { type: "heartbeat", timestamp: 1700000000000n },
    hex: "0000000b0008fd0068e5cf8b010000",
  },
  {
    name: "heartbeat_18446744073709551615",
    message: { type: "heartbeat", timestamp: 18446744073709551615n },
    hex: "0000000b0008fdffffffffffffffff",
  },
  {
    name: "heartbeat_ack_1700000000000",
    message: { type: "heartbeat_ack", timestamp: 1700000000000n },
    hex: "0000000b0009fd0068e5cf8b010000",
  },
  {
    name: "plugin_data_empty",
    message: { type: "plugin_data", pluginId: "", data: new Uint8Array(0) },
    hex: "00000004000b0000",
  },
  {
    name: "plugin_data_bytes",
    message: { type: "plugin_data", pluginId: "log", data: Uint8Array.of(0, 127, 128, 255) },
    hex: "0000000b000b036c6f6704007f80ff",
  },
  {
    name: "plugin_data_251_zeros",
    message: { type: "plugin_data", pluginId: "z", data: new Uint8Array(251) },
    hex: "00000102000b017afbfb00" + "00".repeat(251),
  },
  {
    name: "direct_wanted_2",
    message: { type: "direct_wanted", count: 2 },
    hex: "00000003000c02",
  },
];
