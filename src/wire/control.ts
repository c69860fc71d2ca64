/**
 * Control messages ↔ bytes.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { FieldLimit, ListLimit } from "./bincode.ts";
import { Reader } from "./bincode_reader.ts";
import { Writer } from "./bincode_writer.ts";
import { FRAME_CONTROL, writeU32 } from "./frame.ts";
import {
  FRAME_HEADER_BYTES,
  MAX_CAPABILITIES,
  MAX_CAPABILITY_BYTES,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_METADATA,
  MAX_METADATA_BYTES,
  MAX_NAME_BYTES,
  MAX_PLUGIN_DATA_BYTES,
  MAX_TEXT_BYTES,
  MAX_TOKEN_BYTES,
} from "./limits.ts";
import {
  CLOSE_KINDS,
  type CloseReason,
  type ControlMessage,
  ERROR_CODES,
  HANDSHAKE_STATUSES,
  PRIORITIES,
  PROTOCOLS,
  REGISTER_STATUSES,
  STREAM_STATUSES,
} from "./messages.ts";

/** Index = wire encoding. Data has a place here and its own frame type; as a control message it is never sent. */
const MESSAGE_TYPES = [
  "handshake",
  "handshake_ack",
  "register",
  "register_ack",
  "open_stream",
  "stream_ack",
  "data",
  "close_stream",
  "heartbeat",
  "heartbeat_ack",
  "error",
  "plugin_data",
  "direct_wanted",
] as const satisfies readonly (ControlMessage["type"] | "data")[];

const SESSION_ID_BYTES = 16;
/** Space to `~`. */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

const TOKEN: FieldLimit = { name: "token", maxBytes: MAX_TOKEN_BYTES };
const TUNNEL_ID: FieldLimit = { name: "tunnel_id", maxBytes: MAX_NAME_BYTES };
const SESSION_ID: FieldLimit = { name: "session_id", maxBytes: SESSION_ID_BYTES };
const SERVICE_NAME: FieldLimit = { name: "service_name", maxBytes: MAX_NAME_BYTES };
const PUBLIC_URL: FieldLimit = { name: "public_url", maxBytes: MAX_TEXT_BYTES };
const REASON: FieldLimit = { name: "reason", maxBytes: MAX_TEXT_BYTES };
const ERROR_TEXT: FieldLimit = { name: "message", maxBytes: MAX_TEXT_BYTES };
const PLUGIN_ID: FieldLimit = { name: "plugin_id", maxBytes: MAX_NAME_BYTES };
const PLUGIN_DATA: FieldLimit = { name: "data", maxBytes: MAX_PLUGIN_DATA_BYTES };
const CAPABILITIES: ListLimit = {
  name: "capabilities",
  maxEntries: MAX_CAPABILITIES,
  maxBytes: MAX_CAPABILITY_BYTES,
};
const METADATA: ListLimit = { name: "metadata", maxEntries: MAX_METADATA, maxBytes: MAX_METADATA_BYTES };
const HEADERS: ListLimit = { name: "headers", maxEntries: MAX_HEADERS, maxBytes: MAX_HEADER_BYTES };

/**
 * Encodes a message as a whole frame: length, type, body.
 *
 * @param message What to say.
 * @returns The frame's bytes, in a buffer of their own.
 * @throws {RangeError} when a field is over its limit or a number does not fit
 * @throws {TypeError} when an enum value does not exist, a token is not printable ASCII or a text has a lone surrogate
 *
 * @example
 * ```ts
 * import { decodeControl, encodeControl } from "./control.ts";
 *
 * const frame = encodeControl({ type: "heartbeat", timestamp: 1n });
 * console.log(frame); // Uint8Array [0, 0, 0, 3, 0, 8, 1]
 * console.log(decodeControl(frame.subarray(5))); // { type: "heartbeat", timestamp: 1n }
 * ```
 */
export function encodeControl(message: ControlMessage): Uint8Array {
  const writer = new Writer();
  for (let i = 0; i < FRAME_HEADER_BYTES; i++) writer.u8(0);
  writer.enumeration(message.type, MESSAGE_TYPES);
  encodeFields(writer, message);
  const frame = writer.finish();
  writeU32(frame, 0, frame.length - 4);
  frame[4] = FRAME_CONTROL;
  return frame;
}

/**
 * Decodes the body of a control frame: what follows its type byte.
 *
 * @param body Exactly the body. Nothing in the message refers to its memory.
 * @returns The message.
 * @throws {ProtocolError} when the body is anything but one valid message within the limits
 */
export function decodeControl(body: Uint8Array): ControlMessage {
  const reader = new Reader(body);
  const message = decodeFields(reader);
  reader.end();
  return message;
}

function encodeFields(writer: Writer, message: ControlMessage): void {
  switch (message.type) {
    case "handshake":
      if (!PRINTABLE_ASCII.test(message.token)) {
        throw new TypeError("Cannot encode token: it has characters other than printable ASCII");
      }
      writer.string(message.token, TOKEN);
      writer.option(message.tunnelId, (value) => writer.string(value, TUNNEL_ID));
      writer.u8(message.minVersion);
      writer.u8(message.maxVersion);
      return writer.strings(message.capabilities, CAPABILITIES);
    case "handshake_ack":
      if (message.sessionId.length !== SESSION_ID_BYTES) {
        throw new RangeError(`Cannot encode session_id: it has ${message.sessionId.length} bytes, not 16`);
      }
      writer.bytes(message.sessionId, SESSION_ID);
      writer.enumeration(message.status, HANDSHAKE_STATUSES);
      writer.u8(message.version);
      return writer.strings(message.capabilities, CAPABILITIES);
    case "register":
      writer.string(message.serviceName, SERVICE_NAME);
      writer.enumeration(message.protocol, PROTOCOLS);
      return writer.pairs(message.metadata, METADATA);
    case "register_ack":
      writer.string(message.publicUrl, PUBLIC_URL);
      return writer.enumeration(message.status, REGISTER_STATUSES);
    case "open_stream":
      writer.u32(message.streamId);
      writer.enumeration(message.protocol, PROTOCOLS);
      writer.pairs(message.headers, HEADERS);
      writer.option(message.bodyHint, (value) => writer.u64(value));
      return writer.enumeration(message.priority, PRIORITIES);
    case "stream_ack":
      writer.u32(message.streamId);
      return writer.enumeration(message.status, STREAM_STATUSES);
    case "close_stream":
      writer.u32(message.streamId);
      writer.enumeration(message.reason.kind, CLOSE_KINDS);
      if (message.reason.kind === "error") writer.string(message.reason.message, REASON);
      return;
    case "heartbeat":
    case "heartbeat_ack":
      return writer.u64(message.timestamp);
    case "error":
      writer.option(message.streamId, (value) => writer.u32(value));
      writer.enumeration(message.code, ERROR_CODES);
      return writer.string(message.message, ERROR_TEXT);
    case "plugin_data":
      writer.string(message.pluginId, PLUGIN_ID);
      return writer.bytes(message.data, PLUGIN_DATA);
    case "direct_wanted":
      return writer.u32(message.count);
    default:
      message satisfies never;
      throw new TypeError("Cannot encode data as a control message");
  }
}

/** The properties are read in the order in which they stand here, which is that of the wire. */
function decodeFields(reader: Reader): ControlMessage {
  const type = reader.enumeration(MESSAGE_TYPES, "message");
  switch (type) {
    case "handshake":
      return {
        type,
        token: decodeToken(reader),
        tunnelId: reader.option(() => reader.string(TUNNEL_ID)),
        minVersion: reader.u8(),
        maxVersion: reader.u8(),
        capabilities: reader.strings(CAPABILITIES),
      };
    case "handshake_ack":
      return {
        type,
        sessionId: decodeSessionId(reader),
        status: reader.enumeration(HANDSHAKE_STATUSES, "handshake status"),
        version: reader.u8(),
        capabilities: reader.strings(CAPABILITIES),
      };
    case "register":
      return {
        type,
        serviceName: reader.string(SERVICE_NAME),
        protocol: reader.enumeration(PROTOCOLS, "protocol"),
        metadata: decodeMetadata(reader),
      };
    case "register_ack":
      return {
        type,
        publicUrl: reader.string(PUBLIC_URL),
        status: reader.enumeration(REGISTER_STATUSES, "register status"),
      };
    case "open_stream":
      return {
        type,
        streamId: reader.u32(),
        protocol: reader.enumeration(PROTOCOLS, "protocol"),
        headers: reader.pairs(HEADERS),
        bodyHint: reader.option(() => reader.u64()),
        priority: reader.enumeration(PRIORITIES, "priority"),
      };
    case "stream_ack":
      return { type, streamId: reader.u32(), status: reader.enumeration(STREAM_STATUSES, "stream status") };
    case "data":
      throw new ProtocolError("data_as_control", "Data came as a control message");
    case "close_stream":
      return { type, streamId: reader.u32(), reason: decodeCloseReason(reader) };
    case "heartbeat":
    case "heartbeat_ack":
      return { type, timestamp: reader.u64() };
    case "error":
      return {
        type,
        streamId: reader.option(() => reader.u32()),
        code: reader.enumeration(ERROR_CODES, "error code"),
        message: reader.string(ERROR_TEXT),
      };
    case "plugin_data":
      return { type, pluginId: reader.string(PLUGIN_ID), data: reader.bytes(PLUGIN_DATA) };
    case "direct_wanted":
      return { type, count: reader.u32() };
  }
}

function decodeToken(reader: Reader): string {
  const token = reader.string(TOKEN);
  if (PRINTABLE_ASCII.test(token)) return token;
  throw new ProtocolError("bad_token", "Token has characters other than printable ASCII");
}

function decodeSessionId(reader: Reader): Uint8Array {
  const id = reader.bytes(SESSION_ID);
  if (id.length === SESSION_ID_BYTES) return id;
  throw new ProtocolError(
    "bad_session_id",
    `Session id has ${id.length} bytes; it must have ${SESSION_ID_BYTES}`,
  );
}

function decodeMetadata(reader: Reader): ReadonlyMap<string, string> {
  const pairs = reader.pairs(METADATA);
  const metadata = new Map(pairs);
  if (metadata.size === pairs.length) return metadata;
  throw new ProtocolError("duplicate_key", "Metadata has a key twice");
}

function decodeCloseReason(reader: Reader): CloseReason {
  const kind = reader.enumeration(CLOSE_KINDS, "close reason");
  return kind === "error" ? { kind, message: reader.string(REASON) } : { kind };
}
