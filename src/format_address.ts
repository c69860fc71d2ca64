/**
 * Addresses as text.
 *
 * @module
 */

/**
 * Writes an address.
 *
 * @param address A host name or an IP address without brackets, and a port.
 * @returns "host:port", with brackets around an IPv6 address
 *
 * @example
 * ```ts
 * import { formatAddress } from "./format_address.ts";
 *
 * console.log(formatAddress({ hostname: "::1", port: 80 })); // "[::1]:80"
 * ```
 */
export function formatAddress(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): string {
  return `${formatHost(hostname)}:${port}`;
}

/** The host as it stands in an address or URL: IPv6 in brackets. */
export function formatHost(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
