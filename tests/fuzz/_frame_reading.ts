/**
 * How one parser of frames reads an input.
 *
 * @module
 */
import { ProtocolError } from "../../src/errors.ts";
import { encodeControl } from "../../src/wire/control.ts";
import {
  type DataHeader,
  encodeGoAway,
  type GoAwayCode,
  WINDOW_UPDATE_BYTES,
  writeDataHeader,
  writeWindowUpdate,
} from "../../src/wire/frame.ts";
import { DATA_HEADER_BYTES } from "../../src/wire/limits.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { type FrameHandler, FrameParser } from "../../src/wire/parser.ts";
import { type Mutator, ROOM_BYTES } from "./_mutator.ts";

/** The rule that a peer has broken; anything else that is thrown is a finding. */
export function ruleOf(error: unknown): string {
  if (error instanceof ProtocolError) return error.rule;
  throw error;
}

/** What is agreed with the peer. */
export interface Gate {
  authenticated: boolean;
  extensions: boolean;
}

/** How one parser reads the input: what it tells is counted, and written as frames again. */
export class Reading implements FrameHandler {
  /** What was told, as frames. */
  readonly echo: Uint8Array = new Uint8Array(ROOM_BYTES);
  echoBytes = 0;
  frames = 0;
  payloadBytes = 0;
  rule: string | undefined;
  /** Whether the input ends within a frame. */
  unfinished = false;
  readonly #echoes: boolean;

  /** @param echoes Whether frames are written. */
  constructor(echoes: boolean) {
    this.#echoes = echoes;
  }

  /** Reads it in pieces. Each lies in the same memory, so that a parser that keeps a view of one is found out. */
  run(input: Mutator, places: readonly number[], gate: Gate): void {
    this.echoBytes = this.frames = this.payloadBytes = 0;
    this.rule = undefined;
    const parser = new FrameParser(this);
    parser.authenticated = gate.authenticated;
    parser.extensions = gate.extensions;
    try {
      let from = 0;
      for (const to of places) {
        parser.push(from === 0 ? input.bytes.subarray(0, to) : pieceOf(input.bytes, from, to));
        from = to;
      }
    } catch (error) {
      this.rule = ruleOf(error);
    }
    this.unfinished = parser.midControlFrame || parser.payloadLeft > 0;
  }

  control(message: ControlMessage): void {
    this.frames++;
    if (this.#echoes) this.#add(encodeControl(message));
  }

  dataHeader(header: DataHeader): void {
    this.frames++;
    if (!this.#echoes) return;
    writeDataHeader(this.echo, this.echoBytes, header);
    this.echoBytes += DATA_HEADER_BYTES;
  }

  data(piece: Uint8Array): void {
    this.payloadBytes += piece.length;
    if (this.#echoes) this.#add(piece);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.frames++;
    if (!this.#echoes) return;
    writeWindowUpdate(this.echo, this.echoBytes, { streamId, increment });
    this.echoBytes += WINDOW_UPDATE_BYTES;
  }

  goAway(code: GoAwayCode): void {
    this.frames++;
    if (this.#echoes) this.#add(encodeGoAway(code));
  }

  #add(bytes: Uint8Array): void {
    // Most are short, and to call for those costs more than to copy them.
    for (let at = 0; at < bytes.length; at++) this.echo[this.echoBytes + at] = bytes[at]!;
    this.echoBytes += bytes.length;
  }
}

const pieces = new Uint8Array(ROOM_BYTES);

function pieceOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  for (let at = from; at < to; at++) pieces[at - from] = bytes[at]!;
  return pieces.subarray(0, to - from);
}
