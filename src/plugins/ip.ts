/**
 * Lets in by address.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import { refuse } from "./_answers.ts";
import { plainAddress } from "./_visitor_address.ts";
import type { PluginFactory, RequestVerdict } from "./types.ts";

/** Options of {@linkcode ipFilter}. At least one of both. */
export interface IpFilterOptions {
  /** Addresses and ranges such as `10.0.0.0/8` that may come; all when left out. @default all */
  readonly allow?: readonly string[];
  /** Addresses and ranges that may not, even if `allow` has them. @default none */
  readonly deny?: readonly string[];
}

/**
 * Lets in by the visitor's address; others get 403. A rule for IPv4 holds for an IPv4 visitor in IPv6 spelling too
 * (`::ffff:192.0.2.1`).
 *
 * @param options Who may come and who may not.
 * @throws {TypeError} for what is no address or range, and when there is no rule
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { ipFilter } from "./ip.ts";
 *
 * const make = ipFilter({ allow: ["10.0.0.0/8", "2001:db8::/32"], deny: ["10.6.6.6"] });
 * const plugin = await make({ name: "office", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.guards); // true
 * ```
 */
export function ipFilter(options: IpFilterOptions): PluginFactory {
  const { allow, deny = [] } = options;
  if ((allow ?? deny).length === 0) throw new TypeError("Expected an address or a range");
  const allowed = allow === undefined ? undefined : addressList(allow);
  const denied = deny.length === 0 ? undefined : addressList(deny);
  return ({ name }) => ({
    name,
    guards: true,
    onRequest(request): RequestVerdict {
      const address = plainAddress(request.visitor);
      const family = address?.includes(":") === true ? "ipv6" : "ipv4";
      const mayCome = address !== undefined && (allowed === undefined || allowed.check(address, family)) &&
        denied?.check(address, family) !== true;
      return mayCome ? undefined : refuse(403);
    },
  });
}

/**
 * Whether a text is an address or a range for {@linkcode ipFilter}.
 *
 * @param text For instance `2001:db8::/32`.
 */
export function isAddressOrRange(text: string): boolean {
  return parseRange(text) !== undefined;
}

function addressList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of ranges) {
    const range = parseRange(text);
    if (range === undefined) {
      throw new TypeError(`Expected an address or a range but got ${JSON.stringify(text)}`);
    }
    list.addSubnet(range.address, range.bits, range.family);
  }
  return list;
}

function parseRange(
  text: string,
): { readonly address: string; readonly bits: number; readonly family: "ipv4" | "ipv6" } | undefined {
  const [given = "", bitsText, ...more] = text.split("/");
  const version = isIP(given);
  if (version === 0 || more.length > 0 || given.includes("%")) return undefined;
  const size = version === 4 ? 32 : 128;
  if (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const bits = bitsText === undefined ? size : Number(bitsText);
  const address = plainAddress(given);
  if (bits > size || address === undefined) return undefined;
  if (version === 4 || address.includes(":")) {
    return { address, bits, family: version === 4 ? "ipv4" : "ipv6" };
  }
  // A mapped range: its last 32 bits are those of IPv4.
  return bits < 96 ? undefined : { address, bits: bits - 96, family: "ipv4" };
}
