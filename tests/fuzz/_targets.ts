/**
 * What is fuzzed: each target is fed with changed bytes and compares two ways to the same answer, so that not only a crash is
 * a finding.
 *
 * @module
 */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { ProtocolError } from "../../src/errors.ts";
import { BodyScanner } from "../../src/http/body.ts";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { CORPUS as HEADS, Dice, mutated as mutatedHead } from "../http/corpus.ts";
import { readNaively } from "../http/naive.ts";
import { bytesOf, scanBody } from "../http/support.ts";
import { makeRawPeer } from "../mux/raw_peer.ts";
import { slowDecode } from "../wire/slow_codec.ts";
import { concat, record } from "../wire/support.ts";
import { CONTROL_VECTORS, FRAME_VECTORS, fromHex } from "../wire/vectors.ts";

/** Something that is fuzzed. */
export interface FuzzTarget {
  readonly name: string;
  /** Feeds it once. @returns whether the input was accepted @throws {Error} on a finding */
  run(dice: Dice): boolean | Promise<boolean>;
}

const FRAMES = [
  ...FRAME_VECTORS.map(({ hex }) => fromHex(hex)),
  ...CONTROL_VECTORS.map(({ message }) => encodeControl(message)),
];
const CONTROL_HEADER_BYTES = 5;
const BODIES = CONTROL_VECTORS.map(({ message }) => encodeControl(message).subarray(CONTROL_HEADER_BYTES));
/** Values at which a length or a number turns into another kind. */
const EDGES = [0, 1, 2, 127, 128, 249, 250, 251, 252, 253, 254, 255];
const CHUNKED = [
  "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\nNEXT",
  '3;a=b;c="d\\"e"\r\nabc\r\n1\r\nx\r\n0;z\r\nX-T: v\r\nHost: b\r\n\r\nNEXT',
  "A\r\n0\r\n\r\n01234\r\n0\r\nA: b\r\n\r\nNEXT",
];

/** Changes bytes in one to four places. */
export function changed(bytes: Uint8Array, dice: Dice): Uint8Array {
  let all = [...bytes];
  for (let changes = 1 + dice.roll(4); changes > 0; changes--) {
    const at = dice.roll(all.length + 1);
    const value = dice.roll(2) === 0 ? dice.pick(EDGES) : dice.roll(256);
    switch (dice.roll(5)) {
      case 0:
        all[Math.min(at, Math.max(0, all.length - 1))] = value;
        break;
      case 1:
        all.splice(at, dice.roll(4));
        break;
      case 2:
        all.splice(at, 0, value);
        break;
      case 3:
        all.splice(at, 0, ...all.slice(at, at + dice.roll(8)));
        break;
      default:
        all = all.slice(0, at);
    }
  }
  return Uint8Array.from(all);
}

/** The result of `run`, or the rule that it broke. */
function outcome<T>(run: () => T): { readonly value: T } | { readonly rule: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof ProtocolError) return { rule: error.rule };
    throw error;
  }
}

/** The slow codec refuses by any error. */
function slowOutcome(body: Uint8Array): ControlMessage | undefined {
  try {
    return slowDecode(body);
  } catch {
    return undefined;
  }
}

function fuzzControl(dice: Dice): boolean {
  const body = changed(dice.pick(BODIES), dice);
  const fast = outcome(() => decodeControl(body));
  const slow = slowOutcome(body);
  assert.equal("value" in fast, slow !== undefined);
  if ("rule" in fast) return false;
  assert.deepEqual(fast.value, slow);
  assert.deepEqual(encodeControl(fast.value).subarray(CONTROL_HEADER_BYTES), body, "one value, one encoding");
  return true;
}

function frames(dice: Dice): Uint8Array {
  const parts = Array.from({ length: 1 + dice.roll(4) }, () => dice.pick(FRAMES));
  parts.push(changed(dice.pick(FRAMES), dice));
  return concat(...parts);
}

function parsed(bytes: Uint8Array, cuts: readonly number[]): { frames: unknown[]; rule: string | undefined } {
  const { parser, frames } = record();
  const result = outcome(() => {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      parser.push(bytes.slice(from, to));
      from = to;
    }
  });
  return { frames, rule: "rule" in result ? result.rule : undefined };
}

function fuzzParser(dice: Dice): boolean {
  const bytes = frames(dice);
  const whole = parsed(bytes, []);
  const cuts = Array.from({ length: dice.roll(6) }, () => dice.roll(bytes.length + 1)).sort((a, b) => a - b);
  assert.deepEqual(parsed(bytes, cuts), whole);
  return whole.rule === undefined;
}

async function fuzzSession(dice: Dice): Promise<boolean> {
  const role = dice.pick(["server", "client"] as const);
  const peer = makeRawPeer({
    role,
    limits: { windowBytes: 4096, maxStreams: 8 },
    extended: dice.roll(4) > 0,
  });
  if (dice.roll(2) === 0) peer.session.openStream({ protocol: "tcp" });
  for (let reads = 1 + dice.roll(4); reads > 0; reads--) await peer.say(frames(dice));
  peer.clock.advance(dice.roll(60_000));
  await peer.settle();
  const ends = peer.owner.ends.length;
  peer.session.destroy("The run is over");
  await peer.settle();
  assert.equal(peer.owner.ends.length, 1, "a session ends once");
  assert.equal(peer.session.streamCount, 0);
  assert.equal(peer.memory.usedBytes, 0, "nothing stays in memory");
  assert.equal(peer.clock.pending, 0, "no timer is left");
  return ends === 0;
}

function fuzzHead(dice: Dice): boolean {
  const text = mutatedHead(dice);
  const naive = readNaively(text);
  let fast: ReturnType<RequestHeadParser["push"]> | "refused";
  try {
    fast = new RequestHeadParser().push(bytesOf(text));
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    fast = "refused";
  }
  const kind = fast === undefined ? "more" : fast === "refused" ? fast : "head";
  assert.equal(kind, typeof naive === "string" ? naive : "head", JSON.stringify(text));
  if (typeof naive === "string" || fast === undefined || fast === "refused") return false;
  assert.deepEqual([fast.end, fast.head.method, fast.head.target], [naive.end, naive.method, naive.target]);
  return true;
}

function fuzzBody(dice: Dice): boolean {
  const text = Array.from(changed(bytesOf(dice.pick(CHUNKED)), dice), (byte) => String.fromCharCode(byte))
    .join(
      "",
    );
  const scan = (places: readonly number[]): unknown => {
    try {
      return scanBody(text, { kind: "chunked" }, { places });
    } catch (error) {
      if (error instanceof HttpError) return `${error.status} ${error.rule}`;
      throw error;
    }
  };
  const places = [dice.roll(text.length + 1), dice.roll(text.length + 1)].sort((a, b) => a - b);
  const whole = scan([]);
  assert.deepEqual(scan(places), whole);
  return typeof whole !== "string";
}

/** Bytes without any form, for both parsers. */
function fuzzRubbish(dice: Dice): boolean {
  const bytes = Uint8Array.from({ length: dice.roll(64) }, () => dice.roll(256));
  const control = outcome(() => decodeControl(bytes));
  parsed(bytes, []);
  for (const run of [() => new RequestHeadParser().push(bytes), () => scanRubbish(bytes)]) {
    try {
      run();
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
    }
  }
  return "value" in control;
}

function scanRubbish(bytes: Uint8Array): void {
  const scanner = new BodyScanner({ kind: "chunked" }, { pieces: "verbatim", from: "visitor" });
  let at = 0;
  while (at < bytes.length && !scanner.done) at = scanner.scan(bytes, at, bytes.length);
}

/** All targets. */
export const TARGETS: readonly FuzzTarget[] = [
  { name: "control messages", run: fuzzControl },
  { name: "frame parser", run: fuzzParser },
  { name: "session", run: fuzzSession },
  { name: "request heads", run: fuzzHead },
  { name: "chunked bodies", run: fuzzBody },
  { name: "rubbish", run: fuzzRubbish },
];

/** What some runs of a target came to. */
export interface FuzzResult {
  readonly runs: number;
  readonly accepted: number;
}

/**
 * Feeds a target.
 *
 * @param target The target.
 * @param options `seed` of the first run; each run has the next one. `until` is asked before each run.
 * @throws {Error} on a finding, with the seed that leads to it
 */
export async function fuzz(
  target: FuzzTarget,
  options: { readonly seed: number; readonly until: (runs: number) => boolean },
): Promise<FuzzResult> {
  let [runs, accepted] = [0, 0];
  while (!options.until(runs)) {
    const seed = options.seed + runs++;
    try {
      const result = target.run(new Dice(Math.imul(seed, 0x9e37_79b1) || 1));
      if (result === true || (result !== false && await result)) accepted++;
    } catch (error) {
      const what = error instanceof Error ? error.stack : inspect(error);
      throw new Error(`Found with --target "${target.name}" --seed ${seed}:\n${what}`, { cause: error });
    }
  }
  return { runs, accepted };
}

assert.ok(HEADS.length > 0 && FRAMES.length > 20 && BODIES.length > 10, "there is something to begin with");
