/**
 * Heads of requests: HTTP/1.1 (RFC 9112) without its leniencies. What a service behind us could read otherwise than we do is
 * refused.
 *
 * @module
 */
import { asciiText, TARGET, TOKEN_LOWER } from "./bytes.ts";
import { HeadMemory } from "./head_memory.ts";
import { FieldFacts, parseFields } from "./field_parser.ts";
import { framingOf } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "./head_limits.ts";
import { type FoundHead, HeadReader } from "./head_reader.ts";
import { HeaderList } from "./header_list.ts";
import { spells } from "./header_names.ts";
import { HttpError, shown } from "./http_error.ts";
import { readRequestFacts } from "./request_facts.ts";
import { resolveTarget } from "./request_target.ts";
import type { RequestHead } from "./types.ts";

/** A head, and where in the bytes that were given last what follows it begins. */
export interface ParsedRequest {
  readonly head: RequestHead;
  /** Index of the first byte after the head. */
  readonly end: number;
}

/** Bytes of the longest method; the longest that is registered has 17. */
export const MAX_METHOD_BYTES = 32;

const SPACE = 0x20;
const CR = 0x0d;
const VERSION_BYTES = "HTTP/1.1".length;
const USUAL_LINE_END = " HTTP/1.1\r\n";

/**
 * Reads the heads of the requests of one connection, one after the other.
 *
 * @example
 * ```ts
 * import { RequestHeadParser } from "./request_head.ts";
 *
 * const parser = new RequestHeadParser();
 * const bytes = new TextEncoder().encode("GET /a HTTP/1.1\r\nHost: Example.com:80\r\n\r\n");
 * const parsed = parser.push(bytes);
 * console.log(parsed?.head.host, parsed?.head.target); // example.com /a
 * ```
 */
export class RequestHeadParser {
  readonly #limits: HeadLimits;
  readonly #reader: HeadReader;
  /** Of the head that came last. */
  readonly #facts = new FieldFacts();
  readonly #memory = new HeadMemory<RequestHead>();

  /** @param limits Overrides of {@linkcode DEFAULT_HEAD_LIMITS}. */
  constructor(limits: Partial<HeadLimits> = {}) {
    this.#limits = { ...DEFAULT_HEAD_LIMITS, ...limits };
    this.#reader = new HeadReader(this.#limits, "visitor");
  }

  /** Whether a part of a head has come: the time for heads runs, and the end of the connection now is an error. */
  get started(): boolean {
    return this.#reader.started;
  }

  /**
   * Takes bytes. After a head the parser is ready for the next one; give it the bytes after `end` once the body is over.
   *
   * @param bytes Not kept, unless the head goes on: then a copy is.
   * @param start Index of the first byte.
   * @param end Index after the last byte. @default the length
   * @returns The head; undefined when all bytes were taken and the head goes on.
   * @throws {HttpError} when the message must not be served; the parser is of no use afterwards.
   */
  push(bytes: Uint8Array, start = 0, end: number = bytes.length): ParsedRequest | undefined {
    const again = this.#reader.started ? undefined : this.#recall(bytes, start, end);
    if (again !== undefined) return again;
    const found = this.#reader.read(bytes, start, end);
    return found === undefined ? undefined : { head: this.#parse(found), end: found.after };
  }

  /** Reads a head whose field lines are those of the head before. @returns undefined for any other: it is read in full */
  #recall(bytes: Uint8Array, start: number, end: number): ParsedRequest | undefined {
    const memory = this.#memory;
    const before = memory.head;
    if (before === undefined) return undefined;
    const sameEnd = memory.match(bytes, start, end);
    if (sameEnd >= 0) return { head: before, end: sameEnd };
    const place = usualStartLine(bytes, start, end);
    if (place === undefined) return undefined;
    const { methodEnd, targetEnd } = place;
    const { maxTargetBytes, maxHeadBytes } = this.#limits;
    const fields = targetEnd + USUAL_LINE_END.length;
    const after = memory.matchFields(bytes, fields, end);
    if (after < 0 || after - start > maxHeadBytes || targetEnd - methodEnd - 1 > maxTargetBytes) {
      return undefined;
    }
    const method = asciiText(bytes, start, methodEnd);
    if (method === "CONNECT") return undefined;
    const raw = asciiText(bytes, methodEnd + 1, targetEnd);
    const head = this.#headOf({ method, raw, version: "1.1" }, before.headers);
    memory.copy(head, bytes, { start, fields, end: after });
    return { head, end: after };
  }

  #parse(found: FoundHead): RequestHead {
    this.#memory.forget();
    const { bytes, text, start } = found;
    // One empty line before a request is ignored (RFC 9112, section 2.2).
    const lineStart = bytes[start] === CR ? start + 2 : start;
    let at = lineStart;
    while (TOKEN_LOWER[bytes[at]!] !== 0) at++;
    if (at === lineStart || bytes[at] !== SPACE) wrongStartLine(found, lineStart);
    const method = text.slice(lineStart - start, at - start);
    const targetStart = ++at;
    while (TARGET[bytes[at]!] !== 0) at++;
    const raw = text.slice(targetStart - start, at - start);
    this.#checkTarget(found, raw, { at, lineStart });
    const version = versionAt(found, at + 1, lineStart);
    if (method.length > MAX_METHOD_BYTES) {
      throw new HttpError(501, "method", `Refuse a method of ${method.length} bytes`);
    }
    if (method === "CONNECT") throw new HttpError(405, "method", "Refuse CONNECT");
    const fields = at + 1 + VERSION_BYTES + 2;
    const { all } = parseFields(found, fields, {
      maxFields: this.#limits.maxFields,
      sender: "visitor",
      facts: this.#facts,
    });
    const head = this.#headOf({ method, raw, version }, new HeaderList(all.fields()));
    this.#memory.copy(head, bytes, { start: lineStart, fields, end: found.end });
    return head;
  }

  /** Puts a head together. What its fields say is in the facts. */
  #headOf({ method, raw, version }: StartLine, headers: HeaderList): RequestHead {
    const facts = this.#facts;
    const { target, host, port } = resolveTarget(raw, { method, facts });
    const framing = framingOf(facts, { sender: "visitor", version });
    const { keepAlive, expectsContinue, upgradesToWebSocket } = readRequestFacts(facts, {
      method,
      version,
      framing,
    });
    return {
      method,
      target,
      version,
      host,
      port,
      headers,
      framing,
      keepAlive,
      expectsContinue,
      upgradesToWebSocket,
    };
  }

  /** Makes sure that a target has ended where it may, at `at`. */
  #checkTarget(found: FoundHead, raw: string, { at, lineStart }: { at: number; lineStart: number }): void {
    if (raw.length > this.#limits.maxTargetBytes) {
      throw new HttpError(414, "target_too_long", `Refuse a target of ${raw.length} bytes`);
    }
    const next = found.bytes[at];
    if (next === SPACE && raw.length > 0) return;
    if (next === CR || next === SPACE) wrongStartLine(found, lineStart);
    throw new HttpError(400, "target", `Refuse a target with byte ${next} after ${shown(raw)}`);
  }
}

/** What stands in a request's first line. */
interface StartLine {
  readonly method: string;
  /** The target as it came. */
  readonly raw: string;
  readonly version: "1.0" | "1.1";
}

/** Finds method and target in the first line of a request where it is an ordinary one. @returns undefined for any other */
function usualStartLine(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly methodEnd: number; readonly targetEnd: number } | undefined {
  let at = start;
  while (at < end && TOKEN_LOWER[bytes[at]!] !== 0) at++;
  const methodEnd = at++;
  const targetStart = at;
  while (at < end && TARGET[bytes[at]!] !== 0) at++;
  const right = methodEnd > start && methodEnd - start <= MAX_METHOD_BYTES && bytes[methodEnd] === SPACE &&
    at > targetStart && at + USUAL_LINE_END.length <= end && spells(USUAL_LINE_END, bytes, at);
  return right ? { methodEnd, targetEnd: at } : undefined;
}

/** Reads the version and makes sure that the line ends behind it. */
function versionAt(found: FoundHead, start: number, lineStart: number): "1.0" | "1.1" {
  const { bytes } = found;
  if (bytes[start + VERSION_BYTES] === CR) {
    if (spells("HTTP/1.1", bytes, start)) return "1.1";
    if (spells("HTTP/1.0", bytes, start)) return "1.0";
  }
  return wrongVersion(found, start, lineStart);
}

function wrongVersion(found: FoundHead, start: number, lineStart: number): never {
  const line = lineAt(found, lineStart);
  if (line === "PRI * HTTP/2.0") throw new HttpError(400, "start_line", "Refuse the preface of HTTP/2");
  const version = line.slice(start - lineStart);
  if (/^HTTP\/[0-9]\.[0-9]$/.test(version)) throw new HttpError(505, "version", `Refuse ${version}`);
  return wrongStartLine(found, lineStart);
}

function wrongStartLine(found: FoundHead, lineStart: number): never {
  throw new HttpError(400, "start_line", `Refuse the first line ${shown(lineAt(found, lineStart))}`);
}

function lineAt({ text, start }: FoundHead, lineStart: number): string {
  return text.slice(lineStart - start, text.indexOf("\r", lineStart - start));
}
