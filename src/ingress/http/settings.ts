/**
 * What counts for the requests of a port that begin now.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import type { HeadLimits } from "../../http/head_limits.ts";
import type { PluginRegistry } from "../../plugins/registry.ts";
import type { HttpPortRules } from "../../tunnel/http_ingress.ts";
import type { HstsOptions, ServerLimits } from "../../tunnel/options.ts";

/** One value from a reload to the next: a request keeps the one that it began with. */
export interface HttpSettings {
  readonly limits: ServerLimits;
  readonly headLimits: HeadLimits;
  /** What else sees requests: `plugins.chain(…)` names those of a service. */
  readonly plugins: PluginRegistry | undefined;
  /** The public port of HTTPS to which every request is sent. */
  readonly redirectToPort: number | undefined;
  /** Value of `Strict-Transport-Security`. */
  readonly hsts: string | undefined;
  /** Whether an address is that of a proxy whose word is taken for who is behind it. */
  isTrusted(address: string): boolean;
}

/** A year. */
const DEFAULT_HSTS_SECONDS = 31_536_000;

/**
 * Makes the settings of a port.
 *
 * @param rules What the server is told about the port.
 * @param shared `scheme`: how visitors reach it; the others are those of all ports.
 */
export function httpSettings(
  { http, redirectToPort }: HttpPortRules,
  shared: Pick<HttpSettings, "limits" | "plugins"> & { readonly scheme: "http" | "https" },
): HttpSettings {
  const { limits, plugins, scheme } = shared;
  const trusted = addressList(http.trustedProxies ?? []);
  return {
    limits,
    headLimits: headLimitsOf(limits),
    plugins,
    redirectToPort,
    hsts: scheme === "https" ? hstsValue(http.https?.hsts) : undefined,
    isTrusted: (text) => trusted !== undefined && trusted.check(text, isIP(text) === 6 ? "ipv6" : "ipv4"),
  };
}

/** Bounds of heads. */
export function headLimitsOf(limits: ServerLimits): HeadLimits {
  return {
    maxHeadBytes: limits.httpMaxHeadBytes,
    maxFields: limits.httpMaxHeaders,
    maxTargetBytes: limits.httpMaxTargetBytes,
  };
}

/** The value of `Strict-Transport-Security`. */
function hstsValue(hsts: HstsOptions | undefined): string | undefined {
  if (hsts === undefined) return undefined;
  const { maxAgeSeconds = DEFAULT_HSTS_SECONDS, includeSubdomains = false } = hsts;
  return `max-age=${maxAgeSeconds}${includeSubdomains ? "; includeSubDomains" : ""}`;
}

/** Addresses and ranges, checked already. */
function addressList(ranges: readonly string[]): BlockList | undefined {
  if (ranges.length === 0) return undefined;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix] = range.split("/");
    const family = isIP(network) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
