/**
 * Addresses as text.
 *
 * @module
 */
import type { SocketAddress } from "./types.ts";

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * An address as a runtime reports it. An IPv4 peer of a socket that is bound to `::` is reported in its IPv6 form by some
 * runtimes; here it is always IPv4, so that one peer has one name.
 */
export function socketAddress(hostname: string | undefined, port: number | undefined): SocketAddress {
  const mapped = hostname === undefined ? null : MAPPED_IPV4.exec(hostname);
  return { hostname: mapped?.[1] ?? hostname ?? "", port: port ?? 0 };
}
