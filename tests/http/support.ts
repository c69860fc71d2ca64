/**
 * Messages for the tests of HTTP, written as text of one character for each byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BodyScanner, type BodyScannerOptions } from "../../src/http/body.ts";
import { HttpError } from "../../src/http/http_error.ts";
import type { HeadLimits } from "../../src/http/head_limits.ts";
import { type ParsedRequest, RequestHeadParser } from "../../src/http/request_head.ts";
import {
  type AnsweredRequest,
  type ParsedResponse,
  ResponseHeadParser,
} from "../../src/http/response_head.ts";
import type { BodyFraming, RequestHead, ResponseHead } from "../../src/http/types.ts";
import { test } from "../harness.ts";

/** Bytes of a text with characters up to 255. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Text of bytes, one character for each. */
export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Cuts bytes at the places; each piece lies in a buffer of its own with rubbish around it. */
export function cut(
  bytes: Uint8Array,
  places: readonly number[],
): { bytes: Uint8Array; start: number; end: number }[] {
  const ends = [...places, bytes.length];
  return ends.map((end, index) => {
    const piece = bytes.subarray(ends[index - 1] ?? 0, end);
    const padded = new Uint8Array(piece.length + 7).fill(0x0a);
    padded.set(piece, 3);
    return { bytes: padded, start: 3, end: 3 + piece.length };
  });
}

/** A request with the line and fields given, and `Host: a.test` where none is among them. */
export function request(line: string, fields: readonly string[] = []): string {
  const hasHost = fields.some((field) => /^host[ \t]*:/i.test(field));
  return [line, ...(hasHost ? [] : ["Host: a.test"]), ...fields, "", ""].join("\r\n");
}

/** Parses one request head, whole. @throws {HttpError} */
export function parseRequest(text: string, limits: Partial<HeadLimits> = {}): RequestHead {
  const parsed = new RequestHeadParser(limits).push(bytesOf(text));
  if (parsed === undefined) throw new Error(`The head goes on after ${JSON.stringify(text)}`);
  return parsed.head;
}

/** Parses one request head that comes in pieces. */
export function parseRequestCut(text: string, places: readonly number[]): ParsedRequest | undefined {
  const parser = new RequestHeadParser();
  for (const piece of cut(bytesOf(text), places)) {
    const parsed = parser.push(piece.bytes, piece.start, piece.end);
    if (parsed !== undefined) return { head: parsed.head, end: parsed.end - piece.start };
  }
  return undefined;
}

/** Parses response heads after one another. @throws {HttpError} */
export function parseResponses(
  text: string,
  to: AnsweredRequest,
  limits: Partial<HeadLimits> = {},
): ParsedResponse[] {
  const parser = new ResponseHeadParser(limits);
  parser.expect(to);
  const bytes = bytesOf(text);
  const heads: ParsedResponse[] = [];
  let at = 0;
  while (at < bytes.length) {
    const parsed = parser.push(bytes, at);
    if (parsed === undefined) throw new Error(`The head goes on after ${JSON.stringify(text)}`);
    heads.push(parsed);
    at = parsed.end;
    if (parsed.head.status >= 200 || parsed.head.status === 101) break;
  }
  return heads;
}

/** Parses one response head. @throws {HttpError} */
export function parseResponse(
  text: string,
  to: AnsweredRequest = parseRequest(request("GET / HTTP/1.1")),
): ResponseHead {
  const head = parseResponses(text, to).at(-1)?.head;
  if (head === undefined) throw new Error("There is no response");
  return head;
}

/** "status rule" of the error that something throws; "accepted" when it throws none. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof HttpError) return `${error.status} ${error.rule}`;
    throw error;
  }
  return "accepted";
}

/** What a scanner made of a body. */
export interface ScannedBody {
  /** All pieces and the tail. */
  readonly out: string;
  readonly done: boolean;
  /** Bytes that were left over. */
  readonly rest: string;
  readonly trailers: readonly (readonly [string, string])[];
  readonly payloadBytes: number;
}

/** Runs a body through a scanner. @throws {HttpError} */
export function scanBody(
  text: string,
  framing: BodyFraming,
  { places = [], ...options }: Partial<BodyScannerOptions> & { places?: readonly number[] } = {},
): ScannedBody {
  const scanner = new BodyScanner(framing, { pieces: "payload", from: "visitor", ...options });
  let out = "";
  let rest = "";
  for (const { bytes, start, end } of cut(bytesOf(text), places)) {
    let at = start;
    while (at < end && !scanner.done) {
      const next = scanner.scan(bytes, at, end);
      if (next === at) throw new Error("The scanner does not move");
      out += textOf(bytes.subarray(scanner.pieceStart, scanner.pieceEnd));
      at = next;
    }
    rest += textOf(bytes.subarray(at, end));
  }
  if (scanner.done && scanner.tail !== undefined) out += textOf(scanner.tail);
  const { done, payloadBytes } = scanner;
  return { out, done, rest, trailers: [...scanner.trailers], payloadBytes };
}

/** A title, the first line, further fields, and what must come of it. */
export type RequestRow = readonly [title: string, line: string, fields: readonly string[], expected: string];

/** A test for each row: what the parser says to the request. */
export function table(name: string, rows: readonly RequestRow[]): void {
  assert.ok(rows.length > 0);
  for (const [title, line, fields, expected] of rows) {
    test(`${name}: ${title} -> ${expected}`, () => {
      assert.equal(refusal(() => parseRequest(request(line, fields))), expected);
    });
  }
}
