/**
 * Names of header fields that are often seen or that mean something to a proxy.
 *
 * @module
 */
import { TOKEN_LOWER } from "./bytes.ts";

/** Names whose values say something about the message itself; indices of {@linkcode FieldFacts}. */
export const HOST = 0;
/** `Content-Length`. */
export const CONTENT_LENGTH = 1;
/** `Transfer-Encoding`. */
export const TRANSFER_ENCODING = 2;
/** `Connection`. */
export const CONNECTION = 3;
/** `Expect`. */
export const EXPECT = 4;
/** `Upgrade`. */
export const UPGRADE = 5;
/** `Sec-WebSocket-Key`. */
export const WEBSOCKET_KEY = 6;
/** `Sec-WebSocket-Accept`. */
export const WEBSOCKET_ACCEPT = 7;
/** How many there are. */
export const FACT_COUNT = 8;

const FACT_NAMES = [
  "Host",
  "Content-Length",
  "Transfer-Encoding",
  "Connection",
  "Expect",
  "Upgrade",
  "Sec-WebSocket-Key",
  "Sec-WebSocket-Accept",
];

const COMMON_NAMES = [
  ..."Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Access-Control-Allow-Credentials"
    .split(" "),
  ..."Access-Control-Allow-Headers Access-Control-Allow-Methods Access-Control-Allow-Origin".split(" "),
  ..."Access-Control-Expose-Headers Access-Control-Max-Age Access-Control-Request-Headers".split(" "),
  ..."Access-Control-Request-Method Age Allow Alt-Svc Authorization Cache-Control CF-Connecting-IP".split(
    " ",
  ),
  ..."Content-Disposition Content-Encoding Content-Language Content-Location Content-Range".split(" "),
  ..."Content-Security-Policy Content-Type Cookie Date DNT ETag Expires Forwarded From If-Match".split(" "),
  ..."If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified Link".split(" "),
  ..."Location Max-Forwards Origin Permissions-Policy Pragma Priority Proxy-Authenticate".split(" "),
  ..."Proxy-Authorization Proxy-Connection Range Referer Referrer-Policy Retry-After Sec-CH-UA".split(" "),
  ..."Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User".split(
    " ",
  ),
  ..."Sec-WebSocket-Extensions Sec-WebSocket-Protocol Sec-WebSocket-Version Server Server-Timing".split(" "),
  ..."Set-Cookie Strict-Transport-Security TE Timing-Allow-Origin Traceparent Tracestate Trailer".split(" "),
  ..."Upgrade-Insecure-Requests User-Agent Vary Via WWW-Authenticate X-Content-Type-Options".split(" "),
  ..."X-Correlation-Id X-Forwarded-For X-Forwarded-Host X-Forwarded-Port X-Forwarded-Proto".split(" "),
  ..."Authentication-Info HTTP2-Settings".split(" "),
  ..."X-Frame-Options X-Powered-By X-Real-IP X-Request-Id X-Requested-With X-XSS-Protection".split(" "),
];

/** All names that are known, in their usual spelling. */
export const ALL_NAMES: readonly string[] = [...FACT_NAMES, ...COMMON_NAMES];

/** A name that is known. */
export interface KnownName {
  /** Its usual spelling. */
  readonly usual: string;
  /** In lower case. */
  readonly lower: string;
  /** Index of its fact; -1 when it has none. */
  readonly fact: number;
  /** Its place among {@linkcode ALL_NAMES}. */
  readonly index: number;
}

const BUCKETS = 256;
const buckets: (readonly KnownName[])[] = Array.from({ length: BUCKETS }, () => []);

for (const [index, usual] of ALL_NAMES.entries()) {
  const name = { usual, lower: usual.toLowerCase(), fact: index < FACT_COUNT ? index : -1, index };
  const bytes = new TextEncoder().encode(usual);
  const bucket = bucketOf(bytes, 0, bytes.length);
  buckets[bucket] = [...buckets[bucket] ?? [], name];
}

/**
 * Finds a known name.
 *
 * @param bytes Bytes of a token from `start` to `end`.
 * @returns undefined when it is not known.
 */
export function knownName(bytes: Uint8Array, start: number, end: number): KnownName | undefined {
  for (const name of buckets[bucketOf(bytes, start, end)] ?? []) {
    if (isName(name.lower, bytes, start, end)) return name;
  }
  return undefined;
}

/** Whether the bytes spell a text exactly. */
export function spells(text: string, bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < text.length; at++) {
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

function isName(lower: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (lower.length !== end - start) return false;
  for (let at = 0; at < lower.length; at++) {
    if (TOKEN_LOWER[bytes[start + at]!] !== lower.charCodeAt(at)) return false;
  }
  return true;
}

/** Length, first, middle and last character tell the known names apart well enough: no bucket has more than a few. */
function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  const first = TOKEN_LOWER[bytes[start]!]!;
  const middle = TOKEN_LOWER[bytes[(start + end) >> 1]!] ?? 0;
  const last = TOKEN_LOWER[bytes[end - 1]!]!;
  return (first * 7 + middle * 31 + last * 3 + (end - start) * 13) & (BUCKETS - 1);
}
