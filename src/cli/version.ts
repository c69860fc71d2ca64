/**
 * `ferrotunnel version`.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { VERSION } from "../version.ts";
import type { CliContext } from "./context.ts";

/**
 * The line that tells the version.
 *
 * @param context The world.
 */
export function versionLine({ runtime }: CliContext): string {
  return `ferrotunnel ${VERSION} (${runtime.name} ${runtime.version})`;
}

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function versionCommand(context: CliContext): Command {
  const command = new Command("version").description("Print the version");
  command.action(() => context.out.line(versionLine(context)));
  return command;
}
