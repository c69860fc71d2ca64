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
    readonly address: SocketAddress;
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
  | { readonly type: "service_ready"; readonly service: string; readonly publicUrl: string | undefined }
  | { readonly type: "service_refused"; readonly service: string; readonly reason: string };
