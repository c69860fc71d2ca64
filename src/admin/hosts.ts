/**
 * Which `Host` and `Origin` the admin endpoint believes. A page on another site can make a browser send requests here, by
 * a name of its own that resolves to this machine (DNS rebinding) or across origins; both show in these fields.
 *
 * @module
 */
import { isIPv4, isIPv6 } from "node:net";
import type { SocketAddress } from "../runtime/types.ts";

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];
const WILDCARDS = new Set(["0.0.0.0", "::"]);
const HTTP_PORT = 80;

/**
 * Whether an address can be reached from this machine only.
 *
 * @param hostname An IP address without brackets, or a name.
 * @returns `true` for 127.0.0.0/8, `::1` and `localhost`; `false` for everything else.
 */
export function isLoopback(hostname: string): boolean {
  if (isIPv4(hostname)) return hostname.startsWith("127.");
  return hostname === "::1" || hostname.toLowerCase() === "localhost";
}

/**
 * Makes the check of the `Host` field. Allowed are the loopback names and the bound address, with the bound port. Bound
 * to all addresses, any IP address is allowed as well: one of them is this machine's, and an address, unlike a name, cannot
 * be made to resolve to another.
 *
 * @param address Where the endpoint is bound, with its real port.
 * @returns Tells whether a field's value is allowed; `false` when the field is missing.
 */
export function createHostCheck(address: SocketAddress): (host: string | undefined) => boolean {
  const names = new Set([...LOOPBACK_NAMES, bracketed(address.hostname.toLowerCase())]);
  const anyAddress = WILDCARDS.has(address.hostname);
  return (host) => {
    const parts = host === undefined
      ? null
      : /^(\[[0-9A-Fa-f:.]+\]|[^:@/[\]]+)(?::([0-9]{1,5}))?$/.exec(host);
    const name = parts?.[1]?.toLowerCase();
    if (name === undefined || Number(parts?.[2] ?? HTTP_PORT) !== address.port) return false;
    return names.has(name) || (anyAddress && isAddress(name));
  };
}

/**
 * Whether a browser says that a request comes from another site. Programs that are no browser send neither field.
 *
 * @param headers The request's.
 * @param host Value of its `Host` field, already allowed.
 * @returns `true` when it must be refused.
 */
export function isCrossSite(headers: Headers, host: string): boolean {
  const origin = headers.get("origin");
  if (origin !== null && origin.toLowerCase() !== `http://${host.toLowerCase()}`) return true;
  const site = headers.get("sec-fetch-site");
  return site !== null && site !== "same-origin" && site !== "none";
}

/** An address as it stands in a URL. */
export function bracketed(hostname: string): string {
  return isIPv6(hostname) ? `[${hostname}]` : hostname;
}

function isAddress(name: string): boolean {
  return isIPv4(name) || (name.startsWith("[") && isIPv6(name.slice(1, -1)));
}
