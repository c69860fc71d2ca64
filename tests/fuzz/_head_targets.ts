/**
 * Heads of requests and of responses, as visitors and services may send them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { type AnsweredRequest, ResponseHeadParser } from "../../src/http/response_head.ts";
import type { RequestHead, ResponseHead } from "../../src/http/types.ts";
import { readNaively } from "../http/naive.ts";
import type { Dice } from "./_dice.ts";
import { REQUEST_MATERIAL, RESPONSE_MATERIAL, UPGRADE_REQUEST } from "./_http_inputs.ts";
import { Mutator, ROOM_BYTES } from "./_mutator.ts";
import { agree, Cuts, type FuzzTarget } from "./_target.ts";

/** What can be fed in pieces. */
interface Parser<Head> {
  push(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): { readonly head: Head; readonly end: number } | undefined;
}

/** What a parser made of an input. */
interface Outcome<Head> {
  /** "status rule" of the refusal; undefined when there was none. */
  refusal: string | undefined;
  /** Undefined when the head goes on. */
  head: Head | undefined;
  /** Bytes of the head. */
  size: number;
}

const pieces = new Uint8Array(ROOM_BYTES);

/** Feeds a parser. Pieces lie in the same memory, so that a parser that keeps one of them is found out. */
function read<Head>(parser: Parser<Head>, input: Mutator, places: readonly number[]): Outcome<Head> {
  const outcome: Outcome<Head> = { refusal: undefined, head: undefined, size: 0 };
  try {
    let from = 0;
    for (const to of places) {
      let bytes = input.bytes;
      if (places.length > 1) {
        for (let at = from; at < to; at++) pieces[at] = input.bytes[at]!;
        bytes = pieces;
      }
      const parsed = parser.push(bytes, from, to);
      if (bytes === pieces) pieces.fill(0x0a, from, to);
      if (parsed !== undefined) {
        outcome.head = parsed.head;
        outcome.size = parsed.end;
        break;
      }
      from = to;
    }
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    outcome.refusal = `${error.status} ${error.rule}`;
  }
  return outcome;
}

/** The parts of two heads that are cheap to compare. */
function assertSame<Head extends RequestHead | ResponseHead>(
  one: Outcome<Head>,
  other: Outcome<Head>,
  keys: readonly (keyof Head)[],
): void {
  agree(one.refusal, other.refusal, "the refusal");
  agree(one.size, other.size, "the size");
  if (one.head === undefined || other.head === undefined) return;
  for (const key of keys) agree(one.head[key], other.head[key], String(key));
  agree(lengthOf(one.head), lengthOf(other.head), "the framing");
  agree(one.head.headers.size, other.head.headers.size, "the number of fields");
}

function lengthOf({ framing }: RequestHead | ResponseHead): string | number {
  return framing.kind === "length" ? framing.bytes : framing.kind;
}

/** Fields that two readings of one head must agree on, beside its length and its fields. */
const REQUEST_KEYS = [
  "method",
  "target",
  "version",
  "host",
  "port",
  "keepAlive",
  "expectsContinue",
  "upgradesToWebSocket",
] as const;
const RESPONSE_KEYS = ["status", "reason", "version", "keepAlive"] as const;

/** One in so many inputs is read in pieces too, and as many by a parser that has read another head before. */
const SECOND_READINGS = 4;

const cuts = new Cuts();
const requests = new Mutator(REQUEST_MATERIAL);
const responses = new Mutator(RESPONSE_MATERIAL);

/** A parser that has read a head before, which it remembers; undefined when that is none. */
function afterAnother<Head, P extends Parser<Head>>(parser: P, before: Uint8Array): P | undefined {
  try {
    return parser.push(before, 0, before.length) === undefined ? undefined : parser;
  } catch (error) {
    if (error instanceof HttpError) return undefined;
    throw error;
  }
}

function fuzzRequest(dice: Dice, compare: boolean): boolean {
  const before = requests.begin(dice);
  requests.change(dice, 2);
  const whole = read(new RequestHeadParser(), requests, [requests.length]);
  const second = dice.roll(SECOND_READINGS);
  if (second === 0) {
    const cut = read(new RequestHeadParser(), requests, cuts.draw(dice, requests.length));
    assertSame<RequestHead>(whole, cut, REQUEST_KEYS);
  } else if (second === 1) {
    const parser = afterAnother(new RequestHeadParser(), before);
    if (parser !== undefined) assertSame(whole, read(parser, requests, [requests.length]), REQUEST_KEYS);
  }
  if (compare) compareNaively(whole);
  return whole.head !== undefined;
}

function compareNaively({ head, refusal, size }: Outcome<RequestHead>): void {
  let text = "";
  for (let at = 0; at < requests.length; at++) text += String.fromCharCode(requests.bytes[at]!);
  const naive = readNaively(text);
  if (head === undefined) return assert.equal(refusal === undefined ? "more" : "refused", naive);
  const { method, target, version, headers, framing, host, keepAlive } = head;
  const length = framing.kind === "length" ? `length ${framing.bytes}` : framing.kind;
  const told = {
    method,
    target,
    version,
    headers: [...headers],
    framing: length,
    host,
    keepAlive,
    end: size,
  };
  assert.deepEqual(told, naive);
}

const UPGRADE = new RequestHeadParser().push(UPGRADE_REQUEST)!.head;
const ANSWERED: readonly AnsweredRequest[] = [UPGRADE, {
  ...UPGRADE,
  method: "HEAD",
  upgradesToWebSocket: false,
}];

/** Reads over interim responses to the one that is final, or switches protocols. */
class FinalHeads implements Parser<ResponseHead> {
  readonly #request: AnsweredRequest;
  readonly #parser = new ResponseHeadParser();

  constructor(request: AnsweredRequest) {
    this.#request = request;
    this.#parser.expect(request);
  }

  push(bytes: Uint8Array, start: number, end: number): ReturnType<ResponseHeadParser["push"]> {
    let at = start;
    for (;;) {
      const parsed = this.#parser.push(bytes, at, end);
      if (parsed === undefined) return undefined;
      const { status } = parsed.head;
      if (status >= 200) this.#parser.expect(this.#request);
      if (status >= 200 || status === 101) return parsed;
      at = parsed.end;
    }
  }
}

function fuzzResponse(dice: Dice): boolean {
  const before = responses.begin(dice);
  responses.change(dice, 2);
  const request = dice.pick(ANSWERED);
  const fresh = (): FinalHeads => new FinalHeads(request);
  const whole = read(fresh(), responses, [responses.length]);
  const second = dice.roll(SECOND_READINGS);
  if (second === 0) {
    assertSame<ResponseHead>(
      whole,
      read(fresh(), responses, cuts.draw(dice, responses.length)),
      RESPONSE_KEYS,
    );
  } else if (second === 1) {
    const parser = afterAnother(fresh(), before);
    if (parser !== undefined) assertSame(whole, read(parser, responses, [responses.length]), RESPONSE_KEYS);
  }
  return whole.head !== undefined;
}

/** Heads of both directions. */
export const HEAD_TARGETS: readonly FuzzTarget[] = [
  { name: "request heads", hasOracle: true, run: fuzzRequest },
  { name: "response heads", hasOracle: false, run: fuzzResponse },
];
