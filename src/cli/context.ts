/**
 * What every command is given.
 *
 * @module
 */
import {
  CONFIG_VARIABLE,
  lacksToken,
  loadConfig,
  type LoadedConfig,
  type ProgramSettings,
  type Role,
  TOKEN_EXPECTED,
  TOKEN_PATTERN,
} from "../config/mod.ts";
import { TunnelError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import type { Logger } from "../log.ts";
import type { Runtime } from "../runtime/types.ts";
import { UsageError } from "./exit.ts";
import { configureLogging } from "./logging.ts";
import type { Output } from "./output.ts";
import { canPrompt, promptSecret } from "./prompt.ts";

/** The world outside of the program. */
export interface CliContext {
  /** The JavaScript runtime. */
  readonly runtime: Runtime;
  /** Results, for people and for other programs. */
  readonly out: Output;
  /** Problems and the log. */
  readonly err: Output;
}

/** A configuration file, read. */
export interface ConfigFile {
  /** Its name as it was given. */
  readonly path: string;
  /** Its content. */
  readonly text: string;
}

/**
 * Reads a configuration file.
 *
 * @param context The world.
 * @param path Its name.
 * @throws {TunnelError} code `CONFIG` when it cannot be read.
 */
export async function readConfigFile(context: CliContext, path: string): Promise<ConfigFile> {
  try {
    return { path, text: await context.runtime.readTextFile(path) };
  } catch (error) {
    throw new TunnelError("CONFIG", `${path}: Cannot read the configuration: ${explainFileError(error)}`);
  }
}

/**
 * Loads a role's configuration from the file that `--config` or the environment names, the environment and the flags.
 *
 * @param context The world.
 * @param role Whose configuration.
 * @param flags The flags that were given.
 * @throws {TunnelError} code `CONFIG` with everything that is wrong.
 */
export async function loadFrom<R extends Role>(
  context: CliContext,
  role: R,
  flags: ReadonlyMap<string, string | true>,
): Promise<LoadedConfig<R>> {
  const { runtime } = context;
  const given = flags.get("--config");
  const path = typeof given === "string" ? given : runtime.env(CONFIG_VARIABLE);
  const file = path === undefined || path === "" ? undefined : await readConfigFile(context, path);
  return loadConfig(role, {
    ...(file === undefined ? {} : { file }),
    environment: (name) => runtime.env(name),
    flags,
    machineName: runtime.hostname(),
  });
}

/** Asks for a secret on the terminal. Only where {@linkcode canPrompt} holds. */
export function askSecret({ runtime, err }: CliContext, question: string): Promise<string> {
  return promptSecret(question, { show: (text) => err.text(text), exit: (code) => runtime.exit(code) });
}

/**
 * Asks for the token when the configuration has none and somebody can be asked.
 *
 * @param context The world.
 * @param loaded The configuration.
 * @returns The token, or undefined when it need not or cannot be asked for.
 * @throws {UsageError} when what was typed cannot be a token.
 */
export async function tokenFromPrompt(
  context: CliContext,
  loaded: LoadedConfig<Role>,
): Promise<string | undefined> {
  if (!lacksToken(loaded) || !canPrompt()) return undefined;
  const token = await askSecret(context, "Token: ");
  if (!TOKEN_PATTERN.test(token)) throw new UsageError(`Expected ${TOKEN_EXPECTED}`);
  return token;
}

/**
 * Sets up the log as the configuration wants it.
 *
 * @param context The world.
 * @param settings The configuration.
 * @returns The program's logger.
 */
export function startLogging(context: CliContext, settings: ProgramSettings): Logger {
  const { runtime, err } = context;
  return configureLogging({
    level: settings.logLevel,
    format: settings.logFormat,
    color: runtime.isTerminal() && (runtime.env("NO_COLOR") ?? "") === "",
    writeLine: (line) => err.line(line),
  });
}
