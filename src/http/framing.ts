/**
 * How long a body is, from the fields of its head. One rule above all: what two readers could read in two ways is refused.
 *
 * @module
 */
import { tokenList } from "./bytes.ts";
import type { FieldFacts } from "./field_parser.ts";
import { CONTENT_LENGTH, TRANSFER_ENCODING } from "./header_names.ts";
import { broken, HttpError, type Sender, shown } from "./http_error.ts";
import type { HeaderList } from "./header_list.ts";
import type { BodyFraming } from "./types.ts";

const NONE: BodyFraming = { kind: "none" };
const CHUNKED: BodyFraming = { kind: "chunked" };
const UNTIL_CLOSE: BodyFraming = { kind: "until_close" };
/** Digits of the largest safe integer. */
const MAX_DIGITS = 16;
const CODINGS = new Set(["gzip", "x-gzip", "compress", "x-compress", "deflate", "identity", "br", "zstd"]);

/**
 * Reads a `Content-Length`.
 *
 * @returns undefined when it is anything but decimal digits, or over 2⁵³ − 1.
 */
export function parseContentLength(text: string): number | undefined {
  if (text.length === 0 || text.length > MAX_DIGITS) return undefined;
  let value = 0;
  for (let at = 0; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

/**
 * Tells what framing the fields ask for.
 *
 * @param facts Of the head.
 * @param options `version` of the message and its sender.
 * @returns `none` for a request without either field, `until_close` for such a response.
 * @throws {HttpError}
 */
export function framingOf(
  facts: FieldFacts,
  { sender, version }: { sender: Sender; version: "1.0" | "1.1" },
): BodyFraming {
  const length = facts.values[CONTENT_LENGTH];
  const coding = facts.values[TRANSFER_ENCODING];
  if (length === undefined && coding === undefined) return sender === "visitor" ? NONE : UNTIL_CLOSE;
  if (length !== undefined && coding !== undefined) {
    throw broken(sender, 400, "two_framings", "Refuse Content-Length together with Transfer-Encoding");
  }
  if (length !== undefined) {
    const bytes = facts.counts[CONTENT_LENGTH] === 1 ? parseContentLength(length) : undefined;
    if (bytes !== undefined) return { kind: "length", bytes };
    throw broken(sender, 400, "content_length", `Refuse Content-Length ${shown(length)}`);
  }
  checkCoding(coding ?? "", sender, version);
  return CHUNKED;
}

/** Whether a response has no body whatever its fields say (RFC 9110, section 6.4.1). */
export function isBodiless(method: string, status: number): boolean {
  return method === "HEAD" || status < 200 || status === 204 || status === 304;
}

/**
 * The length that the fields of a message of HTTP/2 tell.
 *
 * @returns undefined when there is no such field
 * @throws {HttpError} when it is none, or told more than once
 */
export function declaredLength(headers: HeaderList, sender: Sender): number | undefined {
  const lengths = headers.getAll("content-length");
  const [text] = lengths;
  if (text === undefined) return undefined;
  const bytes = lengths.length === 1 ? parseContentLength(text) : undefined;
  if (bytes !== undefined) return bytes;
  throw broken(sender, 400, "content_length", `Refuse content-length ${shown(lengths.join(", "))}`);
}

/** Refuses a request that tells of a body over a bound. @param maxBodyBytes 0 for no bound @throws {HttpError} 413 */
export function checkDeclaredLength(framing: BodyFraming, maxBodyBytes: number): void {
  if (maxBodyBytes > 0 && framing.kind === "length" && framing.bytes > maxBodyBytes) {
    throw new HttpError(
      413,
      "body_too_large",
      `Refuse a body of ${framing.bytes} bytes: over ${maxBodyBytes}`,
    );
  }
}

function checkCoding(coding: string, sender: Sender, version: "1.0" | "1.1"): void {
  if (version === "1.0") {
    throw broken(sender, 400, "transfer_encoding", "Refuse Transfer-Encoding in HTTP/1.0");
  }
  if (coding.toLowerCase() === "chunked") return;
  const other = tokenList(coding)?.some((name) => CODINGS.has(name)) ?? false;
  throw broken(sender, other ? 501 : 400, "transfer_encoding", `Refuse Transfer-Encoding ${shown(coding)}`);
}
