/**
 * Heads of the responses of a local service. Read as strictly as requests: a response that could be read in two ways would
 * reach the next visitor of the connection.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import { HIGH, LINE_KIND, PLAIN } from "./bytes.ts";
import { FieldFacts, parseFields } from "./field_parser.ts";
import { framingOf, isBodiless } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "./head_limits.ts";
import { type FoundHead, HeadReader } from "./head_reader.ts";
import { HeadMemory } from "./head_memory.ts";
import { HeaderList } from "./header_list.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  spells,
  TRANSFER_ENCODING,
  UPGRADE,
  WEBSOCKET_ACCEPT,
} from "./header_names.ts";
import { HttpError, shown } from "./http_error.ts";
import { connectionOptions, isConnectionOption, keepsAlive } from "./request_facts.ts";
import type { BodyFraming, RequestHead, ResponseHead } from "./types.ts";
import { webSocketAccept } from "./websocket_accept.ts";

/** A head, and where in the bytes that were given last what follows it begins. */
export interface ParsedResponse {
  readonly head: ResponseHead;
  /** Index of the first byte after the head. */
  readonly end: number;
}

/** What must be known of a request to read its responses. */
export type AnsweredRequest = Pick<RequestHead, "method" | "upgradesToWebSocket" | "headers">;

/** Interim responses that a request may get. */
export const MAX_INTERIM = 8;

const NONE: BodyFraming = { kind: "none" };
const SPACE = 0x20;
const CR = 0x0d;
const VERSION_BYTES = "HTTP/1.1".length;
const STATUS_BYTES = 3;

/**
 * Reads the heads of a local service's responses. Interim responses (1xx but 101) come as heads of their own, at most
 * {@linkcode MAX_INTERIM} for a request; a 101 comes only where it was asked for and its proof is right. A failure is an
 * {@linkcode HttpError} of status 502.
 *
 * Bytes that the service sends while no response is expected belong to nobody: the connection is to be dropped then.
 *
 * @example
 * ```ts
 * import { RequestHeadParser } from "./request_head.ts";
 * import { ResponseHeadParser } from "./response_head.ts";
 *
 * const encoder = new TextEncoder();
 * const request = new RequestHeadParser().push(encoder.encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
 * const parser = new ResponseHeadParser();
 * if (request !== undefined) parser.expect(request.head);
 * const response = parser.push(encoder.encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
 * console.log(response?.head.status, response?.head.framing); // 200 { kind: "length", bytes: 2 }
 * ```
 */
export class ResponseHeadParser {
  readonly #limits: HeadLimits;
  readonly #reader: HeadReader;
  readonly #facts = new FieldFacts();
  readonly #memory = new HeadMemory<ResponseHead>();
  /** Whether the remembered one answers a HEAD. */
  #wasToHead = false;
  #request: AnsweredRequest | undefined;
  #interim = 0;

  /** @param limits Overrides of {@linkcode DEFAULT_HEAD_LIMITS}. */
  constructor(limits: Partial<HeadLimits> = {}) {
    this.#limits = { ...DEFAULT_HEAD_LIMITS, ...limits };
    this.#reader = new HeadReader(this.#limits, "service");
  }

  /** Whether a part of a head has come. */
  get started(): boolean {
    return this.#reader.started;
  }

  /**
   * Says which request the next responses answer. Must be called before the first `push` of each request.
   *
   * @param request As the service got it: an upgrade that was not passed on must not be in it.
   */
  expect(request: AnsweredRequest): void {
    this.#request = request;
    this.#interim = 0;
  }

  /**
   * Takes bytes, as `RequestHeadParser.push` does.
   *
   * @param bytes Not kept, unless the head goes on: then a copy is.
   * @param start Index of the first byte.
   * @param end Index after the last byte. @default the length
   * @returns The head; undefined when all bytes were taken and the head goes on.
   * @throws {HttpError} of status 502
   */
  push(bytes: Uint8Array, start = 0, end: number = bytes.length): ParsedResponse | undefined {
    const request = this.#request;
    if (request === undefined) throw new TypeError("Cannot read a response before expect() was called");
    const memory = this.#memory;
    const isToHead = request.method === "HEAD";
    if (memory.head !== undefined && isToHead === this.#wasToHead && !this.started) {
      const after = memory.match(bytes, start, end);
      if (after >= 0) return { head: memory.head, end: after };
    }
    memory.forget();
    const found = this.#reader.read(bytes, start, end)?.kept();
    if (found === undefined) return undefined;
    const head = this.#parse(found, request);
    this.#wasToHead = isToHead;
    // How others are read depends on more than their bytes.
    if (head.status >= 200) {
      memory.keep(head, found.bytes, { start: found.start, fields: found.start, end: found.end });
    }
    return { head, end: found.after };
  }

  #parse(found: FoundHead, request: AnsweredRequest): ResponseHead {
    const { version, status, reason, end } = statusLine(found);
    const fields = parseFields(found, end, {
      maxFields: this.#limits.maxFields,
      sender: "service",
      facts: this.#facts,
    });
    const headers = new HeaderList({ lines: fields.all });
    const facts = this.#facts;
    const declared = framingOf(facts, { sender: "service", version });
    const options = connectionOptions(facts.values[CONNECTION], "service");
    if (status < 200) this.#checkInterim(status, options, request);
    const framing = isBodiless(request.method, status) ? NONE : declared;
    const keepAlive = keepsAlive(options, version) && framing.kind !== "until_close" &&
      !this.#announcesBody(status);
    const endToEnd = options.every(isConnectionOption) ? fields.endToEnd : undefined;
    return { status, reason, version, headers, endToEnd, framing, keepAlive };
  }

  #checkInterim(
    status: number,
    options: readonly string[],
    request: AnsweredRequest,
  ): void {
    if (status === 101) {
      this.#checkSwitch(options, request);
    } else if (++this.#interim > MAX_INTERIM) {
      throw new HttpError(502, "too_many_interim", `Refuse more than ${MAX_INTERIM} interim responses`);
    }
  }

  /** A switch of protocols makes the connection opaque, so the service must prove that it has understood (RFC 6455, 4.2.2). */
  #checkSwitch(
    options: readonly string[],
    request: AnsweredRequest,
  ): void {
    if (!request.upgradesToWebSocket) {
      throw new HttpError(502, "upgrade", "Refuse a 101 that nobody asked for");
    }
    const upgrade = this.#facts.values[UPGRADE]?.toLowerCase();
    const proof = this.#facts.values[WEBSOCKET_ACCEPT];
    const key = request.headers.get("Sec-WebSocket-Key") ?? "";
    if (upgrade !== "websocket" || !options.includes("upgrade") || proof !== webSocketAccept(key)) {
      throw new HttpError(502, "websocket", "Refuse a 101 that does not prove the WebSocket protocol");
    }
  }

  /** Whether a response that never has a body says that it has one: its bytes may follow, so the connection must end. */
  #announcesBody(status: number): boolean {
    if (status >= 200 && status !== 204) return false;
    const length = this.#facts.values[CONTENT_LENGTH];
    return length !== undefined && Number(length) > 0 || this.#facts.values[TRANSFER_ENCODING] !== undefined;
  }
}

function statusLine(
  found: FoundHead,
): { version: "1.0" | "1.1"; status: number; reason: string; end: number } {
  const { bytes, start } = found;
  const minor = bytes[start + VERSION_BYTES - 1];
  let at = start + VERSION_BYTES + 1;
  let status = 0;
  for (const stop = at + STATUS_BYTES; at < stop; at++) {
    const digit = bytes[at]! - 0x30;
    status = digit >= 0 && digit <= 9 ? status * 10 + digit : Number.NaN;
  }
  const next = bytes[at];
  const right = spells("HTTP/1.", bytes, start) && (minor === 0x30 || minor === 0x31) &&
    bytes[start + VERSION_BYTES] === SPACE && status >= 100 && (next === SPACE || next === CR);
  if (!right) {
    const line = found.text.slice(0, found.text.indexOf("\r"));
    throw new HttpError(502, "start_line", `Refuse the first line ${shown(line)}`);
  }
  if (next === SPACE) at++;
  const reasonStart = at;
  while (LINE_KIND[bytes[at]!] === PLAIN || LINE_KIND[bytes[at]!] === HIGH) at++;
  const usual = STATUS_CODES[status];
  const isUsual = usual?.length === at - reasonStart && spells(usual, bytes, reasonStart);
  const reason = isUsual ? usual : found.text.slice(reasonStart - start, at - start);
  return { version: minor === 0x31 ? "1.1" : "1.0", status, reason, end: at + 2 };
}
