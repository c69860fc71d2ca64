/**
 * Logging as the library sees it: a logger is handed in, or nothing is heard. Only the command line decides where
 * records go and how they look.
 *
 * Messages are templates, so that values stay apart from text and can be escaped and searched:
 * `logger.info("Client {tunnelId} connected from {remote}", { tunnelId, remote })`. Secrets are never values.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";

/** Values for the `{names}` in a message. */
export type LogProperties = Record<string, unknown>;

/** Takes records. A logger of LogTape is one; any object with these methods will do. */
export interface Logger {
  /** What only a developer wants to see. */
  debug(message: string, properties?: LogProperties): void;
  /** What happens in the course of things. */
  info(message: string, properties?: LogProperties): void;
  /** What goes wrong and is dealt with. */
  warn(message: string, properties?: LogProperties): void;
  /** What goes wrong and stays so until somebody does something. */
  error(message: string, properties?: LogProperties): void;
}

/** Category of every record of this project. */
export const LOG_CATEGORY = "ferrotunnel";

/**
 * The logger that library code uses.
 *
 * @param logger The logger that the caller gave, if any.
 * @returns It, or LogTape's logger for {@linkcode LOG_CATEGORY}, which is silent until a program configures it.
 *
 * @example
 * ```ts
 * import { loggerOrDefault } from "./log.ts";
 *
 * const logger = loggerOrDefault();
 * logger.debug("Window of stream {streamId} is {windowBytes} bytes", { streamId: 2, windowBytes: 262144 });
 * ```
 */
export function loggerOrDefault(logger?: Logger): Logger {
  return logger ?? getLogger([LOG_CATEGORY]);
}
