/**
 * Heads as bytes. Whatever is not allowed in a head is refused character by character while it is written, so that nothing
 * that a plugin, a rule or a peer has said can become a line of its own.
 *
 * @module
 */
import { HIGH, LINE_KIND, PLAIN, TARGET, TOKEN_LOWER } from "./bytes.ts";
import { EXPECT_FIELD, FRAMING, HOP, HOST_FIELD, kindOf } from "./field_kinds.ts";
import type { ForwardedRequest, ForwardedResponse } from "./forward.ts";
import { shown } from "./http_error.ts";
import type { BodyFraming } from "./types.ts";

const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;

/** More than the start line without its texts, framing, `Connection`, `Upgrade`, `Expect` and the empty line need. */
const FIXED_BYTES = 192;

/** Bytes that a field line needs. */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + 4;
}

/** Bytes that a head needs at most; for {@linkcode writeRequestHead}. */
export function requestHeadBytes(request: ForwardedRequest): number {
  let size = FIXED_BYTES + request.method.length + request.target.length + request.host.length;
  const { lines } = request.headers;
  if (lines !== undefined) return size + lines.byteLength;
  for (const [name, value] of request.headers) size += fieldBytes(name, value);
  return size;
}

/**
 * Writes the head of a request, always as HTTP/1.1.
 *
 * @param request What {@linkcode forwardRequest} has made.
 * @param into Has `requestHeadBytes` bytes from `at` on.
 * @param at Where to begin. @default 0
 * @returns Index after the head.
 * @throws {TypeError} when something in it cannot stand in a head, so that nothing can be slipped in
 * @throws {RangeError} when there is not enough room
 */
export function writeRequestHead(request: ForwardedRequest, into: Uint8Array, at = 0): number {
  checkRoom(into, at, requestHeadBytes(request));
  const { method, target } = request;
  if (method === "") throw new TypeError("Cannot write a request without a method");
  if (target !== "*" && !target.startsWith("/")) {
    throw new TypeError(`Cannot write a request for the target ${shown(target)}`);
  }
  let end = writeName(into, at, method);
  into[end++] = SPACE;
  end = writeTarget(into, end, target);
  end = writeFixed(into, end, " HTTP/1.1\r\n");
  const { lines } = request.headers;
  if (lines !== undefined) end = lines.write(into, end);
  else {
    end = writeField(into, end, "Host", request.host);
    for (const [name, value] of request.headers) {
      if (kindOf(name) & (HOP | FRAMING | HOST_FIELD | EXPECT_FIELD)) continue;
      end = writeField(into, end, name, value);
    }
  }
  end = writeFraming(into, end, request.framing);
  if (request.expectContinue) end = writeFixed(into, end, "Expect: 100-continue\r\n");
  if (request.upgrade) end = writeFixed(into, end, UPGRADE_FIELDS);
  return writeLineEnd(into, end);
}

/** The head of a request in bytes of its own. @throws {TypeError} as {@linkcode writeRequestHead} does */
export function encodeRequestHead(request: ForwardedRequest): Uint8Array {
  const bytes = new Uint8Array(requestHeadBytes(request));
  return bytes.subarray(0, writeRequestHead(request, bytes));
}

/** Bytes that a head needs at most; for {@linkcode writeResponseHead}. */
export function responseHeadBytes(response: ForwardedResponse): number {
  const { lines } = response.headers;
  let size = FIXED_BYTES + response.reason.length;
  if (lines !== undefined) return size + lines.byteLength;
  for (const [name, value] of response.headers) size += fieldBytes(name, value);
  return size;
}

/**
 * Writes the head of a response, always as HTTP/1.1.
 *
 * @param response What {@linkcode forwardResponse} has made.
 * @param into Has `responseHeadBytes` bytes from `at` on.
 * @param at Where to begin. @default 0
 * @returns Index after the head.
 * @throws {TypeError} when something in it cannot stand in a head
 * @throws {RangeError} when there is not enough room, or the status has not three digits
 */
export function writeResponseHead(response: ForwardedResponse, into: Uint8Array, at = 0): number {
  checkRoom(into, at, responseHeadBytes(response));
  const { status } = response;
  if (!Number.isInteger(status) || status < 100 || status > 999) {
    throw new RangeError(`Cannot write a response of status ${status}`);
  }
  let end = writeFixed(into, at, `HTTP/1.1 ${status} `);
  end = writeValue(into, end, response.reason);
  end = writeLineEnd(into, end);
  const { lines } = response.headers;
  if (lines !== undefined) end = lines.write(into, end);
  else {
    for (const [name, value] of response.headers) {
      if (kindOf(name) & (HOP | FRAMING)) continue;
      end = writeField(into, end, name, value);
    }
  }
  if (status === 101) {
    end = writeFixed(into, end, UPGRADE_FIELDS);
  } else if (status >= 200) {
    end = writeFraming(into, end, status === 204 ? NONE : response.framing);
    if (response.unsentLength !== undefined && response.framing.kind === "none" && status !== 204) {
      end = writeFixed(into, end, `Content-Length: ${response.unsentLength}\r\n`);
    }
    if (!response.keepAlive) end = writeFixed(into, end, "Connection: close\r\n");
    else if (response.visitorVersion === "1.0") end = writeFixed(into, end, "Connection: keep-alive\r\n");
  }
  return writeLineEnd(into, end);
}

/** The head of a response in bytes of its own. */
export function encodeResponseHead(response: ForwardedResponse): Uint8Array {
  const bytes = new Uint8Array(responseHeadBytes(response));
  return bytes.subarray(0, writeResponseHead(response, bytes));
}

/** Writes a field line. @throws {TypeError} when name or value cannot stand in one */
export function writeField(into: Uint8Array, at: number, name: string, value: string): number {
  let end = writeName(into, at, name);
  if (end === at) throw new TypeError("Cannot write a field without a name");
  into[end++] = COLON;
  into[end++] = SPACE;
  end = writeValue(into, end, value);
  return writeLineEnd(into, end);
}

/** Writes CR LF. */
export function writeLineEnd(into: Uint8Array, at: number): number {
  into[at] = CR;
  into[at + 1] = LF;
  return at + 2;
}

const UPGRADE_FIELDS = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const NONE: BodyFraming = { kind: "none" };

function writeFraming(into: Uint8Array, at: number, framing: BodyFraming): number {
  if (framing.kind === "chunked") return writeFixed(into, at, "Transfer-Encoding: chunked\r\n");
  if (framing.kind === "length") return writeFixed(into, at, `Content-Length: ${framing.bytes}\r\n`);
  return at;
}

/** Writes a text that is part of the program. */
function writeFixed(into: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) into[at + index] = text.charCodeAt(index);
  return at + text.length;
}

function writeName(into: Uint8Array, at: number, name: string): number {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code > 0x7f || TOKEN_LOWER[code] === 0) throw new TypeError(`Cannot write the name ${shown(name)}`);
    into[at + index] = code;
  }
  return at + name.length;
}

function writeTarget(into: Uint8Array, at: number, target: string): number {
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code > 0x7f || TARGET[code] === 0) throw new TypeError(`Cannot write the target ${shown(target)}`);
    into[at + index] = code;
  }
  return at + target.length;
}

function writeValue(into: Uint8Array, at: number, value: string): number {
  for (let index = 0; index < value.length; index++) {
    const code = value.charCodeAt(index);
    if (code > 0xff || LINE_KIND[code] !== PLAIN && LINE_KIND[code] !== HIGH) {
      throw new TypeError(`Cannot write a value with character ${code}`);
    }
    into[at + index] = code;
  }
  return at + value.length;
}

function checkRoom(into: Uint8Array, at: number, size: number): void {
  if (at + size > into.length) {
    throw new RangeError(`Cannot write a head of up to ${size} bytes at ${at} of ${into.length}`);
  }
}
