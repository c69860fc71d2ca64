/**
 * Hosts in one spelling. Routing, limits and policies compare hosts only after they have gone through here, so that nobody
 * finds a way around by another spelling of the same name.
 *
 * @module
 */
import { canonicalIpv6, isIpv4 } from "./ip_address.ts";

/** A host as routing knows it, and the port that stood beside it. */
export interface HostAndPort {
  readonly host: string;
  readonly port: number | undefined;
}

const MAX_NAME = 253;
const MAX_LABEL = 63;
const DOT = 0x2e;

/** 0: not in names; else the character in lower case. */
const NAME_LOWER: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /^[a-zA-Z0-9._-]$/.test(character) ? character.toLowerCase().charCodeAt(0) : 0;
});

/**
 * Reads what stands in a `Host` field or in an authority. A colon without a port behind it says nothing, as RFC 3986 has it.
 *
 * @param text The whole value.
 * @returns undefined when it is no host with or without port: empty, with a comma, userinfo, path, percent escape, ...
 */
export function parseHostAndPort(text: string): HostAndPort | undefined {
  const colon = text.startsWith("[") ? text.indexOf(":", text.indexOf("]")) : text.indexOf(":");
  const host = canonicalHost(colon < 0 ? text : text.slice(0, colon));
  if (host === undefined) return undefined;
  if (colon < 0 || colon === text.length - 1) return { host, port: undefined };
  const port = parsePort(text, colon + 1);
  return port === undefined ? undefined : { host, port };
}

/**
 * Brings a host into its one spelling: lower case, no dot at the end, IPv6 in brackets and shortest form. Names must be ASCII
 * (`xn--` for others): labels of letters, digits, `-` and `_`, up to 63 bytes each and 253 in all. A name whose last label is
 * a number must be an IPv4 address of four decimal numbers, as other readers would take it for an address in another form.
 *
 * @param text A name or address without port; IPv6 with brackets.
 * @returns undefined when it is none.
 *
 * @example
 * ```ts
 * import { canonicalHost } from "./host.ts";
 *
 * console.log(canonicalHost("App.Example.COM."), canonicalHost("[0:0::1]")); // app.example.com [::1]
 * ```
 */
export function canonicalHost(text: string): string | undefined {
  if (text.startsWith("[")) {
    const address = text.endsWith("]") ? canonicalIpv6(text.slice(1, -1)) : undefined;
    return address === undefined ? undefined : `[${address}]`;
  }
  const length = text.endsWith(".") ? text.length - 1 : text.length;
  if (length === 0 || length > MAX_NAME) return undefined;
  let changed = length !== text.length;
  let labelStart = 0;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    const lower = code < 128 ? NAME_LOWER[code]! : 0;
    if (lower === 0) return undefined;
    if (lower !== code) changed = true;
    if (code !== DOT) continue;
    if (at === labelStart || at - labelStart > MAX_LABEL) return undefined;
    labelStart = at + 1;
  }
  if (length === labelStart || length - labelStart > MAX_LABEL) return undefined;
  const host = changed ? text.slice(0, length).toLowerCase() : text;
  return isNumber(host, labelStart) && !isIpv4(host) ? undefined : host;
}

/**
 * Reads a host or a pattern: `*.preview.example.com` stands for every name below `preview.example.com`, by one label or more,
 * but not for that name itself.
 *
 * @param text From a configuration or a client.
 * @returns Its one spelling, good as a key; undefined when it is neither. Patterns are told by `*.` at their start.
 */
export function parseHostPattern(text: string): string | undefined {
  if (!text.startsWith("*.")) return canonicalHost(text);
  const parent = canonicalHost(text.slice(2));
  if (parent === undefined || parent.startsWith("[") || isIpv4(parent) || parent.length > MAX_NAME - 2) {
    return undefined;
  }
  return `*.${parent}`;
}

/**
 * Lists the keys under which a host may be found, best first: itself, then the patterns from the longest to the shortest.
 *
 * @param host Canonical.
 *
 * @example
 * ```ts
 * import { hostKeys } from "./host.ts";
 *
 * console.log([...hostKeys("a.b.example")]); // a.b.example, *.b.example, *.example
 * ```
 */
export function* hostKeys(host: string): Generator<string, void, void> {
  yield host;
  const lastCode = host.charCodeAt(host.length - 1);
  const maybeAddress = lastCode <= 0x39 || lastCode === 0x5d;
  if (maybeAddress && (host.startsWith("[") || isIpv4(host))) return;
  for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) yield `*${host.slice(dot)}`;
}

function parsePort(text: string, start: number): number | undefined {
  if (text.length - start > 5) return undefined;
  let port = 0;
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    port = port * 10 + digit;
  }
  return port > 0 && port <= 65_535 ? port : undefined;
}

/** Whether a label is what address parsers take for a number: digits, or hexadecimal ones after `0x`. */
function isNumber(host: string, start: number): boolean {
  const first = host.charCodeAt(start) - 0x30;
  if (first < 0 || first > 9) return false;
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(host.slice(start));
}
