/**
 * Errors that callers are meant to catch. Misuse of an API throws the built-in `TypeError` or `RangeError`.
 *
 * @module
 */

/** Stable names of the reasons a {@linkcode TunnelError} can carry. */
export type TunnelErrorCode =
  /** The peer broke the wire protocol; the session is over. */
  | "PROTOCOL"
  /** The connection was refused, lost, reset or could not be made. */
  | "CONNECTION"
  /** An address could not be bound. */
  | "BIND"
  /** The token was not accepted. */
  | "AUTHENTICATION"
  /** Client and server have no protocol version in common. */
  | "VERSION"
  /** The name, port or tunnel id belongs to somebody else. */
  | "TAKEN"
  /** The server does not permit what was asked for. */
  | "FORBIDDEN"
  /** A limit was reached. */
  | "LIMIT"
  /** A deadline passed. */
  | "TIMEOUT"
  /** The service behind the client could not be reached. */
  | "LOCAL_SERVICE"
  /** A configuration is not valid. */
  | "CONFIG"
  /** The session or program is stopping. */
  | "CLOSED";

/** Options of {@linkcode TunnelError}. */
export interface TunnelErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
}

/**
 * What goes wrong in a tunnel and a caller may want to tell apart, by `code`, never by the text of the message.
 *
 * @example
 * ```ts
 * import { TunnelError } from "./errors.ts";
 *
 * const error = new TunnelError("AUTHENTICATION", "The server refused the token");
 * if (error.code === "AUTHENTICATION") console.error(error.message);
 * ```
 */
export class TunnelError extends Error {
  /** Name of the class. */
  override readonly name: string = "TunnelError";
  /** The stable reason. */
  readonly code: TunnelErrorCode;

  /**
   * Makes an error.
   *
   * @param code The stable reason.
   * @param message What happened, action first, for people.
   * @param options The cause, if another error led here.
   */
  constructor(code: TunnelErrorCode, message: string, options: TunnelErrorOptions = {}) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The peer sent bytes that the protocol does not allow. Ends its session and no other.
 *
 * @example
 * ```ts
 * import { ProtocolError } from "./errors.ts";
 *
 * throw new ProtocolError("frame_too_large", "Frame length 4294967295 is over 16777216");
 * ```
 */
export class ProtocolError extends TunnelError {
  /** Name of the class. */
  override readonly name = "ProtocolError";
  /** A short, stable, snake_case name of the rule that was broken; used as a metric label. */
  readonly rule: string;

  /**
   * Makes an error.
   *
   * @param rule The rule that was broken, snake_case.
   * @param message What was received and what was expected.
   */
  constructor(rule: string, message: string) {
    super("PROTOCOL", message);
    this.rule = rule;
  }
}

/**
 * Turns anything thrown into one line of text, without its stack.
 *
 * @param error What was thrown.
 * @returns The message, with the messages of its causes behind it.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : describeError(error.cause);
  return cause === "" || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}
