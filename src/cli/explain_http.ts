/**
 * What a configuration comes to for visitors over HTTP, in words.
 *
 * @module
 */
import { formatAddress } from "../format_address.ts";
import type { HttpServerOptions, HttpServiceOptions, ServiceOptions } from "../tunnel/options.ts";

/**
 * Says which hosts and paths lead to which service.
 *
 * @param services A client's services.
 * @returns Lines; none when no service is reached over HTTP.
 */
export function explainHttpServices(services: readonly ServiceOptions[]): string[] {
  const http = services.filter((service) => service.kind === "http");
  if (http.length === 0) return [];
  const lines = http.flatMap((service) => {
    const places = placesOf(service).map((place) =>
      `  ${place} → ${service.name}, ${formatAddress(service.local)}`
    );
    return [...places, ...changesOf(service).map((change) => `    ${change}`)];
  });
  return ["", "Requests, by host and path:", ...lines];
}

/**
 * Says where visitors come in over HTTP, and which hosts clients may have.
 *
 * @param http What the server is told about HTTP.
 * @returns Lines; none for a server without HTTP.
 */
export function explainHttpServer(http: HttpServerOptions | undefined): string[] {
  if (http === undefined) return [];
  const { bind, https, domain, allowHosts, trustedProxies = [] } = http;
  const lines = ["", "Visitors over HTTP:"];
  if (https !== undefined) lines.push(`  come by HTTPS to ${formatAddress(https.bind)}`);
  if (bind !== undefined) {
    const sent = https?.redirect === true ? ", and are sent to HTTPS" : "";
    lines.push(`  come by plain HTTP to ${formatAddress(bind)}${sent}`);
  }
  const below = domain === undefined ? "none" : `the service's name below ${domain}`;
  lines.push(`  host of a service that names none: ${below}`);
  const names = domain === undefined ? "" : `, and every name below ${domain}`;
  lines.push(
    `  hosts that clients may have: ${allowHosts === undefined ? "all" : allowHosts.join(", ") + names}`,
  );
  const believed = trustedProxies.length === 0 ? "nobody" : trustedProxies.join(", ");
  lines.push(`  believed about who is behind them: ${believed}`);
  return lines;
}

function placesOf({ name, hosts = [], paths = ["/"] }: HttpServiceOptions): string[] {
  const known = hosts.length === 0 ? [`${name}.(the server's domain)`] : hosts;
  return known.flatMap((host) => paths.map((path) => `${host}${path}`));
}

function changesOf(service: HttpServiceOptions): string[] {
  const { rewriteHost, requestHeaders, responseHeaders, plugins = [] } = service;
  const changes: string[] = [];
  if (rewriteHost !== undefined) changes.push(`is given Host ${rewriteHost}`);
  for (const [whose, rules] of [["requests", requestHeaders], ["responses", responseHeaders]] as const) {
    // Only names: a value may be a secret.
    const set = Object.keys(rules?.set ?? {});
    if (rules?.remove !== undefined) changes.push(`${whose} lose ${rules.remove.join(", ")}`);
    if (set.length > 0) changes.push(`${whose} get ${set.join(", ")}`);
  }
  if (plugins.length > 0) changes.push(`goes through the server's plugins ${plugins.join(", ")}`);
  return changes;
}
