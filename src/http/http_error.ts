/**
 * What is wrong with a message, and the status that answers it.
 *
 * @module
 */
import { TunnelError } from "../errors.ts";

/** Statuses that an {@linkcode HttpError} can ask for. */
export type HttpErrorStatus = 400 | 405 | 408 | 413 | 414 | 417 | 431 | 501 | 502 | 505;

/** Stable names of the rules a message can break; good as metric labels. */
export type HttpRule =
  /** A control character, or a byte outside of ASCII where none may stand. */
  | "bad_byte"
  /** A line that does not end with CR LF, or a CR or LF elsewhere. */
  | "bare_line_end"
  /** The first line is none of HTTP/1.1, or the peer speaks another protocol. */
  | "start_line"
  | "version"
  | "method"
  | "target"
  | "target_too_long"
  | "field"
  | "too_many_fields"
  | "head_too_large"
  | "host"
  | "content_length"
  | "transfer_encoding"
  /** `Content-Length` together with `Transfer-Encoding`. */
  | "two_framings"
  | "connection"
  | "expect"
  /** A WebSocket handshake that is not whole, on either side. */
  | "websocket"
  /** A switch of protocols that nobody asked for. */
  | "upgrade"
  | "too_many_interim"
  | "chunk"
  | "chunk_extension"
  | "trailer"
  | "trailer_too_large"
  | "body_too_large"
  /** The connection ended before the message did. */
  | "truncated"
  /** The head did not come in time. */
  | "timeout";

/**
 * A message that must not go on. After any such error the connection that brought the message is closed and nothing more of
 * it is read; where it came from the local service, `status` is 502.
 *
 * @example
 * ```ts
 * import { HttpError } from "./http_error.ts";
 *
 * const error = new HttpError(400, "host", "Refuse a request with 2 Host fields");
 * console.log(error.status, error.rule);
 * ```
 */
export class HttpError extends TunnelError {
  /** Name of the class. */
  override readonly name = "HttpError";
  /** What the visitor is answered. */
  readonly status: HttpErrorStatus;
  /** The rule that was broken. */
  readonly rule: HttpRule;

  /**
   * Makes an error.
   *
   * @param status What the visitor is answered.
   * @param rule The rule that was broken.
   * @param message For logs: what was received, without secrets; never shown to visitors.
   */
  constructor(status: HttpErrorStatus, rule: HttpRule, message: string) {
    super("PROTOCOL", message);
    this.status = status;
    this.rule = rule;
  }
}

/** Who sent a message. */
export type Sender = "visitor" | "service";

/**
 * An error of a message, with the status that its sender calls for: whatever a service does wrong is 502 to the visitor.
 *
 * @param sender Who sent the message.
 * @param status Status where it was a visitor.
 * @param rule The rule that was broken.
 * @param message For logs.
 */
export function broken(sender: Sender, status: HttpErrorStatus, rule: HttpRule, message: string): HttpError {
  return new HttpError(sender === "visitor" ? status : 502, rule, message);
}

/** A received text as a message may show it: one short line, without what could be taken for more than text. */
export function shown(text: string): string {
  const short = JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  // JSON leaves these alone, some of which terminals obey.
  return short.replace(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
