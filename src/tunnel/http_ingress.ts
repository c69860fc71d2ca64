/**
 * What the server asks of whoever takes visitors over HTTP, and how that one asks where a request goes.
 *
 * @module
 */
import type { PreparedPlugins } from "../plugins/types.ts";
import type { SocketAddress } from "../runtime/types.ts";
import type { HttpServerOptions, HttpServiceProtocol, HttpsOptions, ServerLimits } from "./options.ts";
import type { VisitorPort, VisitorTarget } from "./visitors.ts";

/** Changes of the header fields of a message: first what is removed, then what is set. */
export interface HeaderChanges {
  /** Names in lower case, each once, and the one value that the field gets. */
  readonly set: readonly (readonly [name: string, value: string])[];
  /** Names in lower case. */
  readonly remove: readonly string[];
}

/** What the client of a service wants done to its messages. One value for as long as the registration stays as it is. */
export interface HttpPolicy {
  /** `Host` for the service; undefined for the visitor's. */
  readonly rewriteHost: string | undefined;
  /** What the service speaks. */
  readonly protocol: HttpServiceProtocol;
  readonly requestHeaders: HeaderChanges;
  readonly responseHeaders: HeaderChanges;
  /** Plugins that the client has asked for, in order. */
  readonly plugins: readonly string[];
}

/** Where a request goes. */
export type HttpRouting =
  /** To this service. `tunnelId` names its client. */
  | (VisitorTarget & { readonly state: "found"; readonly tunnelId: string; readonly policy: HttpPolicy })
  /** To a service whose client is away at the moment. */
  | { readonly state: "away" }
  /** Nowhere: nobody has the host, or not with this path. */
  | { readonly state: "unknown" };

/** Knows where requests go. Asked for each request; must not throw. */
export interface HttpRoutes {
  /**
   * Finds a request's service.
   *
   * @param host Canonical, as in `RequestHead`.
   * @param target Path and query, beginning with `/`, or `*`.
   */
  route(host: string, target: string): HttpRouting;
}

/** What a port is told that can change while it is bound. */
export interface HttpPortRules {
  /** What the server is told about HTTP, for instance the trusted proxies. */
  readonly http: HttpServerOptions;
  /** The public port of HTTPS to which every request is sent. @default none is */
  readonly redirectToPort?: number;
}

/** Options of {@linkcode HttpIngress.bind}. */
export interface HttpPortOptions extends HttpPortRules {
  readonly address: SocketAddress;
  readonly routes: HttpRoutes;
  /** Speaks TLS with visitors. @default plain HTTP */
  readonly https?: HttpsOptions;
}

/** A bound port for visitors over HTTP. */
export interface HttpVisitorPort extends VisitorPort {
  /**
   * Has requests that begin from now on see other rules, and the limits as they are at the moment. A request that is under way
   * goes on with what it began with.
   */
  change(rules: HttpPortRules): void;
}

/** Takes visitors over HTTP. */
export interface HttpIngress {
  /** Names of the plugins that services may ask for. @default none */
  readonly plugins?: ReadonlySet<string>;
  /**
   * Makes other plugins. Nothing changes before they are taken.
   *
   * @throws {TunnelError} `CONFIG` when one cannot be made
   * @throws {TypeError} when a name in `use` or `services` is that of no plugin
   */
  prepare?(http: HttpServerOptions, limits: ServerLimits): Promise<PreparedPlugins>;
  /** Binds a port. @throws {TunnelError} `BIND`, or `CONFIG` for a certificate that cannot be used */
  bind(options: HttpPortOptions): Promise<HttpVisitorPort>;
}
