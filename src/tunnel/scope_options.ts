/**
 * What a server is told of those who may connect, and of what each of them may do.
 *
 * @module
 */

/** Ports from `from` to `to`, both included. */
export interface PortRange {
  /** 1 to 65535. */
  readonly from: number;
  /** `from` to 65535. */
  readonly to: number;
}

/** What services can speak. */
export const SERVICE_KINDS = ["tcp", "http"] as const;
/** One of {@linkcode SERVICE_KINDS}. */
export type ServiceKind = (typeof SERVICE_KINDS)[number];

/** What the clients of one token or key may do. What is left out is not restricted. */
export interface ScopeOptions {
  /** Names of services, and patterns in which `*` stands for any characters, also none. */
  readonly services?: readonly string[];
  /** Hosts of services over HTTP, and patterns such as `*.example.com` for every name below that one. */
  readonly hosts?: readonly string[];
  /** Public ports of services over TCP. The server's `allowPorts` holds beside it. */
  readonly ports?: readonly PortRange[];
  /** Kinds of services. */
  readonly kinds?: readonly ServiceKind[];
  /** Connections of clients at once. */
  readonly maxConnections?: number;
  /** Visitors at once, over all its clients; of services over HTTP, streams that carry or await requests. */
  readonly maxStreams?: number;
  /** Bytes per second in each direction, shared by all visitors of its clients. What is beyond it is delayed. */
  readonly bandwidth?: number;
  /** From then on it is not taken any more, and its clients are disconnected. */
  readonly expires?: Date;
}

/** A token that clients may present: the token itself or its hash. */
export interface TokenOptions extends ScopeOptions {
  /** Names it in logs and in the status. Unique among tokens and keys. */
  readonly name: string;
  /** 1 to 256 bytes, printable ASCII. */
  readonly token?: string;
  /** In place of `token`: `sha256:` and 64 hexadecimal digits, as `ferrotunnel token` prints it. */
  readonly hash?: string;
}

/** A client's key: it proves that it has the private one, which it never sends. */
export interface KeyOptions extends ScopeOptions {
  /** Names it in logs and in the status. Unique among tokens and keys. */
  readonly name: string;
  /** `ed25519:` and 43 characters, as `ferrotunnel key` prints it. */
  readonly publicKey: string;
}
