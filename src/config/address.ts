/**
 * Addresses and port ranges as people write them.
 *
 * @module
 */
import { isIP, isIPv6 } from "node:net";
import type { SocketAddress } from "../runtime/types.ts";
import type { PortRange } from "../tunnel/options.ts";

/** Options of {@linkcode parseAddress}. */
export interface ParseAddressOptions {
  /** The port of an address that names none. @default an address must name one */
  readonly defaultPort?: number;
  /** The host of an address that is only a port. @default an address must name one */
  readonly defaultHost?: string;
  /** Whether only an IP address will do as host, as when something is bound. @default false */
  readonly ipOnly?: boolean;
  /** Whether port 0, "let the system choose", makes sense. @default false */
  readonly allowPortZero?: boolean;
}

/**
 * Reads `host:port`, `[::1]:port` and, where the options allow, a host or a port alone.
 *
 * @param text What somebody wrote.
 * @param options What may be left out.
 * @returns The address, or undefined when the text is none.
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 *
 * console.log(parseAddress("[::1]:22")); // { hostname: "::1", port: 22 }
 * console.log(parseAddress("22", { defaultHost: "127.0.0.1" })); // { hostname: "127.0.0.1", port: 22 }
 * ```
 */
export function parseAddress(text: string, options: ParseAddressOptions = {}): SocketAddress | undefined {
  const { hostText, portText } = splitAddress(text, options);
  const port = portText === undefined ? options.defaultPort : parsePort(portText);
  if (port === undefined || (port === 0 && options.allowPortZero !== true)) return undefined;
  const hostname = hostText === undefined ? options.defaultHost : hostText;
  if (hostname === undefined || !isHost(hostname, options.ipOnly === true)) return undefined;
  return { hostname, port };
}

function splitAddress(
  text: string,
  options: ParseAddressOptions,
): { hostText: string | undefined; portText: string | undefined } {
  const bracketed = /^\[([^\[\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed !== null) {
    // Only IPv6 is written in brackets; "" is no host, so that "[127.0.0.1]:80" is refused.
    const inside = bracketed[1] ?? "";
    return { hostText: isIPv6(inside) ? inside : "", portText: bracketed[2] };
  }
  if (options.defaultHost !== undefined && /^\d+$/.test(text)) return { hostText: undefined, portText: text };
  const colon = text.lastIndexOf(":");
  if (colon === -1) return { hostText: text, portText: undefined };
  const hostText = text.slice(0, colon);
  // "::1" could be a host or the host ":" with port 1: brackets are needed to tell.
  return { hostText: hostText.includes(":") ? "" : hostText, portText: text.slice(colon + 1) };
}

/**
 * Whether `text` is an IP address or could be a host name.
 *
 * @param text What somebody wrote.
 * @param ipOnly Whether a name will not do. @default false
 */
export function isHost(text: string, ipOnly = false): boolean {
  if (isIP(text) !== 0) return true;
  if (ipOnly || text.length > 253) return false;
  const labels = text.replace(/\.$/, "").split(".");
  const label = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
  // A last label of digits makes it a mistyped IPv4 address: no top-level domain is a number.
  return labels.every((part) => label.test(part)) && !/^\d+$/.test(labels.at(-1) ?? "");
}

/**
 * Whether `text` is an IP address, or a range of them such as `10.0.0.0/8`.
 *
 * @param text What somebody wrote.
 */
export function isIpRange(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes("%")) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/**
 * Reads `8080` or `2000-3000`.
 *
 * @param text What somebody wrote.
 * @returns The range, or undefined when the text is none.
 */
export function parsePortRange(text: string): PortRange | undefined {
  const parts = text.split("-").map((part) => parsePort(part.trim()));
  const from = parts[0];
  const to = parts.length === 1 ? from : parts[1];
  if (parts.length > 2 || from === undefined || to === undefined || from === 0 || from > to) return undefined;
  return { from, to };
}

/**
 * Writes a range so that {@linkcode parsePortRange} reads it back.
 *
 * @param range The range.
 */
export function formatPortRange(range: PortRange): string {
  return range.from === range.to ? String(range.from) : `${range.from}-${range.to}`;
}

function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}
