/**
 * How long a body is, from the fields of its head. One rule above all: what two readers could read in two ways is refused.
 *
 * @module
 */
import { tokenList } from "./bytes.ts";
import type { FieldFacts } from "./field_parser.ts";
import { CONTENT_LENGTH, TRANSFER_ENCODING } from "./header_names.ts";
import { broken, type Sender, shown } from "./http_error.ts";
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

function checkCoding(coding: string, sender: Sender, version: "1.0" | "1.1"): void {
  if (version === "1.0") {
    throw broken(sender, 400, "transfer_encoding", "Refuse Transfer-Encoding in HTTP/1.0");
  }
  if (coding.toLowerCase() === "chunked") return;
  const other = tokenList(coding)?.some((name) => CODINGS.has(name)) ?? false;
  throw broken(sender, other ? 501 : 400, "transfer_encoding", `Refuse Transfer-Encoding ${shown(coding)}`);
}
