/**
 * What each byte may be in a head: tables, so that the loops over heads look at every byte once and without branches.
 *
 * @module
 */

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;

/** Kinds of bytes in {@linkcode LINE_KIND}. */
export const PLAIN = 0;
/** CR. */
export const IS_CR = 1;
/** LF. */
export const IS_LF = 2;
/** From 0x80 on: legal in values only. */
export const HIGH = 3;
/** A control character, which is legal nowhere. */
export const CONTROL = 4;

/** The kind of every byte where lines are cut. */
export const LINE_KIND: Uint8Array = table((code) => {
  if (code === CR) return IS_CR;
  if (code === LF) return IS_LF;
  if (code === HTAB) return PLAIN;
  if (code < 0x20 || code === 0x7f) return CONTROL;
  return code < 0x80 ? PLAIN : HIGH;
});

/** Characters of a token (RFC 9110, section 5.6.2), as themselves but in lower case; 0 for others. */
export const TOKEN_LOWER: Uint8Array = table((code) => {
  const character = String.fromCharCode(code);
  const isToken = /^[!#$%&'*+.^_`|~0-9A-Za-z-]$/.test(character);
  return isToken ? character.toLowerCase().charCodeAt(0) : 0;
});

/**
 * 1 for what may stand in a request's target. Wider than RFC 3986, as browsers send `|`, `"`, `{` and others as they are;
 * without `#`, which ends a path for some readers, and without `\`, which is a `/` for some.
 */
export const TARGET: Uint8Array = table((code) =>
  code > 0x20 && code < 0x7f && code !== 0x23 && code !== 0x5c ? 1 : 0
);

/** The value of a hexadecimal digit; 255 for other bytes. */
export const HEX_VALUE: Uint8Array = table((code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});

const decoder = new TextDecoder();
const PIECE = 4096;

/**
 * Bytes as text of as many characters, one for each byte.
 *
 * @param bytes Bytes.
 * @param options `ascii`: whether no byte is over 0x7f, which is several times as fast.
 */
export function latin1(bytes: Uint8Array, { ascii }: { ascii: boolean }): string {
  if (ascii) return decoder.decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return text;
}

/** Up to this length a text is made byte by byte. */
const SHORT = 16;

/** A part of bytes, none of which is over 0x7f, as text. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Whether a text is a token. */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f || TOKEN_LOWER[code] === 0) return false;
  }
  return text.length > 0;
}

/** Whether a text may be the value of a field: no control characters but tabs, and nothing beyond Latin-1. */
export function isFieldValue(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0xff || LINE_KIND[code] !== PLAIN && LINE_KIND[code] !== HIGH) return false;
  }
  return true;
}

/**
 * The elements of a comma-separated list of tokens, in lower case; empty elements are left out.
 *
 * @returns undefined when an element is no token.
 */
export function tokenList(text: string): string[] | undefined {
  const tokens: string[] = [];
  for (const element of text.split(",")) {
    const token = trimSpaces(element);
    if (token === "") continue;
    if (!isToken(token)) return undefined;
    tokens.push(token.toLowerCase());
  }
  return tokens;
}

/** A text without the spaces and tabs around it, and nothing else taken away. */
export function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === HTAB;
}

function table(valueOf: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => valueOf(code));
}
