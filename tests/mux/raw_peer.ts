/**
 * A session against a peer that says whatever a test wants.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { Session } from "../../src/mux/session.ts";
import type { SessionLimits } from "../../src/mux/sweeper.ts";
import { Counters } from "../../src/observe/counters.ts";
import { encodeControl } from "../../src/wire/control.ts";
import {
  type GoAwayCode,
  WINDOW_UPDATE_BYTES,
  writeDataHeader,
  writeWindowUpdate,
} from "../../src/wire/frame.ts";
import { DATA_HEADER_BYTES } from "../../src/wire/limits.ts";
import type { CloseReason, ControlMessage } from "../../src/wire/messages.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryLink } from "../support/memory_connection.ts";
import { limits, Owner, tick } from "./support.ts";

/** A frame that the session sent, in few words. */
export type Heard =
  | ControlMessage
  | { readonly type: "data"; readonly streamId: number; readonly bytes: number; readonly end: boolean }
  | { readonly type: "credit"; readonly streamId: number; readonly increment: number }
  | { readonly type: "go_away"; readonly code: GoAwayCode };

/** Options of {@linkcode makeRawPeer}. */
export interface RawPeerOptions {
  /** The role of the session. @default "server" */
  readonly role?: "server" | "client";
  readonly limits?: Partial<SessionLimits>;
  /** Whether the stream extensions are agreed. @default true */
  readonly extended?: boolean;
  /** Whether the handshake is over. @default true */
  readonly established?: boolean;
  /** What the session may send on a stream. @default as the session's own window */
  readonly peerWindowBytes?: number;
}

/** The session, and the hands of its peer. */
export interface RawPeer {
  readonly session: Session;
  readonly owner: Owner;
  readonly counters: Counters;
  readonly memory: MemoryBudget;
  readonly clock: FakeClock;
  readonly link: MemoryLink;
  /** Everything that the session has sent. */
  readonly heard: Heard[];
  /** Lets frames arrive together in one read. */
  say(...frames: readonly Uint8Array[]): Promise<void>;
  /** Lets everything move that can. */
  settle(): Promise<void>;
  /** The rule that the peer has broken; undefined while the session lives. */
  broken(): string | undefined;
}

/** A whole OpenStream frame. */
export function open(streamId: number): Uint8Array {
  return encodeControl({
    type: "open_stream",
    streamId,
    protocol: "tcp",
    headers: [],
    bodyHint: undefined,
    priority: "normal",
  });
}

/** A whole CloseStream frame. */
export function close(streamId: number, reason: CloseReason = { kind: "normal" }): Uint8Array {
  return encodeControl({ type: "close_stream", streamId, reason });
}

/** A whole StreamAck frame. */
export function accept(streamId: number): Uint8Array {
  return encodeControl({ type: "stream_ack", streamId, status: "accepted" });
}

/** A whole data frame with payload of zeros. */
export function data(streamId: number, payloadBytes: number, end = false): Uint8Array {
  const frame = new Uint8Array(DATA_HEADER_BYTES + payloadBytes);
  writeDataHeader(frame, 0, { streamId, payloadBytes, end });
  return frame;
}

/** A whole WindowUpdate frame. */
export function credit(streamId: number, increment: number): Uint8Array {
  const frame = new Uint8Array(WINDOW_UPDATE_BYTES);
  writeWindowUpdate(frame, 0, { streamId, increment });
  return frame;
}

/** Makes a {@linkcode RawPeer}. */
export function makeRawPeer(options: RawPeerOptions = {}): RawPeer {
  const clock = new FakeClock();
  const link = new MemoryLink({ capacityBytes: 1 << 26, maxChunkBytes: 1 << 20 });
  const owner = new Owner();
  owner.checks = false;
  const counters = new Counters();
  const memory = new MemoryBudget(1 << 28);
  const pool = new BufferPool({ keepBytes: 1 << 24 });
  const sessionLimits = limits(options.limits);
  const session = new Session(link.ends[0], owner, {
    role: options.role ?? "server",
    limits: sessionLimits,
    environment: { clock, counters, pool, memory },
  });
  const extended = options.extended ?? true;
  const window = options.peerWindowBytes ?? sessionLimits.windowBytes;
  if (options.established ?? true) {
    session.establish({ peerWindowBytes: extended ? window : undefined, beats: false });
  }
  const heard: Heard[] = [];
  const parser = new FrameParser({
    control: (message) => void heard.push(message),
    dataHeader: ({ streamId, payloadBytes, end }) =>
      void heard.push({ type: "data", streamId, bytes: payloadBytes, end }),
    data: () => {},
    windowUpdate: (streamId, increment) => void heard.push({ type: "credit", streamId, increment }),
    goAway: (code) => void heard.push({ type: "go_away", code }),
  });
  parser.authenticated = parser.extensions = true;
  const space = new Uint8Array(65_536);
  link.ends[1].start({
    space: () => space,
    data: (chunk) => {
      parser.push(chunk);
      return true;
    },
    end: () => {},
    drain: () => {},
    close: () => {},
  });
  const settle = async (): Promise<void> => {
    await tick();
    while (link.step()) await tick();
  };
  const say = async (...frames: readonly Uint8Array[]): Promise<void> => {
    const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      bytes.set(frame, at);
      at += frame.length;
    }
    link.ends[1].write(bytes);
    await settle();
  };
  const broken = (): string | undefined => {
    const rules = [...counters.entries()].filter(({ name }) => name === "protocol_errors");
    assert.equal(rules.length > 0, owner.ends[0]?.code === "protocol_error");
    return rules[0]?.label;
  };
  return { session, owner, counters, memory, clock, link, heard, say, settle, broken };
}
