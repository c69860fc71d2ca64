/**
 * Where log records go and how they look. The only place that configures the log.
 *
 * @module
 */
import {
  type AnsiColorFormatterOptions,
  configureSync,
  type FormattedValues,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getTextFormatter,
  type TextFormatter,
  type TextFormatterOptions,
} from "@logtape/logtape";
import { escapeControls, type LogFormatName, type LogLevelName } from "../config/mod.ts";
import { describeError } from "../errors.ts";
import { LOG_CATEGORY, type Logger, loggerOrDefault } from "../log.ts";

/** Options of {@linkcode configureLogging}. */
export interface LoggingOptions {
  /** Least important records that are logged. */
  readonly level: LogLevelName;
  /** Lines for people, or one JSON object a line. */
  readonly format: LogFormatName;
  /** Whether text may have colours. */
  readonly color: boolean;
  /** Takes each line, without its end. */
  readonly writeLine: (line: string) => void;
}

/**
 * Sets up the log of this process, in place of an earlier one.
 *
 * @param options How.
 * @returns The program's logger.
 */
export function configureLogging(options: LoggingOptions): Logger {
  const format = formatterOf(options);
  const sinks = ["lines"];
  configureSync({
    reset: true,
    sinks: { lines: (record) => options.writeLine(format(record).replace(/\n$/, "")) },
    loggers: [
      { category: [LOG_CATEGORY], lowestLevel: options.level, sinks },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks },
    ],
  });
  return loggerOrDefault();
}

function formatterOf({ format, color }: LoggingOptions): TextFormatter {
  if (format === "json") {
    const formatter = getJsonLinesFormatter({
      categorySeparator: ".",
      message: "rendered",
      properties: "nest:values",
    });
    return (record) => {
      const values = Object.entries(record.properties).map(([name, value]) => {
        return [name, value instanceof Error ? describeError(value) : value];
      });
      // One literal part, so that the formatter puts no quotes around what was inserted.
      const message = [
        record.message.map((part, index) => index % 2 === 0 ? part : plainText(part)).join(""),
      ];
      const line = formatter({ ...record, message, properties: Object.fromEntries(values) });
      // JSON itself leaves DEL, C1 and U+2028 alone; as escapes they are still JSON.
      return escapeControls(line.replace(/\n$/, ""));
    };
  }
  const shared = {
    level: (level) => level.toUpperCase().padEnd(7),
    category: (category) => category.slice(1).join("."),
    sanitize: { sgr: "escape", newlines: "escape" },
    value: showLogged,
  } as const satisfies TextFormatterOptions & AnsiColorFormatterOptions;
  if (color) {
    return getAnsiColorFormatter({
      ...shared,
      timestamp: "time",
      timeZone: null,
      format: textLine,
    });
  }
  return getTextFormatter({
    ...shared,
    timestamp: "rfc3339",
    format: textLine,
  });
}

/** The program's own records have no category below the project's. */
function textLine({ timestamp, level, category, message, record }: FormattedValues): string {
  const source = record.category.length > 1 ? `${category}: ` : "";
  return `${timestamp} ${level} ${source}${message}`;
}

function showLogged(value: unknown): string {
  return escapeControls(plainText(value));
}

function plainText(value: unknown): string {
  if (value instanceof Error) return describeError(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
