/**
 * Control messages, the parser of frames and capabilities, as a peer may send them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type Capabilities, formatCapabilities, parseCapabilities } from "../../src/wire/capabilities.ts";
import { decodeControl, encodeControl } from "../../src/wire/control.ts";
import { writeU32 } from "../../src/wire/frame.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { slowDecode } from "../wire/slow_codec.ts";
import { record } from "../wire/recording.ts";
import type { Dice } from "./_dice.ts";
import { type Gate, Reading, ruleOf } from "./_frame_reading.ts";
import { type Material, Mutator } from "./_mutator.ts";
import { agree, Cuts, type FuzzTarget, latin1, sameBytes } from "./_target.ts";
import { CONTROL_HEADER_BYTES, CONTROL_MATERIAL, FRAME_MATERIAL } from "./_wire_inputs.ts";

const LENGTH_BYTES = 4;

/** The slow codec refuses by any error. */
function slowOutcome(body: Uint8Array): ControlMessage | undefined {
  try {
    return slowDecode(body);
  } catch {
    return undefined;
  }
}

const bodies = new Mutator(CONTROL_MATERIAL);

function fuzzControl(dice: Dice, compare: boolean): boolean {
  bodies.begin(dice);
  bodies.change(dice, 3);
  const body = bodies.bytes.subarray(0, bodies.length);
  let fast: ControlMessage | undefined;
  try {
    fast = decodeControl(body);
  } catch (error) {
    ruleOf(error);
  }
  if (compare) assert.deepEqual(fast, slowOutcome(body));
  if (fast === undefined) return false;
  const again = encodeControl(fast);
  const same = again.length === CONTROL_HEADER_BYTES + body.length &&
    sameBytes(again, body, { from: CONTROL_HEADER_BYTES, length: body.length });
  if (!same) assert.fail("One value has two encodings");
  return true;
}

/** One in so many inputs that were read in pieces is read whole too. */
const WHOLE_ONCE_IN = 4;

const frames = new Mutator(FRAME_MATERIAL);
const cuts = new Cuts();
const gate: Gate = { authenticated: true, extensions: true };
const whole = new Reading(false);
const inPieces = new Reading(true);

/** One frame that is changed, half of the time with a length that is right again, and maybe one in front of it. */
function drawFrames(dice: Dice): void {
  frames.begin(dice);
  let start = 0;
  if (dice.once(2)) {
    start = frames.length;
    frames.append(dice);
  }
  frames.change(dice, 3, start);
  const length = frames.length - start;
  if (length > LENGTH_BYTES && dice.once(2)) writeU32(frames.bytes, start, length - LENGTH_BYTES);
}

/** What is read in pieces, of which there may be one, is told as it was there; what is read whole too, just as often. */
function fuzzParser(dice: Dice, compare: boolean): boolean {
  drawFrames(dice);
  gate.authenticated = !dice.once(16);
  gate.extensions = !dice.once(8);
  const places = cuts.draw(dice, frames.length);
  inPieces.run(frames, places, gate);
  const { echo, echoBytes, rule, unfinished } = inPieces;
  const same = echoBytes <= frames.length && sameBytes(echo, frames.bytes, { length: echoBytes });
  if (!same) assert.fail("What was told, as frames, is not what was there");
  if (rule === undefined && !unfinished) agree(echoBytes, frames.length, "nothing is left out");
  if (places.length > 1 && dice.once(WHOLE_ONCE_IN)) {
    whole.run(frames, [frames.length], gate);
    agree(rule, whole.rule, "the rule");
    agree(inPieces.frames, whole.frames, "the number of frames");
    agree(inPieces.payloadBytes, whole.payloadBytes, "the payload");
    if (rule === undefined) agree(unfinished, whole.unfinished, "whether a frame goes on");
  }
  if (compare) compareFrames(places);
  return rule === undefined;
}

/** Compares the frames themselves, written down with a parser for each way to cut. */
function compareFrames(places: readonly number[]): void {
  const [one, other] = [[frames.length], places].map((some) => {
    const { parser, frames: told } = record(gate);
    try {
      let from = 0;
      for (const to of some) {
        parser.push(frames.bytes.slice(from, to));
        from = to;
      }
    } catch (error) {
      ruleOf(error);
    }
    return told;
  });
  assert.deepEqual(other, one);
}

const NONCE = "0123456789abcdef".repeat(2);
const CAPABILITIES: Material = {
  inputs: [
    formatCapabilities({ window: 262_144, services: true, instance: NONCE, withdraw: true }),
    formatCapabilities({
      window: 1024,
      services: false,
      group: { member: 1, of: 64 },
      direct: { pool: 999 },
      key: { id: NONCE },
    }),
    formatCapabilities({
      window: 2_147_483_647,
      services: true,
      direct: { session: NONCE },
      key: { tls: "none" },
    }),
  ].map((list) => latin1(list.join("\n"))),
  words: [
    "\n",
    ";",
    "=",
    "0",
    "9",
    "1",
    "\nbasic",
    "\nferrotunnel.streams/1;window=4096",
    "\nferrotunnel.services/1",
  ]
    .concat("\nferrotunnel.withdraw/1", "tls=", "nonce=", "session=", "member=0;of=1", "999", "65").map(
      latin1,
    ),
};
const capabilities = new Mutator(CAPABILITIES);

/** What is understood can be said again, and then means the same. */
function fuzzCapabilities(dice: Dice): boolean {
  capabilities.begin(dice);
  capabilities.change(dice, 2);
  const list = String.fromCharCode(...capabilities.bytes.subarray(0, capabilities.length)).split("\n");
  let found: Capabilities;
  try {
    found = parseCapabilities(list);
  } catch (error) {
    ruleOf(error);
    return false;
  }
  const [, , ...known] = formatCapabilities(found);
  for (const capability of known) assert.ok(list.includes(capability), `${capability} is not among ${list}`);
  return true;
}

/** What the wire brings. */
export const WIRE_TARGETS: readonly FuzzTarget[] = [
  { name: "control messages", hasOracle: true, run: fuzzControl },
  { name: "frame parser", hasOracle: true, run: fuzzParser },
  { name: "capabilities", hasOracle: false, run: fuzzCapabilities },
];
