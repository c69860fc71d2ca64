/**
 * What a server and a client say about themselves, as plain values that JSON can carry.
 *
 * @module
 */
import type { SocketAddress } from "../runtime/types.ts";

/** A server's state. */
export interface ServerStatus {
  readonly role: "server";
  /** Where clients connect. */
  readonly address: string;
  /** The shared public port. */
  readonly sharedAddress: string | undefined;
  readonly stopping: boolean;
  /** Connections that have not authenticated. */
  readonly unauthenticated: number;
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
  readonly role: "client";
  readonly server: string;
  readonly tunnelId: string;
  readonly connected: boolean;
  readonly stopping: boolean;
  readonly streams: number;
  readonly bufferedBytes: number;
  readonly rttMs: number | undefined;
  readonly services: readonly {
    readonly name: string;
    readonly local: string;
    readonly publicUrl: string | undefined;
    /** Why the server refused it. */
    readonly error: string | undefined;
  }[];
}

/** "host:port", with brackets around IPv6. */
export function formatAddress({ hostname, port }: SocketAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
