/**
 * Logging as the library sees it: a logger is handed in, or nothing is heard. Only the command line decides where
 * records go and how they look.
 *
 * Messages are templates, so that values stay apart from text and can be escaped and searched:
 * `logger.info("Client {tunnelId} connected from {remote}", { tunnelId, remote })`. Secrets are never values.
 *
 * @module
 */
import { getLogger, type Logger } from "@logtape/logtape";

export type { Logger };

/** Category of every record of this project. */
export const LOG_CATEGORY = "ferrotunnel";

/**
 * The logger that library code uses.
 *
 * @param logger The logger that the caller gave, if any.
 * @returns It, or the logger of this project, which is silent until a program configures it.
 *
 * @example
 * ```ts
 * import { loggerOrDefault } from "./log.ts";
 *
 * const logger = loggerOrDefault().getChild("mux");
 * logger.debug("Window of stream {streamId} is {windowBytes} bytes", { streamId: 2, windowBytes: 262144 });
 * ```
 */
export function loggerOrDefault(logger?: Logger): Logger {
  return logger ?? getLogger([LOG_CATEGORY]);
}
