/**
 * Addresses of this machine alone.
 *
 * @module
 */

/**
 * Whether only this machine can reach an address that is bound here.
 *
 * @param hostname An IP address.
 */
export function isLoopback(hostname: string): boolean {
  return hostname === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/i.test(hostname);
}

/**
 * Whether what is dialled is this machine.
 *
 * @param hostname An IP address or a host name; of names only `localhost` counts (RFC 6761, 6.3).
 */
export function leadsToLoopback(hostname: string): boolean {
  return isLoopback(hostname) || hostname.toLowerCase() === "localhost";
}
