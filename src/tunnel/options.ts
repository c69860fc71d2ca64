/**
 * What a server and a client can be told, with every default in one place.
 *
 * @module
 */
import type { SocketAddress, TlsOptions } from "../runtime/types.ts";

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
  /** How long a stream waits for the peer to accept it. */
  readonly openTimeoutMs: number;
  /** How often a heartbeat is sent. */
  readonly heartbeatIntervalMs: number;
  /** A session from which nothing arrived for so long is dead. */
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
  /** Connections that have not yet authenticated. */
  readonly maxUnauthenticated: number;
  /** The same from one address. */
  readonly maxUnauthenticatedPerAddress: number;
  /** Services that one client may register. */
  readonly maxServices: number;
  /** How long the names and ports of a client that was lost are kept for it. */
  readonly reclaimGraceMs: number;
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
}

const DEFAULT_LIMITS: Limits = {
  windowBytes: MIB / 4,
  maxWindowBytes: 16 * MIB,
  sessionBufferBytes: 64 * MIB,
  processBufferBytes: 256 * MIB,
  maxStreams: 10_000,
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
  maxUnauthenticated: 100,
  maxUnauthenticatedPerAddress: 10,
  maxServices: 128,
  reclaimGraceMs: 60_000,
};

/** Limits of a client that is told nothing else. */
export const DEFAULT_CLIENT_LIMITS: ClientLimits = {
  ...DEFAULT_LIMITS,
  connectTimeoutMs: 10_000,
  localConnectTimeoutMs: 10_000,
  reconnectMinMs: 500,
  reconnectMaxMs: 30_000,
};

/** Ports from `from` to `to`, both included. */
export interface PortRange {
  /** 1 to 65535. */
  readonly from: number;
  /** `from` to 65535. */
  readonly to: number;
}

/** The port a server listens on for clients, and a client dials, when told nothing else. */
export const DEFAULT_PORT = 7835;
/** Where a server listens for clients when told nothing else. */
export const DEFAULT_SERVER_BIND: SocketAddress = { hostname: "0.0.0.0", port: DEFAULT_PORT };
/** Ports that clients may ask for when the server is told nothing else. */
export const DEFAULT_ALLOW_PORTS: readonly PortRange[] = [{ from: 1024, to: 65535 }];
/** The address on which services' own ports are bound when the server is told nothing else. */
export const DEFAULT_SERVICE_HOST = "0.0.0.0";

/** A token that clients may present. */
export interface TokenOptions {
  /** Names the token in logs and in the status. Unique. */
  readonly name: string;
  /** 1 to 256 bytes, printable ASCII. */
  readonly token: string;
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
  /** At least one. */
  readonly tokens: readonly TokenOptions[];
  /** Certificate and key, and the client CA for mutual TLS. @default plain TCP */
  readonly tls?: TlsOptions;
  /** Overrides of {@linkcode DEFAULT_SERVER_LIMITS}. */
  readonly limits?: Partial<ServerLimits>;
}

/** A service that a client shows to the world. */
export interface ServiceOptions {
  /** 1 to 63 characters: letters, digits, `-`, `_`, `.`. Unique in the client, and on the server. */
  readonly name: string;
  /** What it speaks. */
  readonly kind: "tcp";
  /** Where the client reaches it. */
  readonly local: SocketAddress;
  /** Its public port; 0 lets the server pick. @default the server's shared port (`tcpBind`) */
  readonly remotePort?: number;
}

/** What a client is told. */
export interface ClientOptions {
  /** The server's address; a name is resolved anew at each dial. */
  readonly server: SocketAddress;
  /** 1 to 256 bytes, printable ASCII. */
  readonly token: string;
  /** Names this client on the server; the same id and token come back to the same ports. @default derived from the machine's name and the services */
  readonly tunnelId?: string;
  /** At least one. */
  readonly services: readonly ServiceOptions[];
  /** Speak TLS, with these files. @default plain TCP */
  readonly tls?: TlsOptions;
  /** Overrides of {@linkcode DEFAULT_CLIENT_LIMITS}. */
  readonly limits?: Partial<ClientLimits>;
}
