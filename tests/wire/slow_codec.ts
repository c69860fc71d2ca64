/**
 * The control messages a second time: slow, driven by a table of fields, sharing no code with the codec it checks.
 * Integers are bigints throughout, bytes are plain arrays, and every rule is applied where the format states it.
 *
 * @module
 */
import type { ControlMessage } from "../../src/wire/messages.ts";

type Kind =
  | { readonly is: "u8" }
  | { readonly is: "u32" }
  | { readonly is: "u64" }
  | { readonly is: "text"; readonly max: number; readonly ascii?: true }
  | { readonly is: "blob"; readonly min: number; readonly max: number }
  | { readonly is: "enum"; readonly variants: readonly string[] }
  | { readonly is: "option"; readonly of: Kind }
  | { readonly is: "texts"; readonly count: number; readonly max: number }
  | { readonly is: "pairs"; readonly count: number; readonly max: number }
  | { readonly is: "map"; readonly count: number; readonly max: number }
  | { readonly is: "reason"; readonly max: number };

interface Shape {
  readonly type: ControlMessage["type"];
  readonly fields: readonly (readonly [property: string, kind: Kind])[];
}

const u8: Kind = { is: "u8" };
const u32: Kind = { is: "u32" };
const u64: Kind = { is: "u64" };
const capabilities: Kind = { is: "texts", count: 32, max: 64 };
const protocol: Kind = {
  is: "enum",
  variants: ["http", "https", "http2", "websocket", "grpc", "tcp", "quic"],
};
const handshakeStatus: Kind = {
  is: "enum",
  variants: [
    "success",
    "invalid_token",
    "unsupported_version",
    "version_mismatch",
    "rate_limited",
    "tunnel_id_taken",
  ],
};
const registerStatus: Kind = {
  is: "enum",
  variants: ["success", "service_name_taken", "invalid_service_name", "quota_exceeded"],
};
const streamStatus: Kind = { is: "enum", variants: ["accepted", "rejected", "backpressure_applied"] };
const priority: Kind = { is: "enum", variants: ["normal", "low", "high", "critical"] };
const errorCode: Kind = {
  is: "enum",
  variants: [
    "protocol_error",
    "authentication_failed",
    "session_not_found",
    "stream_not_found",
    "timeout",
    "internal_server_error",
    "service_unavailable",
  ],
};
const closeKinds = ["normal", "timeout", "error", "local_service_unreachable", "protocol_violation"];

/** By index on the wire; nothing at 6, which is Data. */
const SHAPES: readonly (Shape | undefined)[] = [
  {
    type: "handshake",
    fields: [
      ["token", { is: "text", max: 256, ascii: true }],
      ["tunnelId", { is: "option", of: { is: "text", max: 256 } }],
      ["minVersion", u8],
      ["maxVersion", u8],
      ["capabilities", capabilities],
    ],
  },
  {
    type: "handshake_ack",
    fields: [
      ["sessionId", { is: "blob", min: 16, max: 16 }],
      ["status", handshakeStatus],
      ["version", u8],
      ["capabilities", capabilities],
    ],
  },
  {
    type: "register",
    fields: [
      ["serviceName", { is: "text", max: 256 }],
      ["protocol", protocol],
      ["metadata", { is: "map", count: 64, max: 1024 }],
    ],
  },
  { type: "register_ack", fields: [["publicUrl", { is: "text", max: 4096 }], ["status", registerStatus]] },
  {
    type: "open_stream",
    fields: [
      ["streamId", u32],
      ["protocol", protocol],
      ["headers", { is: "pairs", count: 128, max: 8192 }],
      ["bodyHint", { is: "option", of: u64 }],
      ["priority", priority],
    ],
  },
  { type: "stream_ack", fields: [["streamId", u32], ["status", streamStatus]] },
  undefined,
  { type: "close_stream", fields: [["streamId", u32], ["reason", { is: "reason", max: 4096 }]] },
  { type: "heartbeat", fields: [["timestamp", u64]] },
  { type: "heartbeat_ack", fields: [["timestamp", u64]] },
  {
    type: "error",
    fields: [
      ["streamId", { is: "option", of: u32 }],
      ["code", errorCode],
      ["message", { is: "text", max: 4096 }],
    ],
  },
  {
    type: "plugin_data",
    fields: [["pluginId", { is: "text", max: 256 }], ["data", { is: "blob", min: 0, max: 65536 }]],
  },
  { type: "direct_wanted", fields: [["count", u32]] },
];

/** Encodes a message as the body of a control frame. */
export function slowEncode(message: ControlMessage): Uint8Array {
  const index = SHAPES.findIndex((shape) => shape?.type === message.type);
  const out = varint(BigInt(index));
  const properties = message as unknown as Record<string, unknown>;
  for (const [property, kind] of SHAPES[index]!.fields) out.push(...encodeKind(kind, properties[property]));
  return Uint8Array.from(out);
}

function varint(value: bigint): number[] {
  if (value < 251n) return [Number(value)];
  const size = value < 1n << 16n ? 2 : value < 1n << 32n ? 4 : 8;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value, true);
  const marker = { 2: 251, 4: 252, 8: 253 }[size]!;
  return [marker, ...new Uint8Array(view.buffer, 0, size)];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...varint(BigInt(bytes.length)), ...bytes];
}

function encodeKind(kind: Kind, value: unknown): number[] {
  switch (kind.is) {
    case "u8":
      return [value as number];
    case "u32":
      return varint(BigInt(value as number));
    case "u64":
      return varint(value as bigint);
    case "text":
      return text(value as string);
    case "blob":
      return [...varint(BigInt((value as Uint8Array).length)), ...(value as Uint8Array)];
    case "enum":
      return varint(BigInt(kind.variants.indexOf(value as string)));
    case "option":
      return value === undefined ? [0] : [1, ...encodeKind(kind.of, value)];
    case "texts":
      return [...varint(BigInt((value as string[]).length)), ...(value as string[]).flatMap(text)];
    case "map":
    case "pairs": {
      const pairs = [...value as Iterable<[string, string]>];
      return [...varint(BigInt(pairs.length)), ...pairs.flat().flatMap(text)];
    }
    case "reason": {
      const reason = value as { kind: string; message?: string };
      const index = varint(BigInt(closeKinds.indexOf(reason.kind)));
      return reason.kind === "error" ? [...index, ...text(reason.message!)] : index;
    }
  }
}

/** Decodes the body of a control frame. Throws a plain Error for anything that is not one valid message. */
export function slowDecode(body: Uint8Array): ControlMessage {
  const source = new Source(body);
  const shape = SHAPES[Number(source.varint(32))];
  if (shape === undefined) throw new Error("No such message");
  const message: Record<string, unknown> = { type: shape.type };
  for (const [property, kind] of shape.fields) message[property] = decodeKind(source, kind);
  if (source.at !== body.length) throw new Error("Trailing bytes");
  return message as unknown as ControlMessage;
}

class Source {
  at = 0;
  readonly #view: DataView;

  constructor(readonly body: Uint8Array) {
    this.#view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  }

  byte(): number {
    return this.#view.getUint8(this.at++);
  }

  varint(bits: 32 | 64): bigint {
    const first = this.byte();
    if (first < 251) return BigInt(first);
    const size = [2, 4, 8][first - 251];
    if (size === undefined || size * 8 > bits) throw new Error("Varint too wide");
    let value = 0n;
    for (let i = 0; i < size; i++) value |= BigInt(this.byte()) << BigInt(8 * i);
    if (varint(value).length !== size + 1) throw new Error("Varint too long");
    return value;
  }

  take(max: number): number[] {
    const length = Number(this.varint(32));
    if (length > max) throw new Error("Too long");
    const bytes: number[] = [];
    for (let i = 0; i < length; i++) bytes.push(this.byte());
    return bytes;
  }

  text(max: number): string {
    const bytes = this.take(max);
    // What is not UTF-8 comes back as U+FFFD, whose bytes differ from what was there.
    const value = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
    const again = new TextEncoder().encode(value);
    if (again.length !== bytes.length || again.some((byte, i) => byte !== bytes[i])) {
      throw new Error("Not UTF-8");
    }
    return value;
  }
}

function decodeKind(source: Source, kind: Kind): unknown {
  switch (kind.is) {
    case "u8":
      return source.byte();
    case "u32":
      return Number(source.varint(32));
    case "u64":
      return source.varint(64);
    case "text": {
      const value = source.text(kind.max);
      if (kind.ascii && [...value].some((character) => character < " " || character > "~")) {
        throw new Error("Not ASCII");
      }
      return value;
    }
    case "blob": {
      const bytes = source.take(kind.max);
      if (bytes.length < kind.min) throw new Error("Too short");
      return Uint8Array.from(bytes);
    }
    case "enum":
      return variant(source, kind.variants);
    case "option": {
      const present = source.byte();
      if (present > 1) throw new Error("Bad option");
      return present === 1 ? decodeKind(source, kind.of) : undefined;
    }
    case "texts":
      return times(source, kind.count, () => source.text(kind.max));
    case "pairs":
      return pairs(source, kind);
    case "map": {
      const map = new Map<string, string>();
      for (const [key, value] of pairs(source, kind)) {
        if (map.has(key)) throw new Error("Key twice");
        map.set(key, value);
      }
      return map;
    }
    case "reason": {
      const name = variant(source, closeKinds);
      return name === "error" ? { kind: name, message: source.text(kind.max) } : { kind: name };
    }
  }
}

function variant(source: Source, variants: readonly string[]): string {
  const name = variants[Number(source.varint(32))];
  if (name === undefined) throw new Error("No such variant");
  return name;
}

function times<T>(source: Source, max: number, read: () => T): T[] {
  const count = Number(source.varint(32));
  if (count > max) throw new Error("Too many");
  return Array.from({ length: count }, read);
}

function pairs(source: Source, kind: { count: number; max: number }): [string, string][] {
  return times(source, kind.count, () => {
    const first = source.text(kind.max);
    const second = source.text(kind.max);
    const bytes = new TextEncoder().encode(first + second).length;
    if (bytes > kind.max) throw new Error("Pair too long");
    return [first, second];
  });
}
