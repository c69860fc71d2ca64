/**
 * Where visitors come in, and where they are led.
 *
 * @module
 */
import type { SocketAddress, TlsIdentity } from "../runtime/types.ts";
import type { DirectPool } from "./direct_pool.ts";
import type { ServerSession } from "./server_session.ts";

/** A bound public port. */
export interface VisitorPort {
  readonly address: SocketAddress;
  /** Takes no more visitors and frees the port; those that are there stay. */
  close(): Promise<void>;
  /** See `Listener.setIdentities`; undefined where visitors do not come by TLS. */
  readonly setCertificates?: ((certificates: readonly TlsIdentity[]) => void) | undefined;
}

/** What a public port leads to. */
export interface VisitorTarget {
  /** Name of the service; undefined for a client that knows only one. */
  readonly service: string | undefined;
  /** The connection of its client that is to take the visitor. */
  readonly session: ServerSession;
  /** Where visitors over TCP get a connection of their own; undefined when they are streams of `session`. */
  readonly direct?: DirectPool | undefined;
}

/** Binds a public port; visitors go where `target` says at the time, nowhere while it is undefined. */
export type BindPort = (
  address: SocketAddress,
  target: () => VisitorTarget | undefined,
) => Promise<VisitorPort>;
