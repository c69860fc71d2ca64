/**
 * Texts for people inside control messages. They quote what a peer sent or what a system says, so nobody knows how long
 * they get; on the wire they are limited.
 *
 * @module
 */
import { MAX_TEXT_BYTES } from "../wire/limits.ts";
import type { ControlMessage } from "../wire/messages.ts";

/** So many UTF-16 units fit whatever they are: each takes at most three bytes of UTF-8. */
const SAFE_LENGTH = Math.floor(MAX_TEXT_BYTES / 3);

/**
 * The same message, its text cut where it might be too long to be sent.
 *
 * @example
 * ```ts
 * import { clipped } from "./clipped.ts";
 *
 * const reason = { kind: "error", message: "?".repeat(10_000) } as const;
 * const message = clipped({ type: "close_stream", streamId: 2, reason });
 * console.log(message.type === "close_stream" && message.reason.kind === "error" && message.reason.message.length); // 1365
 * ```
 */
export function clipped(message: ControlMessage): ControlMessage {
  switch (message.type) {
    case "close_stream": {
      const { reason } = message;
      if (reason.kind !== "error" || reason.message.length <= SAFE_LENGTH) return message;
      return { ...message, reason: { kind: "error", message: clip(reason.message) } };
    }
    case "error":
      return { ...message, message: clip(message.message) };
    case "register_ack":
      return { ...message, publicUrl: clip(message.publicUrl) };
    default:
      return message;
  }
}

function clip(text: string): string {
  return text.length <= SAFE_LENGTH ? text : `${text.slice(0, SAFE_LENGTH - 1).toWellFormed()}…`;
}
