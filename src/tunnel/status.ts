/**
 * What a server and a client say about themselves, as plain values that JSON can carry.
 *
 * @module
 */
/** A server's state. */
export interface ServerStatus {
  /** Tells it from a client's. */
  readonly role: "server";
  /** Where clients connect. */
  readonly address: string;
  /** The shared public port. */
  readonly sharedAddress: string | undefined;
  /** The port for visitors over HTTP. */
  readonly httpAddress: string | undefined;
  /** The port for visitors over HTTPS. */
  readonly httpsAddress: string | undefined;
  /** Whether a stop was asked for. */
  readonly stopping: boolean;
  /** Connections that have not authenticated. */
  readonly unauthenticated: number;
  /** The clients that are connected; one with parallel connections has an entry for each. */
  readonly clients: readonly {
    readonly tunnelId: string;
    /** Name of the token. */
    readonly token: string;
    readonly remote: string;
    /** Its number among the client's parallel connections. */
    readonly member: number;
    readonly connectedForMs: number;
    readonly streams: number;
    readonly bufferedBytes: number;
    readonly rttMs: number | undefined;
    /** Whether it knows the stream extensions. */
    readonly extended: boolean;
    /** Direct connections of the whole client: ready for a visitor, and with one. */
    readonly direct: { readonly idle: number; readonly visitors: number };
  }[];
  /** The services that are registered, or kept for a client that was lost. */
  readonly services: readonly {
    readonly name: string;
    readonly kind: "tcp" | "http";
    /** How its visitors are carried. */
    readonly mode: "multiplexed" | "direct";
    readonly tunnelId: string;
    /** Whether its client is connected. */
    readonly online: boolean;
    /** Where visitors come in. */
    readonly address: string | undefined;
    /** The same as the client is told it. */
    readonly publicUrl: string | undefined;
    /** Hosts and patterns of a service over HTTP. */
    readonly hosts: readonly string[];
    /** Beginnings of paths of a service over HTTP. */
    readonly paths: readonly string[];
  }[];
}

/** A client's state. */
export interface ClientStatus {
  /** Tells it from a server's. */
  readonly role: "client";
  /** The server that is connected, or dialled next. */
  readonly server: string;
  /** Every server that may be used. */
  readonly servers: readonly string[];
  /** The id by which the server knows this client. */
  readonly tunnelId: string;
  /** Whether the server has answered for every service. */
  readonly connected: boolean;
  /** Whether a stop was asked for. */
  readonly stopping: boolean;
  /** Visitors now. */
  readonly streams: number;
  /** Bytes that wait for slow local services. */
  readonly bufferedBytes: number;
  /** The last measured round trip to the server. */
  readonly rttMs: number | undefined;
  /** Its parallel connections. */
  readonly connections: readonly {
    readonly member: number;
    readonly connected: boolean;
    readonly streams: number;
    readonly bufferedBytes: number;
    readonly rttMs: number | undefined;
  }[];
  /** Its direct connections: ready for a visitor, and with one. */
  readonly direct: { readonly idle: number; readonly visitors: number };
  /** Its services, and how the server answered for them. */
  readonly services: readonly {
    readonly name: string;
    readonly local: string;
    readonly publicUrl: string | undefined;
    /** Why the server refused it. */
    readonly error: string | undefined;
  }[];
}
