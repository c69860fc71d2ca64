/**
 * The proof that a server understands WebSocket.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** From RFC 6455, section 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/**
 * What `Sec-WebSocket-Accept` must say.
 *
 * @param key `Sec-WebSocket-Key` of the request.
 */
export function webSocketAccept(key: string): string {
  return createHash("sha1").update(key + WEBSOCKET_GUID).digest("base64");
}
