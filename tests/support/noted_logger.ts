/**
 * A logger whose lines a test can read.
 *
 * @module
 */
import type { Logger, LogProperties } from "../../src/log.ts";

/** A logger that puts each record into `lines` as text, its level in front. */
export function notedLogger(lines: string[]): Logger {
  const note = (level: string) => (message: string, properties: LogProperties = {}): void => {
    lines.push(`${level} ${message.replace(/\{(\w+)\}/g, (_, name) => String(properties[name]))}`);
  };
  return { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error") };
}
