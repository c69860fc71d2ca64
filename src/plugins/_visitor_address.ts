/**
 * Addresses of visitors, as plugins compare them.
 *
 * @module
 */
import { isIP } from "node:net";
import { canonicalIpv6 } from "../http/ip_address.ts";

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

/**
 * An address in one spelling: an IPv4 address that came inside an IPv6 one (`::ffff:192.0.2.1`) as itself, IPv6 without zone in
 * its shortest form.
 *
 * @returns undefined when it is no address.
 */
export function plainAddress(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return text;
  if (version === 0) return undefined;
  const zone = text.indexOf("%");
  const address = canonicalIpv6(zone < 0 ? text : text.slice(0, zone));
  const mapped = address === undefined ? null : MAPPED.exec(address);
  if (mapped === null) return address;
  const high = Number.parseInt(mapped[1] ?? "0", 16);
  const low = Number.parseInt(mapped[2] ?? "0", 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
