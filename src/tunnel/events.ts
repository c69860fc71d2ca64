/**
 * What a server and a client tell whoever started them.
 *
 * @module
 */
import type { SocketAddress } from "../runtime/types.ts";

/** Something happened at a server. */
export type ServerEvent =
  | { readonly type: "client_connected"; readonly tunnelId: string; readonly remote: SocketAddress }
  | { readonly type: "client_disconnected"; readonly tunnelId: string; readonly reason: string }
  | { readonly type: "client_refused"; readonly remote: SocketAddress; readonly reason: string }
  | {
    readonly type: "service_registered";
    readonly service: string;
    readonly tunnelId: string;
    /** Where visitors come in. */
    readonly address: SocketAddress;
    /** The same as the client is told it. */
    readonly publicUrl: string;
  }
  | {
    readonly type: "service_refused";
    readonly service: string;
    readonly tunnelId: string;
    readonly reason: string;
  }
  | { readonly type: "service_released"; readonly service: string; readonly tunnelId: string };

/** Something happened at a client. */
export type ClientEvent =
  | { readonly type: "connected"; readonly server: SocketAddress; readonly sessionId: string }
  | { readonly type: "disconnected"; readonly reason: string; readonly retryInMs: number }
  /** A parallel connection was added to the first. */
  | { readonly type: "member_joined"; readonly member: number }
  /** One of several parallel connections was lost. */
  | {
    readonly type: "member_lost";
    readonly member: number;
    readonly reason: string;
    readonly retryInMs: number;
  }
  | { readonly type: "service_ready"; readonly service: string; readonly publicUrl: string | undefined }
  | { readonly type: "service_refused"; readonly service: string; readonly reason: string };
