/**
 * What a server allows of services over HTTP, and how they are reached. Pure; a reload puts another value in its place.
 *
 * @module
 */
import { canonicalHost, parseHostPattern } from "../http/host.ts";
import type { SocketAddress } from "../runtime/types.ts";
import { covers } from "./http_hosts.ts";
import type { HttpServerOptions } from "./options.ts";

/** Where the ports are, once they are bound. */
export interface HttpAddresses {
  readonly http: SocketAddress | undefined;
  readonly https: SocketAddress | undefined;
}

/** A service that asks for a place, or has one. */
export interface RuledService {
  /** Its name, where its host is its name below the domain; undefined where it names its hosts. */
  readonly defaultName: string | undefined;
  /** Canonical hosts and patterns. */
  readonly hosts: readonly string[];
  /** Plugins that it asks for. */
  readonly plugins: readonly string[];
}

/**
 * The rules.
 *
 * @example
 * ```ts
 * import { HttpRules } from "./http_rules.ts";
 *
 * const rules = new HttpRules({ domain: "tunnel.example.com", allowHosts: [] }, new Set());
 * console.log(rules.defaultHost("web")); // web.tunnel.example.com
 * console.log(rules.isAllowed("example.org")); // false
 * ```
 */
export class HttpRules {
  /** Services without hosts get their name below this one. */
  readonly domain: string | undefined;
  readonly #allowHosts: readonly string[] | undefined;
  readonly #plugins: ReadonlySet<string>;
  readonly #publicPort: number | undefined;
  readonly #httpsPublicPort: number | undefined;

  /**
   * @param options What the server is told about HTTP.
   * @param plugins Names of the plugins that services may ask for.
   * @throws {TypeError} for a domain or host that cannot be one
   */
  constructor(options: HttpServerOptions, plugins: ReadonlySet<string>) {
    this.domain = options.domain === undefined ? undefined : checkedHost(options.domain, false);
    this.#allowHosts = options.allowHosts?.map((host) => checkedHost(host, true));
    this.#plugins = plugins;
    this.#publicPort = options.publicPort;
    this.#httpsPublicPort = options.https?.publicPort;
  }

  /** The host of a service that names none; undefined without a domain, and for a name that cannot be part of a host. */
  defaultHost(name: string): string | undefined {
    return this.domain === undefined ? undefined : canonicalHost(`${name}.${this.domain}`);
  }

  /** Why a service may not have what it asks for, or has; undefined when it may. */
  refusal({ defaultName, hosts, plugins }: RuledService): string | undefined {
    // Whoever asks for a login and gets none would be open to the world.
    const missing = plugins.find((plugin) => !this.#plugins.has(plugin));
    if (missing !== undefined) return `The server has no plugin ${missing}`;
    if (defaultName === undefined) {
      for (const host of hosts) {
        const refusal = this.#hostRefusal(host);
        if (refusal !== undefined) return refusal;
      }
      return undefined;
    }
    if (this.domain === undefined) {
      return "The server has no domain of its own: the service must name its hosts";
    }
    const host = this.defaultHost(defaultName);
    if (host === undefined) {
      return `Name ${defaultName} cannot be part of a host: the service must name its hosts`;
    }
    const other = hosts.find((had) => had !== host);
    return other === undefined ? undefined : `Host ${other} is not below the server's domain ${this.domain}`;
  }

  /** Whether clients may have a host, or a pattern. */
  isAllowed(host: string): boolean {
    const allowed = this.#allowHosts;
    if (allowed === undefined || allowed.some((pattern) => covers(pattern, host))) return true;
    return this.domain !== undefined && covers(`*.${this.domain}`, host);
  }

  /** Hosts of a client that cannot name its services: its tunnel id, and that below the domain, as far as they are allowed. */
  hostsOfUnnamed(tunnelId: string): string[] {
    const names = this.domain === undefined ? [tunnelId] : [tunnelId, `${tunnelId}.${this.domain}`];
    return names.map(canonicalHost).filter((host) => host !== undefined && this.isAllowed(host)) as string[];
  }

  /** By HTTPS where there is HTTPS. A pattern is shown only where there is no plain name. */
  publicUrl(
    { hosts, paths }: { readonly hosts: readonly string[]; readonly paths: readonly string[] },
    { http, https }: HttpAddresses,
  ): string {
    const scheme = https === undefined ? "http" : "https";
    const port = https === undefined ? this.#publicPort ?? http?.port : this.#httpsPublicPort ?? https.port;
    const host = hosts.find((name) => !name.startsWith("*")) ?? hosts[0];
    const suffix = port === undefined || port === (https === undefined ? 80 : 443) ? "" : `:${port}`;
    return `${scheme}://${host}${suffix}${paths[0] ?? "/"}`;
  }

  #hostRefusal(host: string): string | undefined {
    // Whoever had this pattern would get the requests for every service that is to come below the domain.
    const { domain } = this;
    if (domain !== undefined && covers(host, `any.${domain}`) && !this.#allowHosts?.includes(host)) {
      return `Host ${host} covers the server's own domain ${domain}`;
    }
    if (this.isAllowed(host)) return undefined;
    return `Host ${host} is not allowed by the server, which allows ${this.#allowHosts?.join(", ")}` +
      (domain === undefined ? "" : ` and names below ${domain}`);
  }
}

function checkedHost(text: string, pattern: boolean): string {
  const host = pattern ? parseHostPattern(text) : canonicalHost(text);
  if (host === undefined) throw new TypeError(`Expected a host but got ${JSON.stringify(text)}`);
  return host;
}
