/**
 * Which fields belong to a connection, to the framing, to the way a message came, and which must not be lost.
 *
 * @module
 */
import { ALL_NAMES, type KnownName } from "./header_names.ts";

/** Belongs to one connection (RFC 9110, section 7.6.1), or to the way to a proxy: never passed on. */
export const HOP = 1;
/** Says how long the body is: written by the encoder only. */
export const FRAMING = 2;
/** `Host`: written by the encoder only. */
export const HOST_FIELD = 4;
/** `Expect`: written by the encoder only. */
export const EXPECT_FIELD = 8;
/** Tells where a message came from: believed of trusted proxies only. */
export const ORIGIN_OF_MESSAGE = 16;
/** Must not be taken away by naming it in `Connection`: a visitor could shed what a proxy in front has put there. */
export const KEPT = 32;
/** Must not stand behind a body (RFC 9110, section 6.5.1). */
export const NOT_TRAILING = 64;

const GROUPS: readonly (readonly [kind: number, names: string])[] = [
  [
    HOP | NOT_TRAILING,
    "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te upgrade http2-settings",
  ],
  [HOP | FRAMING | KEPT | NOT_TRAILING, "transfer-encoding"],
  [FRAMING | KEPT | NOT_TRAILING, "content-length"],
  [HOST_FIELD | KEPT | NOT_TRAILING, "host"],
  [EXPECT_FIELD | NOT_TRAILING, "expect"],
  [ORIGIN_OF_MESSAGE | KEPT | NOT_TRAILING, "forwarded x-real-ip"],
  [KEPT | NOT_TRAILING, "authorization cookie set-cookie www-authenticate authentication-info x-request-id"],
  [KEPT | NOT_TRAILING, "content-encoding content-type content-range origin"],
  [
    NOT_TRAILING,
    "age allow cache-control date expires location max-forwards pragma range retry-after trailer vary",
  ],
  [NOT_TRAILING, "if-match if-none-match if-modified-since if-unmodified-since if-range"],
];

/** `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and all others. */
const FORWARDED_PREFIX = "x-forwarded-";
const WEBSOCKET_PREFIX = "sec-websocket-";

const kinds = new Map<string, number>();
for (const [kind, names] of GROUPS) {
  for (const name of names.split(" ")) kinds.set(name, kind);
}
for (const name of ALL_NAMES) {
  const kind = kindByLower(name.toLowerCase());
  kinds.set(name, kind);
  kinds.set(name.toLowerCase(), kind);
}

/**
 * The kinds of a field, as bits.
 *
 * @param name In any case. `_` counts as `-`, as gateways such as CGI and WSGI make no difference between them, so that
 * `X_Forwarded_For` gets nobody anywhere.
 */
export function kindOf(name: string): number {
  return kinds.get(name) ?? kindByLower(name.toLowerCase());
}

const UNDERSCORE = 0x5f;
const CASE_BIT = 0x20;
const LETTER_F = 0x66;
const LETTER_S = 0x73;
const LETTER_W = 0x77;
const LETTER_X = 0x78;
const kindsOfKnown: readonly number[] = ALL_NAMES.map(kindOf);

/**
 * The kinds of a field, as {@linkcode kindOf} tells them, of a name that is still bytes.
 *
 * @param known What `knownName` has found: nearly every name that has a kind.
 * @param bytes Hold the name from `start` to `end`.
 */
export function kindOfBytes(
  known: KnownName | undefined,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  if (known !== undefined) return kindsOfKnown[known.index]!;
  // Of the others, only those with a prefix or with `_` have one. Two letters of a prefix tell nearly all names apart from it.
  const first = bytes[start]! | CASE_BIT;
  let isPlain = end - start < FORWARDED_PREFIX.length ||
    (first !== LETTER_X || (bytes[start + 2]! | CASE_BIT) !== LETTER_F) &&
      (first !== LETTER_S || (bytes[start + 4]! | CASE_BIT) !== LETTER_W);
  for (let at = start; isPlain && at < end; at++) isPlain = bytes[at] !== UNDERSCORE;
  return isPlain ? 0 : kindOf(String.fromCharCode(...bytes.subarray(start, end)));
}

/** Whether a field may stand behind a body. */
export function mayTrail(name: string): boolean {
  return (kindOf(name) & (NOT_TRAILING | HOP)) === 0;
}

function kindByLower(lower: string): number {
  const name = lower.includes("_") ? lower.replaceAll("_", "-") : lower;
  if (name.startsWith(FORWARDED_PREFIX)) return ORIGIN_OF_MESSAGE | KEPT | NOT_TRAILING;
  if (name.startsWith(WEBSOCKET_PREFIX)) return KEPT | NOT_TRAILING;
  return kinds.get(name) ?? 0;
}
