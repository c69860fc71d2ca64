/**
 * Which version of HTTP a local service is spoken to in.
 *
 * @module
 */
import type { RequestHead } from "../../http/types.ts";
import type { HttpPolicy } from "../../tunnel/http_ingress.ts";

/** Whether a request goes to its service by HTTP/2: gRPC knows nothing else, and WebSocket knows nothing but HTTP/1.1. */
export function wantsHttp2({ headers, upgradesToWebSocket }: RequestHead, { protocol }: HttpPolicy): boolean {
  return !upgradesToWebSocket && (protocol === "h2c" || isGrpc(headers.get("content-type")));
}

/** Whether a body is that of a gRPC call, in any encoding, but not of gRPC-Web, which is made for HTTP/1.1. */
function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/grpc(?:[+;]|$)/i.test(contentType);
}
