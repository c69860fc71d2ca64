/**
 * What a server and a client can be told, with every default in one place.
 *
 * @module
 */
import type { PluginFactory } from "../plugins/types.ts";
import type { ConnectTlsOptions, SocketAddress, TlsOptions } from "../runtime/types.ts";
import type { KeyOptions, PortRange, TokenOptions } from "./scope_options.ts";

export { SERVICE_KINDS } from "./scope_options.ts";
export type { KeyOptions, PortRange, ScopeOptions, ServiceKind, TokenOptions } from "./scope_options.ts";

const MIB = 1024 * 1024;

/** Limits and deadlines that both roles have. Every one is enforced. */
export interface Limits {
  /** Bytes a peer may send on a new stream before it is given more. 1024 to 2³¹ − 1. */
  readonly windowBytes: number;
  /** How far a stream's window may grow, in bytes; at least `windowBytes`. */
  readonly maxWindowBytes: number;
  /** Bytes that may wait for slow readers in one session. Beyond it, stalled streams are reset. */
  readonly sessionBufferBytes: number;
  /** The same for all sessions of the server or client together. */
  readonly processBufferBytes: number;
  /** Streams open at once in one session. */
  readonly maxStreams: number;
  /**
   * Streams that a peer may open and reset, at once and again with each second; beyond it its session ends. More than a peer's
   * visitors can bring about by themselves: they must not be able to end the session of the client behind them.
   */
  readonly maxResetsPerSecond: number;
  /** How long a stream waits for the peer to accept it. */
  readonly openTimeoutMs: number;
  /** How often a heartbeat is sent. */
  readonly heartbeatIntervalMs: number;
  /** A session from which nothing arrived for so long is dead, and one whose peer knows heartbeats and answered none. */
  readonly deadAfterMs: number;
  /** A session that could not write anything for so long is dead. */
  readonly writeStallTimeoutMs: number;
  /** A half-closed stream on which nothing moved for so long is reset. */
  readonly halfCloseLingerMs: number;
  /** A stream whose reader took nothing for so long although bytes wait is reset. */
  readonly streamStallTimeoutMs: number;
  /** The handshake must be over after so long. */
  readonly handshakeTimeoutMs: number;
  /** How long streams may go on after a stop was asked for. */
  readonly drainTimeoutMs: number;
}

/** Limits of a server. */
export interface ServerLimits extends Limits {
  /** Visitors connected at once, over all ports. */
  readonly maxConnections: number;
  /** Clients connected at once. */
  readonly maxSessions: number;
  /** Parallel connections of one client, 1 to 64; each counts as a client in `maxSessions`. */
  readonly maxSessionConnections: number;
  /** Direct connections of one client that may wait for a visitor, 1 to 999. */
  readonly maxDirectPool: number;
  /** Connections that have not yet authenticated. */
  readonly maxUnauthenticated: number;
  /** The same from one address. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Services that one client may register. */
  readonly maxServices: number;
  /** How long the names and ports of a client that was lost are kept for it. */
  readonly reclaimGraceMs: number;
  /** A request's head must be there so long after its first byte, or after the connection was made. */
  readonly httpHeadTimeoutMs: number;
  /** How long a body may stand still: a request's that the visitor does not send, a response's that it does not take. */
  readonly httpBodyIdleTimeoutMs: number;
  /** How long a local service may take to begin its response once it has the request. */
  readonly httpResponseTimeoutMs: number;
  /** How long a visitor's connection may wait for its next request. */
  readonly httpKeepAliveMs: number;
  /** How long a stream to a local service may wait for its next request; best shorter than what the service allows. */
  readonly httpIdleOriginMs: number;
  /** Streams to one local service that may wait for their next request. */
  readonly httpMaxIdleOrigins: number;
  /** Requests on one visitor's connection. */
  readonly httpMaxRequests: number;
  /** Requests at once on one visitor's HTTP/2 connection. */
  readonly httpMaxStreams: number;
  /** Bytes of the head of a request or a response. */
  readonly httpMaxHeadBytes: number;
  /** Header fields of a head. */
  readonly httpMaxHeaders: number;
  /** Bytes of a request's target. */
  readonly httpMaxTargetBytes: number;
  /** Bytes of a request's body; 0 sets no limit. */
  readonly httpMaxBodyBytes: number;
  /** How long a hook of a plugin may take; beyond it the plugin has failed. */
  readonly pluginTimeoutMs: number;
}

/** Limits of a client. */
export interface ClientLimits extends Limits {
  /** How long dialling the server may take. */
  readonly connectTimeoutMs: number;
  /** How long dialling a local service may take. */
  readonly localConnectTimeoutMs: number;
  /** Bound of the first wait before dialling again; the wait itself is drawn from 0 to the bound. */
  readonly reconnectMinMs: number;
  /** The bound doubles with every failure up to this. */
  readonly reconnectMaxMs: number;
  /** How often a client that had to use a later server tries the first one. */
  readonly failbackIntervalMs: number;
  /** A direct connection that has waited for a visitor so long, or up to a quarter less, is replaced. */
  readonly directIdleMs: number;
}

const DEFAULT_LIMITS: Limits = {
  windowBytes: MIB / 4,
  maxWindowBytes: 16 * MIB,
  sessionBufferBytes: 64 * MIB,
  processBufferBytes: 256 * MIB,
  maxStreams: 10_000,
  maxResetsPerSecond: 10_000,
  openTimeoutMs: 10_000,
  heartbeatIntervalMs: 10_000,
  deadAfterMs: 30_000,
  writeStallTimeoutMs: 20_000,
  halfCloseLingerMs: 300_000,
  streamStallTimeoutMs: 300_000,
  handshakeTimeoutMs: 10_000,
  drainTimeoutMs: 30_000,
};

/** Limits of a server that is told nothing else. */
export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  ...DEFAULT_LIMITS,
  maxConnections: 10_000,
  maxSessions: 1_000,
  maxSessionConnections: 16,
  maxDirectPool: 64,
  maxUnauthenticated: 100,
  maxUnauthenticatedPerAddress: 10,
  maxServices: 128,
  reclaimGraceMs: 60_000,
  httpHeadTimeoutMs: 10_000,
  httpBodyIdleTimeoutMs: 60_000,
  httpResponseTimeoutMs: 60_000,
  httpKeepAliveMs: 60_000,
  httpIdleOriginMs: 30_000,
  httpMaxIdleOrigins: 256,
  httpMaxRequests: 1_000,
  httpMaxStreams: 100,
  httpMaxHeadBytes: 32 * 1024,
  httpMaxHeaders: 100,
  httpMaxTargetBytes: 8 * 1024,
  httpMaxBodyBytes: 0,
  pluginTimeoutMs: 5_000,
};

/** Limits of a client that is told nothing else. */
export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  ...DEFAULT_LIMITS,
  connectTimeoutMs: 10_000,
  localConnectTimeoutMs: 10_000,
  reconnectMinMs: 500,
  reconnectMaxMs: 30_000,
  failbackIntervalMs: 60_000,
  directIdleMs: 120_000,
};

/** The port a server listens on for clients, and a client dials, when told nothing else. */
export const DEFAULT_PORT = 7835;
/** Where a server listens for clients when told nothing else. */
export const DEFAULT_SERVER_BIND: SocketAddress = { hostname: "0.0.0.0", port: DEFAULT_PORT };
/** Ports that clients may ask for when the server is told nothing else. */
export const DEFAULT_ALLOW_PORTS: readonly PortRange[] = [{ from: 1024, to: 65535 }];
/** The address on which services' own ports are bound when the server is told nothing else. */
export const DEFAULT_SERVICE_HOST = "0.0.0.0";

/** A certificate chain and its private key, PEM text. */
export interface CertificateOptions {
  /** The chain, the server's own certificate first. */
  readonly cert: string;
  /** The private key of the first certificate. */
  readonly key: string;
}

/** `Strict-Transport-Security`, with which a server tells browsers to come by HTTPS only. */
export interface HstsOptions {
  /** How long browsers remember it. @default 31536000, a year */
  readonly maxAgeSeconds?: number;
  /** Whether it holds for every name below the host too. @default false */
  readonly includeSubdomains?: boolean;
}

/** The server's port for visitors over HTTPS. */
export interface HttpsOptions {
  /** Where visitors come in. */
  readonly bind: SocketAddress;
  /** At least one; chosen by the name that the visitor asks for, the first when none fits. */
  readonly certificates: readonly CertificateOptions[];
  /** The port in public URLs, where it is not the one that is bound. @default the port of `bind` */
  readonly publicPort?: number;
  /** Whether visitors of the plain port are sent here. @default false */
  readonly redirect?: boolean;
  /** Sent to visitors that come by HTTPS. @default not sent */
  readonly hsts?: HstsOptions;
}

/** What a server is told about HTTP. At least one of `bind` and `https`. */
export interface HttpServerOptions {
  /** Where visitors over plain HTTP come in. @default nowhere */
  readonly bind?: SocketAddress;
  /** Services without hosts get their name below this one. @default such services are refused */
  readonly domain?: string;
  /** The port in public URLs, where it is not the one that is bound. @default the port of `bind` */
  readonly publicPort?: number;
  /** Hosts that clients may ask for, as names and patterns; names below `domain` always. @default every host */
  readonly allowHosts?: readonly string[];
  /** Addresses, or ranges such as 10.0.0.0/8, of proxies whose `X-Forwarded-*` is believed. @default none */
  readonly trustedProxies?: readonly string[];
  /** HTTPS for visitors. @default none */
  readonly https?: HttpsOptions;
  /** Makers of plugins, by the names under which `use` and the clients' services ask for them. @default none */
  readonly plugins?: Readonly<Record<string, PluginFactory>>;
  /** Plugins that see the requests of every service, in this order. @default none */
  readonly use?: readonly string[];
  /** More plugins, by name of the service, host, or pattern such as `*.example.com`. @default none */
  readonly services?: Readonly<Record<string, HttpServicePolicy>>;
}

/** What the server's owner wants of a service over HTTP. */
export interface HttpServicePolicy {
  /** Plugins that see its requests, in this order, after those for every service. @default none */
  readonly use?: readonly string[];
}

/** What a server is told. */
export interface ServerOptions {
  /** Where clients connect. @default 0.0.0.0:7835 */
  readonly bind?: SocketAddress;
  /** Shared public port for the client that registered a service without a port of its own. @default none */
  readonly tcpBind?: SocketAddress;
  /** Address on which services' own ports are bound. @default "0.0.0.0" */
  readonly serviceHost?: string;
  /** Host name told to clients as that of their services. @default the name that the client dialled */
  readonly publicHost?: string;
  /** Ports that clients may ask for. @default 1024 to 65535 */
  readonly allowPorts?: readonly PortRange[];
  /** Ports for visitors over HTTP. @default none */
  readonly http?: HttpServerOptions;
  /** At least one, or a key. */
  readonly tokens: readonly TokenOptions[];
  /** Public keys of clients. @default none */
  readonly keys?: readonly KeyOptions[];
  /**
   * Certificate and key, and the client CA for mutual TLS. Without a certificate, `{}`, the server makes one of its own,
   * which clients pin. @default plain TCP
   */
  readonly tls?: TlsFiles;
  /**
   * Directory of the key and certificate that the server makes for itself. @default the first of `$STATE_DIRECTORY`,
   * `/var/lib/ferrotunnel` for root, `$XDG_STATE_HOME/ferrotunnel`, `~/.local/state/ferrotunnel`
   */
  readonly stateDir?: string;
  /** Overrides of {@linkcode DEFAULT_SERVER_LIMITS}. */
  readonly limits?: Partial<ServerLimits>;
}

/** What TLS reads from files, PEM text. */
export type TlsFiles = Pick<TlsOptions, "cert" | "key" | "ca">;

/** What every service has. */
export interface ServiceBase {
  /** 1 to 63 characters: letters, digits, `-`, `_`, `.`. Unique in the client, and on the server. */
  readonly name: string;
  /** Where the client reaches it. */
  readonly local: SocketAddress;
}

/** How the visitors of a service are carried. */
export const SERVICE_MODES = ["multiplexed", "direct"] as const;
/** One of {@linkcode SERVICE_MODES}. */
export type ServiceMode = (typeof SERVICE_MODES)[number];

/** A service that gets a TCP port. */
export interface TcpServiceOptions extends ServiceBase {
  /** What it speaks. */
  readonly kind: "tcp";
  /** Its public port; 0 lets the server pick. @default the server's shared port (`tcpBind`) */
  readonly remotePort?: number;
  /** Whether its visitors are streams of the client's connection, or have one of their own each. @default "multiplexed" */
  readonly mode?: ServiceMode;
}

/** Changes of the header fields of a message. What is removed is removed before something is set. */
export interface HeaderRules {
  /** Fields that get this one value, whatever they had. Names without regard to case. */
  readonly set?: Readonly<Record<string, string>>;
  /** Fields that are taken away. */
  readonly remove?: readonly string[];
}

/** What services over HTTP speak: HTTP/1.1, or HTTP/2 without TLS by prior knowledge. */
export const HTTP_SERVICE_PROTOCOLS = ["http1", "h2c"] as const;
/** One of {@linkcode HTTP_SERVICE_PROTOCOLS}. */
export type HttpServiceProtocol = (typeof HTTP_SERVICE_PROTOCOLS)[number];

/** A service that is reached by the `Host` and the path of a request on the server's HTTP port. */
export interface HttpServiceOptions extends ServiceBase {
  /** What it speaks. */
  readonly kind: "http";
  /**
   * Host names, and patterns such as `*.preview.example.com` for every name below that one.
   * @default the service's name below the server's domain
   */
  readonly hosts?: readonly string[];
  /** Beginnings of paths, in whole segments: `/api` is `/api` and `/api/x`, not `/apix`. @default ["/"] */
  readonly paths?: readonly string[];
  /** `Host` that the service is given, with a port if need be. @default the visitor's */
  readonly rewriteHost?: string;
  /** What it speaks; gRPC calls go to it by HTTP/2 in any case. @default "http1" */
  readonly protocol?: HttpServiceProtocol;
  /** What the server changes about requests before the service gets them. @default nothing */
  readonly requestHeaders?: HeaderRules;
  /** What the server changes about responses before visitors get them. @default nothing */
  readonly responseHeaders?: HeaderRules;
  /** Plugins of the server that are to see the service's requests, in this order. @default none beside the server's own choice */
  readonly plugins?: readonly string[];
}

/** A service that a client shows to the world. */
export type ServiceOptions = TcpServiceOptions | HttpServiceOptions;

/** Ways to choose one of several servers: the first that can be reached, and back to it later; or any. */
export const SERVER_ORDERS = ["in_order", "random"] as const;
/** One of {@linkcode SERVER_ORDERS}. */
export type ServerOrder = (typeof SERVER_ORDERS)[number];

/** Direct connections that a client keeps ready when told nothing else. */
export const DEFAULT_DIRECT_POOL = 8;
/** Most parallel connections that a client makes. */
export const MAX_CONNECTIONS = 16;

/** What a client is told. */
export interface ClientOptions {
  /** The server's address, or those of several of which one is used; a name is resolved anew at each dial. */
  readonly server: SocketAddress | readonly SocketAddress[];
  /** How one of several servers is chosen. @default "in_order" */
  readonly serverOrder?: ServerOrder;
  /** Parallel connections to the server, 1 to 16. @default 1 */
  readonly connections?: number;
  /** Direct connections that are kept ready for visitors when a service wants them, 1 to 999. @default 8 */
  readonly directPool?: number;
  /** 1 to 256 bytes, printable ASCII. This or `privateKey`. */
  readonly token?: string;
  /** In place of a token: an Ed25519 key, PEM, whose public one the server knows. It is never sent. */
  readonly privateKey?: string;
  /** Names this client on the server; the same id and token come back to the same ports. @default derived from the machine's name and the services */
  readonly tunnelId?: string;
  /** At least one. */
  readonly services: readonly ServiceOptions[];
  /** Speak TLS, with these files, and trust a server as they say. @default plain TCP */
  readonly tls?: ConnectTlsOptions;
  /** Overrides of {@linkcode DEFAULT_CLIENT_LIMITS}. */
  readonly limits?: Partial<ClientLimits>;
}
