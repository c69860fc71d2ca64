/**
 * What the tests of the wire share: random messages, a handler that writes down what it is told, and a look at
 * allocations.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "../../src/errors.ts";
import { encodeControl } from "../../src/wire/control.ts";
import {
  encodeGoAway,
  GO_AWAY_CODES,
  WINDOW_UPDATE_BYTES,
  writeDataHeader,
  writeWindowUpdate,
} from "../../src/wire/frame.ts";
import {
  type ControlMessage,
  ERROR_CODES,
  HANDSHAKE_STATUSES,
  PRIORITIES,
  PROTOCOLS,
  REGISTER_STATUSES,
  STREAM_STATUSES,
} from "../../src/wire/messages.ts";
import type { AnyFrame } from "./recording.ts";

/** Asserts that `run` throws a ProtocolError, and returns its rule. */
export function ruleOf(run: () => unknown): string {
  let rule: string | undefined;
  assert.throws(run, (error) => {
    if (!(error instanceof ProtocolError)) return false;
    rule = error.rule;
    return /^[a-z0-9]+(_[a-z0-9]+)*$/.test(rule);
  });
  return rule!;
}

/**
 * Runs `run` and returns how many bytes it allocated through the Uint8Array constructor, call by call. What `run` throws
 * is thrown on.
 */
export function allocationsOf(run: () => void): number[] {
  const sizes: number[] = [];
  const original = globalThis.Uint8Array;
  const watched = new Proxy(original, {
    construct(target, args: unknown[], newTarget): Uint8Array {
      const made = Reflect.construct(target, args, newTarget) as Uint8Array;
      sizes.push(made.byteLength);
      return made;
    },
  });
  Reflect.set(globalThis, "Uint8Array", watched);
  try {
    run();
  } finally {
    Reflect.set(globalThis, "Uint8Array", original);
  }
  return sizes;
}

const text = fc.string({ unit: "binary", maxLength: 20 });
const u8 = fc.integer({ min: 0, max: 255 });
const boundary32 = fc.constantFrom(0, 1, 250, 251, 252, 253, 254, 255, 65535, 65536, 0xffff_ffff);
const u32 = fc.oneof(boundary32, fc.integer({ min: 0, max: 0xffff_ffff }));
const boundary64 = fc.constantFrom(
  0n,
  250n,
  251n,
  65535n,
  65536n,
  (1n << 32n) - 1n,
  1n << 32n,
  (1n << 64n) - 1n,
);
const u64 = fc.oneof(boundary64, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
const capabilities = fc.array(fc.string({ unit: "binary", maxLength: 10 }), { maxLength: 5 });
const pair = fc.tuple(text, text);

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

function type<T extends string>(value: T): fc.Arbitrary<T> {
  return fc.constant(value);
}

/** Any control message, well within the limits. */
export const anyMessage: fc.Arbitrary<ControlMessage> = fc.oneof(
  fc.record({
    type: type("handshake"),
    token: fc.string({ unit: "grapheme-ascii", maxLength: 256 }),
    tunnelId: optional(text),
    minVersion: u8,
    maxVersion: u8,
    capabilities,
  }),
  fc.record({
    type: type("handshake_ack"),
    sessionId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    status: fc.constantFrom(...HANDSHAKE_STATUSES),
    version: u8,
    capabilities,
  }),
  fc.record({
    type: type("register"),
    serviceName: text,
    protocol: fc.constantFrom(...PROTOCOLS),
    metadata: fc.array(pair, { maxLength: 5 }).map((pairs) => new Map(pairs)),
  }),
  fc.record({ type: type("register_ack"), publicUrl: text, status: fc.constantFrom(...REGISTER_STATUSES) }),
  fc.record({
    type: type("open_stream"),
    streamId: u32,
    protocol: fc.constantFrom(...PROTOCOLS),
    headers: fc.array(pair, { maxLength: 5 }),
    bodyHint: optional(u64),
    priority: fc.constantFrom(...PRIORITIES),
  }),
  fc.record({ type: type("stream_ack"), streamId: u32, status: fc.constantFrom(...STREAM_STATUSES) }),
  fc.record({
    type: type("close_stream"),
    streamId: u32,
    reason: fc.oneof(
      fc.record({
        kind: fc.constantFrom("normal", "timeout", "local_service_unreachable", "protocol_violation"),
      }),
      fc.record({ kind: type("error"), message: text }),
    ),
  }),
  fc.record({ type: fc.constantFrom("heartbeat", "heartbeat_ack"), timestamp: u64 }),
  fc.record({
    type: type("error"),
    streamId: optional(u32),
    code: fc.constantFrom(...ERROR_CODES),
    message: text,
  }),
  fc.record({ type: type("plugin_data"), pluginId: text, data: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: type("direct_wanted"), count: u32 }),
).map((message) => structuredClone<ControlMessage>(message)); // Some records come without a prototype.

const streamId = fc.integer({ min: 1, max: 0xffff_ffff });

/** Random frames. */
export const anyFrame: fc.Arbitrary<AnyFrame> = fc.oneof(
  fc.record({ type: type("control"), message: anyMessage }),
  fc.record({
    type: type("data"),
    streamId,
    end: fc.boolean(),
    payload: fc.uint8Array({ maxLength: 100 }),
  }),
  fc.record({ type: type("window_update"), streamId, increment: fc.integer({ min: 1, max: 0x7fff_ffff }) }),
  fc.record({ type: type("go_away"), code: fc.constantFrom(...GO_AWAY_CODES) }),
).map((frame) => structuredClone<AnyFrame>(frame));

/** Encodes any frame with the code under test. */
export function encodeFrame(frame: AnyFrame): Uint8Array {
  switch (frame.type) {
    case "control":
      return encodeControl(frame.message);
    case "data": {
      const bytes = new Uint8Array(10 + frame.payload.length);
      writeDataHeader(bytes, 0, {
        streamId: frame.streamId,
        end: frame.end,
        payloadBytes: frame.payload.length,
      });
      bytes.set(frame.payload, 10);
      return bytes;
    }
    case "window_update": {
      const bytes = new Uint8Array(WINDOW_UPDATE_BYTES);
      writeWindowUpdate(bytes, 0, frame);
      return bytes;
    }
    case "go_away":
      return encodeGoAway(frame.code);
  }
}
