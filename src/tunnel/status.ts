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
  /** Whether a stop was asked for. */
  readonly stopping: boolean;
  /** Connections that have not authenticated. */
  readonly unauthenticated: number;
  /** The clients that are connected. */
  readonly clients: readonly {
    readonly tunnelId: string;
    /** Name of the token. */
    readonly token: string;
    readonly remote: string;
    readonly connectedForMs: number;
    readonly streams: number;
    readonly bufferedBytes: number;
    readonly rttMs: number | undefined;
    /** Whether it knows the stream extensions. */
    readonly extended: boolean;
  }[];
  /** The services that are registered, or kept for a client that was lost. */
  readonly services: readonly {
    readonly name: string;
    readonly tunnelId: string;
    /** Whether its client is connected. */
    readonly online: boolean;
    readonly address: string | undefined;
  }[];
}

/** A client's state. */
export interface ClientStatus {
  /** Tells it from a server's. */
  readonly role: "client";
  /** The server's address. */
  readonly server: string;
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
  /** Its services, and how the server answered for them. */
  readonly services: readonly {
    readonly name: string;
    readonly local: string;
    readonly publicUrl: string | undefined;
    /** Why the server refused it. */
    readonly error: string | undefined;
  }[];
}
