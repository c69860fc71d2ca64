/**
 * Flags, made from the table of settings so that flag, variable, help and documentation cannot disagree.
 *
 * @module
 */
import { type Command, Option } from "@commander-js/extra-typings";
import { CONFIG_VARIABLE, defaultOf, meaningOf, type Role, type Setting, SETTINGS } from "../config/mod.ts";
import { UsageError } from "./exit.ts";

/** What is said to a token on the command line. */
export const TOKEN_REFUSED: string =
  "The token is not taken from the command line, where everybody on this machine can read it: set FERROTUNNEL_TOKEN, " +
  "give --token-file, or start on a terminal to be asked for it";

/** Options of {@linkcode addSettings}. */
export interface AddSettingsOptions {
  /** Whose settings. */
  readonly role: Role;
  /** Flags to leave out. @default none */
  readonly without?: readonly string[];
  /** Whether a configuration file can be named. @default true */
  readonly config?: boolean;
}

/**
 * Gives a command the flags of a role.
 *
 * @param command The command.
 * @param options Which flags.
 * @returns Reads the flags that were given, after parsing, by name such as `--bind`.
 */
export function addSettings(
  command: Command,
  options: AddSettingsOptions,
): () => Map<string, string | true> {
  const { role, without = [], config = true } = options;
  const flagOf = new Map<string, string>();
  const add = (flag: string, argument: string | undefined, description: string, repeatable = false): void => {
    const option = new Option(argument === undefined ? flag : `${flag} <${argument}>`, description);
    flagOf.set(option.attributeName(), flag);
    if (repeatable) option.argParser((value, before: string | undefined) => appendTo(before, value));
    command.addOption(option);
  };
  if (config) add("--config", "file", `YAML configuration file (env ${CONFIG_VARIABLE})`);
  for (const setting of SETTINGS[role]) {
    if (setting.flag === undefined || without.includes(setting.flag)) continue;
    add(setting.flag, setting.argument, describeSetting(role, setting), setting.repeatable);
  }
  return () => {
    const flags = new Map<string, string | true>();
    for (const [attribute, value] of Object.entries(command.opts())) {
      const flag = flagOf.get(attribute);
      if (flag !== undefined && (typeof value === "string" || value === true)) flags.set(flag, value);
    }
    return flags;
  };
}

/** Lists are written with commas, however often their flag is given. */
function appendTo(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}

/** The help of a setting: meaning, variable, default. */
function describeSetting(role: Role, setting: Setting): string {
  const fallback = defaultOf(role, setting.path);
  const notes = [`env ${setting.variable}`];
  if (fallback !== undefined && fallback !== false) notes.push(`default ${[fallback].flat().join(",")}`);
  const meaning = setting.meaning ?? meaningOf(role, setting.path);
  return `${meaning.replaceAll("`", "")} (${notes.join(", ")})`;
}

/**
 * Lets a command recognize `--token`, so that it can be refused without being repeated in a message.
 *
 * @param command The command.
 */
export function addRefusedToken(command: Command): void {
  command.addOption(new Option("--token [value]").hideHelp());
}

/**
 * Refuses a token on the command line.
 *
 * @param options What a command was given.
 * @throws {UsageError} when there is one.
 */
export function refuseToken(options: object): void {
  if (Object.hasOwn(options, "token")) throw new UsageError(TOKEN_REFUSED);
}
