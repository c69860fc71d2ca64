/**
 * Heads of responses that a local service gives by HTTP/2 (RFC 9113, section 8.3.2).
 *
 * @module
 */
import { isFieldValue, isToken, trimSpaces } from "./bytes.ts";
import { declaredLength, isBodiless } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "./head_limits.ts";
import { type HeaderField, HeaderList } from "./header_list.ts";
import { HttpError, shown } from "./http_error.ts";
import type { BodyFraming, ResponseHead } from "./types.ts";

/** Options of {@linkcode readHttp2Response}. */
export interface Http2ResponseOptions {
  /** Whether the stream ends with the head. */
  readonly ended: boolean;
  /** Method of the request. */
  readonly method: string;
  /** Overrides of {@linkcode DEFAULT_HEAD_LIMITS}. */
  readonly limits?: Partial<HeadLimits>;
}

/**
 * Reads a head, interim ones too.
 *
 * @param raw Names and values in turn, as they came.
 * @param options What else is known.
 * @throws {HttpError} of status 502
 */
export function readHttp2Response(raw: readonly string[], options: Http2ResponseOptions): ResponseHead {
  const { maxHeadBytes, maxFields } = { ...DEFAULT_HEAD_LIMITS, ...options.limits };
  const fields: HeaderField[] = [];
  let status = 0;
  let bytes = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    bytes += name.length + value.length;
    if (name === ":status") status = /^[1-9][0-9]{2}$/.test(value) ? Number(value) : 0;
    else if (!isToken(name) || !isFieldValue(value)) {
      throw new HttpError(502, "field", `Refuse the field ${shown(name)} of a service`);
    } else fields.push([name, trimSpaces(value)]);
  }
  if (status === 0 || status === 101) {
    throw new HttpError(502, "start_line", "Refuse a response without status");
  }
  if (bytes > maxHeadBytes || fields.length > maxFields) {
    throw new HttpError(502, "head_too_large", `Refuse a head of ${fields.length} fields, ${bytes} bytes`);
  }
  const headers = new HeaderList(fields);
  const bodiless = options.ended || isBodiless(options.method, status);
  const framing: BodyFraming = bodiless ? { kind: "none" } : framingOf(headers);
  return { status, reason: "", version: "2", headers, framing, keepAlive: true };
}

function framingOf(headers: HeaderList): BodyFraming {
  const bytes = declaredLength(headers, "service");
  return bytes === undefined ? { kind: "until_close" } : { kind: "length", bytes };
}
