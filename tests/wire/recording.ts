/**
 * Writes down what a parser of frames tells. Apart from the random messages, which take long to load.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import type { OtherFrame } from "./vectors.ts";

/** Puts arrays of bytes one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Any frame: a control message, or one of the others. */
export type AnyFrame = { readonly type: "control"; readonly message: ControlMessage } | OtherFrame;

/** A parser and what it found; pieces of a payload are put together. */
export interface Recording {
  readonly parser: FrameParser;
  /** Whole frames in order; a data frame stands here from its header on. */
  readonly frames: AnyFrame[];
  /** Whether the payload of the last data frame is all there. */
  complete(): boolean;
}

/** Makes a parser whose frames are written down; open to every frame type unless told otherwise. */
export function record(options: { authenticated?: boolean; extensions?: boolean } = {}): Recording {
  const frames: AnyFrame[] = [];
  let missing = 0;
  const parser = new FrameParser({
    control: (message) => void frames.push({ type: "control", message }),
    dataHeader: ({ streamId, end, payloadBytes }) => {
      assert.equal(missing, 0, "A frame begins before the last one is complete");
      missing = payloadBytes;
      frames.push({ type: "data", streamId, end, payload: new Uint8Array(0) });
    },
    data: (piece, last) => {
      const frame = frames.pop();
      assert(frame?.type === "data" && piece.length > 0);
      missing -= piece.length;
      assert.equal(last, missing === 0);
      frames.push({ ...frame, payload: concat(frame.payload, piece) });
    },
    windowUpdate: (streamId, increment) => void frames.push({ type: "window_update", streamId, increment }),
    goAway: (code) => void frames.push({ type: "go_away", code }),
  });
  parser.authenticated = options.authenticated ?? true;
  parser.extensions = options.extensions ?? true;
  return { parser, frames, complete: () => missing === 0 };
}
