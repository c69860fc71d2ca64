/**
 * Which hosts a pattern stands for. Pure.
 *
 * @module
 */

/**
 * Whether a pattern covers a host, or a pattern that is narrower or the same.
 *
 * @param pattern A canonical host or pattern.
 * @param host A canonical host or pattern.
 *
 * @example
 * ```ts
 * import { covers } from "./http_hosts.ts";
 *
 * console.log(covers("*.example.com", "app.example.com")); // true
 * console.log(covers("*.example.com", "example.com")); // false
 * ```
 */
export function covers(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith("*.") && host.endsWith(pattern.slice(1)));
}
