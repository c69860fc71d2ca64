/**
 * Addresses as they stand in hosts.
 *
 * @module
 */

const WORDS = 8;

/** Whether a text is four decimal numbers up to 255 with dots between, without zeros in front. */
export function isIpv4(text: string): boolean {
  return parseIpv4(text) !== undefined;
}

/**
 * Brings an IPv6 address into the form of RFC 5952: lower case, no zeros in front, the longest run of zeros as `::`. An
 * IPv4 address at the end is read, and written as hexadecimal.
 *
 * @param text Without brackets and zone.
 * @returns undefined when it is no IPv6 address.
 */
export function canonicalIpv6(text: string): string | undefined {
  const words = parseIpv6(text);
  if (words === undefined) return undefined;
  const { start, length } = longestZeros(words);
  if (length < 2) return hex(words);
  return `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

/**
 * What counts as one address. In IPv6 the smallest network that a host is given has 2^64 addresses, so all of it counts as
 * one; an IPv4 address inside IPv6 counts as what it is.
 *
 * @param hostname An address as the runtime reports it, with a zone or without
 * @returns the IPv4 address, or the /64 network of the IPv6 address; anything else as it came
 *
 * @example
 * ```ts
 * import { addressGroup } from "./ip_address.ts";
 *
 * console.log(addressGroup("2001:db8:0:1::42")); // 2001:db8:0:1::/64
 * console.log(addressGroup("::ffff:192.0.2.1")); // 192.0.2.1
 * ```
 */
export function addressGroup(hostname: string): string {
  const [address = ""] = hostname.split("%");
  const words = parseIpv6(address);
  if (words === undefined) return hostname;
  const [sixth = 0, high = 0, low = 0] = words.slice(5);
  if (sixth === 0xffff && words.slice(0, 5).every((word) => word === 0)) {
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  }
  return `${hex(words.slice(0, 4))}::/64`;
}

function hex(words: readonly number[]): string {
  return words.map((word) => word.toString(16)).join(":");
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head = "", tail] = halves;
  const before = parseWords(head, { last: tail === undefined });
  const after = parseWords(tail ?? "", { last: true });
  if (before === undefined || after === undefined) return undefined;
  const missing = WORDS - before.length - after.length;
  if (tail === undefined) return missing === 0 && head !== "" ? before : undefined;
  return missing >= 1 ? [...before, ...new Array<number>(missing).fill(0), ...after] : undefined;
}

function parseWords(text: string, { last }: { last: boolean }): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const words: number[] = [];
  for (const [index, part] of parts.entries()) {
    const ipv4 = last && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 !== undefined) words.push(...ipv4);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return words;
}

/** The two words of an IPv4 address. */
function parseIpv4(text: string): [number, number] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return [Math.floor(value / 65_536), value % 65_536];
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  return best;
}
