/**
 * The services and clients that the server's HTTP ports lead to.
 *
 * @module
 */
import { canonicalHost, parseHostPattern } from "../http/host.ts";
import type { SocketAddress } from "../runtime/types.ts";
import { covers } from "./http_hosts.ts";
import type { HttpPolicy, HttpRoutes, HttpRouting } from "./http_ingress.ts";
import { HttpRouter } from "./http_router.ts";
import { decodeHttpService } from "./http_service.ts";
import type { HttpServerOptions } from "./options.ts";
import { scopeRefusal } from "./scope.ts";
import type { VisitorTarget } from "./visitors.ts";
import type { Identity } from "./services.ts";

/** A service, or a client that cannot name any, on the HTTP ports. */
export interface HttpBinding {
  /** Hosts and patterns, canonical. */
  readonly hosts: readonly string[];
  /** Beginnings of paths. */
  readonly paths: readonly string[];
  /** The port where visitors come in: that of HTTPS, where there is one. */
  readonly address: SocketAddress;
  /** The same for people, with the first of the hosts. */
  readonly publicUrl: string;
}

/** A service that asks to be bound. */
export interface HttpApplicant {
  readonly name: string;
  readonly identity: Identity;
  readonly metadata: ReadonlyMap<string, string>;
  /** Where its requests go; undefined while its client is away. */
  readonly target: () => VisitorTarget | undefined;
  /** Throws when the client may not have these hosts. @default it may have all that the server allows */
  readonly permit?: (hosts: readonly string[]) => void;
}

/** What is asked for is not to be had. */
export class HttpRefusal extends Error {
  /** Whether somebody else has it, who may leave. */
  readonly taken: boolean;

  /** @param message Why. @param taken Whether somebody else has it. */
  constructor(message: string, taken: boolean) {
    super(message);
    this.taken = taken;
  }
}

/** Where the ports are, once they are bound. */
export interface HttpAddresses {
  readonly http: SocketAddress | undefined;
  readonly https: SocketAddress | undefined;
}

interface Holder {
  readonly target: () => VisitorTarget | undefined;
  readonly tunnelId: string;
  readonly policy: HttpPolicy;
}

/** A client that cannot name its services: all its requests are one service's. */
interface UnnamedClient {
  readonly session: VisitorTarget["session"];
  readonly holders: readonly Holder[];
  readonly hosts: readonly string[];
}

const NO_CHANGES = { set: [], remove: [] };
const NO_POLICY: HttpPolicy = {
  rewriteHost: undefined,
  protocol: "http1",
  requestHeaders: NO_CHANGES,
  responseHeaders: NO_CHANGES,
  plugins: [],
};
const UNKNOWN: HttpRouting = { state: "unknown" };
const AWAY: HttpRouting = { state: "away" };

/** Binds services to hosts and paths, and finds them again for each request. */
export class HttpServices implements HttpRoutes {
  readonly #options: HttpServerOptions;
  readonly #plugins: ReadonlySet<string>;
  readonly #domain: string | undefined;
  readonly #allowHosts: readonly string[] | undefined;
  readonly #router = new HttpRouter<Holder>();
  readonly #holders = new Map<HttpBinding, Holder>();
  readonly #unnamed = new Map<string, UnnamedClient>();
  #addresses: HttpAddresses = { http: undefined, https: undefined };

  /**
   * @param options What the server is told about HTTP.
   * @param plugins Names of the plugins that services may ask for.
   * @throws {TypeError} for a domain or host that cannot be one
   */
  constructor(options: HttpServerOptions, plugins: ReadonlySet<string> = new Set()) {
    this.#plugins = plugins;
    this.#options = options;
    this.#domain = options.domain === undefined ? undefined : checkedHost(options.domain, false);
    this.#allowHosts = options.allowHosts?.map((host) => checkedHost(host, true));
  }

  /** The ports are bound; public URLs are made from where they are. */
  bound(addresses: HttpAddresses): void {
    this.#addresses = addresses;
  }

  /**
   * Binds a service, in place of `before`, which is released in any case.
   *
   * @throws {HttpRefusal} with the reason
   */
  bind(service: HttpApplicant, before: HttpBinding | undefined): HttpBinding {
    const { name, identity, metadata, target, permit } = service;
    if (before !== undefined) this.release(before);
    const { hosts: named, paths, policy } = this.#decode(metadata);
    for (const host of named) this.#checkAllowed(host);
    // Whoever asks for a login and gets none would be open to the world.
    const missing = policy.plugins.find((plugin) => !this.#plugins.has(plugin));
    if (missing !== undefined) throw new HttpRefusal(`The server has no plugin ${missing}`, false);
    const hosts = named.length === 0 ? [this.#defaultHost(name)] : named;
    permit?.(hosts);
    const holder = { target, tunnelId: identity.tunnelId, policy };
    const conflict = this.#router.claim({ hosts, paths, owner: ownerOf(identity), holder });
    if (conflict !== undefined) {
      const { host, by, path } = conflict;
      const reason = path !== undefined
        ? `Host ${host} with path ${path} belongs to another service of this client`
        : by === host
        ? `Host ${host} belongs to another client`
        : `Host ${host} lies below ${by}, which belongs to another client`;
      throw new HttpRefusal(reason, true);
    }
    const { http, https } = this.#addresses;
    const address = https ?? http;
    if (address === undefined) throw new TypeError("Services are bound after the ports");
    const binding = { hosts, paths, address, publicUrl: this.#publicUrl(hosts, paths) };
    this.#holders.set(binding, holder);
    return binding;
  }

  /** Gives up what a service has. */
  release(binding: HttpBinding): void {
    const holder = this.#holders.get(binding);
    this.#holders.delete(binding);
    if (holder !== undefined) this.#router.release(holder);
  }

  /**
   * Leads requests to a client that cannot name its services: those for its tunnel id, and for it below the domain.
   *
   * @returns the public URLs; none when others have them, or when the id cannot be a host
   */
  joinUnnamed(identity: Identity, session: VisitorTarget["session"]): readonly string[] {
    const owner = ownerOf(identity);
    const { tunnelId } = identity;
    this.#releaseUnnamed(owner);
    const names = this.#domain === undefined ? [tunnelId] : [tunnelId, `${tunnelId}.${this.#domain}`];
    const target = (): VisitorTarget => ({ service: undefined, session });
    const holders: Holder[] = [];
    const hosts: string[] = [];
    const urls: string[] = [];
    for (const name of names) {
      const host = canonicalHost(name);
      if (host === undefined || !this.#isAllowed(host) || !mayHave(session, host)) continue;
      const holder = { target, tunnelId, policy: NO_POLICY };
      if (this.#router.claim({ hosts: [host], paths: ["/"], owner, holder }) !== undefined) continue;
      holders.push(holder);
      hosts.push(host);
      urls.push(this.#publicUrl([host], ["/"]));
    }
    this.#unnamed.set(owner, { session, holders, hosts });
    return urls;
  }

  /** Whether such a client has a host that its token does not permit any more. */
  hasTooMuch(identity: Identity, session: VisitorTarget["session"]): boolean {
    const client = this.#unnamed.get(ownerOf(identity));
    return client?.session === session && client.hosts.some((host) => !mayHave(session, host));
  }

  /** The client is gone. Nothing happens when another session of the same client has joined since. */
  leaveUnnamed(identity: Identity, session: VisitorTarget["session"]): void {
    const owner = ownerOf(identity);
    if (this.#unnamed.get(owner)?.session === session) this.#releaseUnnamed(owner);
  }

  /** @inheritdoc */
  route(host: string, target: string): HttpRouting {
    const holder = this.#router.find(host, target);
    if (holder === undefined) return UNKNOWN;
    const visitorTarget = holder.target();
    if (visitorTarget === undefined) return AWAY;
    return { ...visitorTarget, state: "found", tunnelId: holder.tunnelId, policy: holder.policy };
  }

  #releaseUnnamed(owner: string): void {
    for (const holder of this.#unnamed.get(owner)?.holders ?? []) this.#router.release(holder);
    this.#unnamed.delete(owner);
  }

  #decode(metadata: ReadonlyMap<string, string>): ReturnType<typeof decodeHttpService> {
    try {
      return decodeHttpService(metadata);
    } catch (error) {
      throw new HttpRefusal(error instanceof Error ? error.message : String(error), false);
    }
  }

  #defaultHost(name: string): string {
    if (this.#domain === undefined) {
      throw new HttpRefusal("The server has no domain of its own: the service must name its hosts", false);
    }
    const host = canonicalHost(`${name}.${this.#domain}`);
    if (host !== undefined) return host;
    throw new HttpRefusal(`Name ${name} cannot be part of a host: the service must name its hosts`, false);
  }

  #checkAllowed(host: string): void {
    // Whoever had this pattern would get the requests for every service that is to come below the domain.
    const domain = this.#domain;
    if (domain !== undefined && covers(host, `any.${domain}`) && !this.#allowHosts?.includes(host)) {
      throw new HttpRefusal(`Host ${host} covers the server's own domain ${domain}`, false);
    }
    if (this.#isAllowed(host)) return;
    throw new HttpRefusal(
      `Host ${host} is not allowed by the server, which allows ${this.#allowHosts?.join(", ")}` +
        (domain === undefined ? "" : ` and names below ${domain}`),
      false,
    );
  }

  #isAllowed(host: string): boolean {
    const allowed = this.#allowHosts;
    if (allowed === undefined || allowed.some((pattern) => covers(pattern, host))) return true;
    return this.#domain !== undefined && covers(`*.${this.#domain}`, host);
  }

  /** By HTTPS where there is HTTPS. A pattern is shown only where there is no plain name. */
  #publicUrl(hosts: readonly string[], paths: readonly string[]): string {
    const { http, https } = this.#addresses;
    const scheme = https === undefined ? "http" : "https";
    const port = https === undefined
      ? this.#options.publicPort ?? http?.port
      : this.#options.https?.publicPort ?? https.port;
    const host = hosts.find((name) => !name.startsWith("*")) ?? hosts[0];
    const suffix = port === undefined || port === (https === undefined ? 80 : 443) ? "" : `:${port}`;
    return `${scheme}://${host}${suffix}${paths[0] ?? "/"}`;
  }
}

/** As text, in which no two identities are the same. */
function ownerOf({ tokenName, tunnelId }: Identity): string {
  return JSON.stringify([tokenName, tunnelId]);
}

/** Whether a client that cannot name a service may have this host: its tunnel id stands for the name. */
function mayHave({ grant, identity }: VisitorTarget["session"], host: string): boolean {
  const service = { name: identity?.tunnelId ?? "", kind: "http" as const, hosts: [host] };
  return scopeRefusal(grant?.scope ?? {}, service) === undefined;
}

function checkedHost(text: string, pattern: boolean): string {
  const host = pattern ? parseHostPattern(text) : canonicalHost(text);
  if (host === undefined) throw new TypeError(`Expected a host but got ${JSON.stringify(text)}`);
  return host;
}
