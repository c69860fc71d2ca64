/**
 * How the program ends: exit codes, and one line for everything that can go wrong.
 *
 * @module
 */
import { escapeControls } from "../config/mod.ts";
import { describeError, TunnelError, type TunnelErrorCode } from "../errors.ts";

/** Exit codes, with what they mean to a script or a service manager. */
export const EXIT = {
  /** All went well, or the program was asked to stop and did. */
  ok: 0,
  /** It failed while running: a port is in use, a file cannot be read. `check` found problems. */
  failed: 1,
  /** The command line or the configuration is wrong; the same call will fail again. */
  usage: 2,
  /** The server refused this client for good: wrong token, no common version; the same call will fail again. */
  refused: 3,
  /** A second signal ended the program before it had stopped. */
  interrupted: 130,
} as const;

/** The table of {@linkcode EXIT} for the help. */
export const EXIT_HELP = `Exit codes:
  0    stopped as asked, or nothing to complain about
  1    failed while running, such as a port in use; \`check\` found problems
  2    the command line or the configuration is wrong
  3    the server refused this client for good, such as a wrong token
  130  ended at once by a second signal`;

/** The command line is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

const REFUSED: ReadonlySet<TunnelErrorCode> = new Set(["AUTHENTICATION", "VERSION", "TAKEN", "FORBIDDEN"]);

/**
 * The exit code for an error.
 *
 * @param error What was thrown.
 */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof TunnelError)) return EXIT.failed;
  if (error.code === "CONFIG") return EXIT.usage;
  return REFUSED.has(error.code) ? EXIT.refused : EXIT.failed;
}

/**
 * The lines to print for an error, never a stack trace. Problems of a configuration stand as they are, so that an
 * editor can follow `file:line:column`.
 *
 * @param error What was thrown.
 */
export function errorLines(error: unknown): string[] {
  const lines = describeError(error).split("\n").map((line) => escapeControls(line));
  if (error instanceof TunnelError && error.code === "CONFIG") return lines;
  return [`error: ${lines.join(" ")}`];
}
