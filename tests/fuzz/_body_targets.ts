/**
 * Chunked bodies, and bytes without any form.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BodyScanner } from "../../src/http/body.ts";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { ProtocolError } from "../../src/errors.ts";
import { decodeControl } from "../../src/wire/control.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { readChunkedNaively } from "../http/naive.ts";
import type { BodyFraming } from "../../src/http/types.ts";
import type { Dice } from "./_dice.ts";
import { CHUNKED_MATERIAL } from "./_http_inputs.ts";
import { Mutator, ROOM_BYTES } from "./_mutator.ts";
import { agree, Cuts, type FuzzTarget, sameBytes } from "./_target.ts";

const CHUNKED = { kind: "chunked" } as const;

/** How a body is scanned. */
interface ScanOptions {
  readonly pieces: "payload" | "verbatim";
  /** @default chunked */
  readonly framing?: BodyFraming;
  /** @default 0: no bound */
  readonly maxBodyBytes?: number;
}

/** What a scanner made of a body; used again for each run. */
class Scan {
  /** All pieces, and the tail. */
  readonly out: Uint8Array = new Uint8Array(ROOM_BYTES);
  outBytes = 0;
  /** Bytes that were read. */
  size = 0;
  done = false;
  trailers = 0;
  refusal: string | undefined;

  run(bytes: Uint8Array, places: readonly number[], options: ScanOptions): void {
    this.outBytes = this.size = this.trailers = 0;
    this.done = false;
    this.refusal = undefined;
    const { framing = CHUNKED, pieces, maxBodyBytes = 0 } = options;
    let scanner: BodyScanner | undefined;
    try {
      scanner = new BodyScanner(framing, { pieces, from: "visitor", maxBodyBytes });
      for (const to of places) {
        while (this.size < to && !scanner.done) this.#scan(scanner, bytes, to);
      }
      if (framing.kind === "until_close") scanner.endOfInput();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.refusal = `${error.status} ${error.rule}`;
    }
    this.done = scanner?.done === true;
    if (scanner === undefined || !this.done) return;
    this.trailers = scanner.trailers.size;
    const { tail } = scanner;
    if (tail !== undefined) this.#add(tail, 0, tail.length);
  }

  #scan(scanner: BodyScanner, bytes: Uint8Array, to: number): void {
    const next = scanner.scan(bytes, this.size, to);
    if (next <= this.size) assert.fail("The scanner does not move");
    this.#add(bytes, scanner.pieceStart, scanner.pieceEnd);
    this.size = next;
  }

  #add(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end; at++) this.out[this.outBytes++] = bytes[at]!;
  }
}

const bodies = new Mutator(CHUNKED_MATERIAL);
const cuts = new Cuts();
const payload = new Scan();
const verbatim = new Scan();
const again = new Scan();

function agreeOnOutput(one: Scan, other: Scan, what: string): void {
  agree(one.outBytes, other.outBytes, what);
  if (!sameBytes(one.out, other.out, { length: one.outBytes })) assert.fail(`Bytes differ: ${what}`);
}

/** Whole and in pieces a body is the same, and what is passed on verbatim is a body of the same payload. */
function fuzzChunked(dice: Dice, compare: boolean): boolean {
  bodies.begin(dice);
  bodies.change(dice, 2);
  const { bytes, length } = bodies;
  const whole = [length];
  payload.run(bytes, whole, { pieces: "payload" });
  verbatim.run(bytes, whole, { pieces: "verbatim" });
  agree(payload.refusal, verbatim.refusal, "the refusal, verbatim");
  if (payload.refusal === undefined) agree(payload.size, verbatim.size, "the size, verbatim");
  const mode = dice.once(2) ? "payload" : "verbatim";
  const expected = mode === "payload" ? payload : verbatim;
  again.run(bytes, cuts.draw(dice, length), { pieces: mode });
  agree(expected.refusal, again.refusal, "the refusal, in pieces");
  agree(expected.done, again.done, "the end, in pieces");
  agree(expected.trailers, again.trailers, "the trailers, in pieces");
  if (expected.refusal === undefined) agree(expected.size, again.size, "the size, in pieces");
  if (expected.refusal === undefined) agreeOnOutput(expected, again, "in pieces");
  if (payload.done) {
    again.run(verbatim.out, [verbatim.outBytes], { pieces: "payload" });
    agree(true, again.done, "the end of what was passed on");
    agree(payload.trailers, again.trailers, "the trailers that were passed on");
    agreeOnOutput(payload, again, "what was passed on");
  }
  if (dice.once(8)) checkBound(dice, whole);
  if (compare) compareNaively();
  return payload.refusal === undefined;
}

/** A bound refuses what has more payload, and nothing else. */
function checkBound(dice: Dice, whole: readonly number[]): void {
  const maxBodyBytes = 1 + dice.roll(16);
  again.run(bodies.bytes, whole, { pieces: "payload", maxBodyBytes });
  if (again.refusal !== "413 body_too_large") {
    agree(payload.refusal, again.refusal, "the refusal, bounded");
    agreeOnOutput(payload, again, "bounded");
    if (again.outBytes > maxBodyBytes) assert.fail("A body is over its bound");
  } else if (payload.done && payload.outBytes <= maxBodyBytes) {
    assert.fail("A body within its bound is refused");
  }
}

/** Bodies of a length, and those that end with the connection: what comes out is what went in, up to their end. */
function fuzzPlain(dice: Dice): boolean {
  const length = bodies.begin(dice).length;
  const bytes = dice.roll(2 * length + 1);
  const framing: BodyFraming = dice.once(3) ? { kind: "until_close" } : { kind: "length", bytes };
  const maxBodyBytes = dice.once(2) ? 1 + dice.roll(2 * length + 1) : 0;
  const size = framing.kind === "length" ? Math.min(bytes, length) : length;
  const told = framing.kind === "length" ? bytes : length;
  again.run(bodies.bytes, cuts.draw(dice, length), { pieces: "verbatim", framing, maxBodyBytes });
  if (maxBodyBytes > 0 && told > maxBodyBytes) {
    agree("413 body_too_large", again.refusal, "the refusal of a body over its bound");
    return false;
  }
  agree(undefined, again.refusal, "no refusal");
  agree(size, again.outBytes, "the size of a plain body");
  agree(framing.kind !== "length" || bytes <= length, again.done, "the end of a plain body");
  if (!sameBytes(again.out, bodies.bytes, { length: size })) assert.fail("A plain body has other bytes");
  return true;
}

function compareNaively(): void {
  const naive = readChunkedNaively(textOf(bodies.bytes, bodies.length));
  const told = payload.done
    ? { payload: textOf(payload.out, payload.outBytes), end: payload.size }
    : undefined;
  assert.deepEqual(told, naive);
}

function textOf(bytes: Uint8Array, length: number): string {
  let text = "";
  for (let at = 0; at < length; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

const rubbish = new Uint8Array(64);
const NOBODY = { control: ignore, dataHeader: ignore, data: ignore, windowUpdate: ignore, goAway: ignore };
const READERS: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => {
    const parser = new FrameParser(NOBODY);
    parser.authenticated = parser.extensions = true;
    parser.push(bytes);
  },
  (bytes) => new RequestHeadParser().push(bytes),
  (bytes) => {
    const scanner = new BodyScanner(CHUNKED, { pieces: "verbatim", from: "visitor" });
    let at = 0;
    while (at < bytes.length && !scanner.done) at = scanner.scan(bytes, at, bytes.length);
  },
  decodeControl,
];

function ignore(): void {}

/** Bytes without any form, for one reader after the other. */
function fuzzRubbish(dice: Dice): boolean {
  const length = dice.roll(rubbish.length + 1);
  for (let at = 0; at < length; at++) rubbish[at] = dice.roll(256);
  let accepted = false;
  for (const reader of READERS) {
    try {
      reader(rubbish.subarray(0, length));
      accepted = reader === decodeControl;
    } catch (error) {
      if (!(error instanceof HttpError || error instanceof ProtocolError)) throw error;
    }
  }
  return accepted;
}

/** What stands behind heads, and what is nothing. */
export const BODY_TARGETS: readonly FuzzTarget[] = [
  { name: "chunked bodies", hasOracle: true, run: fuzzChunked },
  { name: "plain bodies", hasOracle: false, run: fuzzPlain },
  { name: "rubbish", hasOracle: false, run: fuzzRubbish },
];
