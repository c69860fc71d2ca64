/**
 * The services and clients that the server's HTTP ports lead to.
 *
 * @module
 */
import type { SocketAddress } from "../runtime/types.ts";
import type { HttpPolicy, HttpRoutes, HttpRouting } from "./http_ingress.ts";
import { HttpRouter } from "./http_router.ts";
import type { HttpAddresses, HttpRules } from "./http_rules.ts";
import { decodeHttpService } from "./http_service.ts";
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
  /** The same for people, with the first of the hosts, by the port that is the public one at the time. */
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

interface Holder {
  /** The service's name, where its host is its name below the server's domain. */
  readonly defaultName: string | undefined;
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
  #rules: HttpRules;
  readonly #router = new HttpRouter<Holder>();
  readonly #holders = new Map<HttpBinding, Holder>();
  readonly #unnamed = new Map<string, UnnamedClient>();
  #addresses: HttpAddresses = { http: undefined, https: undefined };

  /** @param rules What is allowed. */
  constructor(rules: HttpRules) {
    this.#rules = rules;
  }

  /** Other rules hold from now on. Who has what they do not allow keeps it until somebody asks {@linkcode refusal}. */
  change(rules: HttpRules): void {
    this.#rules = rules;
  }

  /** Why what a service has is not allowed; undefined when it is. */
  refusal(binding: HttpBinding): string | undefined {
    const holder = this.#holders.get(binding);
    if (holder === undefined) return undefined;
    const { defaultName, policy: { plugins } } = holder;
    return this.#rules.refusal({ defaultName, hosts: binding.hosts, plugins });
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
    const defaultName = named.length === 0 ? name : undefined;
    const refusal = this.#rules.refusal({ defaultName, hosts: named, plugins: policy.plugins });
    if (refusal !== undefined) throw new HttpRefusal(refusal, false);
    const hosts = named.length === 0 ? [this.#rules.defaultHost(name) as string] : named;
    permit?.(hosts);
    const holder = { defaultName, target, tunnelId: identity.tunnelId, policy };
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
    const publicUrl = (): string => this.#publicUrl(hosts, paths);
    const binding = {
      ...{ hosts, paths, address },
      get publicUrl(): string {
        return publicUrl();
      },
    };
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
    const target = (): VisitorTarget => ({ service: undefined, session });
    const holders: Holder[] = [];
    const hosts: string[] = [];
    const urls: string[] = [];
    for (const host of this.#rules.hostsOfUnnamed(tunnelId)) {
      if (!mayHave(session, host)) continue;
      const holder = { defaultName: undefined, target, tunnelId, policy: NO_POLICY };
      if (this.#router.claim({ hosts: [host], paths: ["/"], owner, holder }) !== undefined) continue;
      holders.push(holder);
      hosts.push(host);
      urls.push(this.#publicUrl([host], ["/"]));
    }
    this.#unnamed.set(owner, { session, holders, hosts });
    return urls;
  }

  /** Whether such a client has a host that its token does not permit, or the server not allow, any more. */
  hasTooMuch(identity: Identity, session: VisitorTarget["session"]): boolean {
    const client = this.#unnamed.get(ownerOf(identity));
    if (client?.session !== session) return false;
    const allowed = this.#rules.hostsOfUnnamed(identity.tunnelId);
    return client.hosts.some((host) => !allowed.includes(host) || !mayHave(session, host));
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

  #publicUrl(hosts: readonly string[], paths: readonly string[]): string {
    return this.#rules.publicUrl({ hosts, paths }, this.#addresses);
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
