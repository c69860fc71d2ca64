/**
 * `ferrotunnel hash-password`: hashes a password for the plugin that asks visitors for one.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { hashPassword } from "../plugins/password.ts";
import { askSecret, type CliContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { canPrompt } from "./prompt.ts";
import { readSecretLine } from "./standard_input.ts";

const NOTES = `
Prints one line for \`users\` or \`usersFile\` of a plugin of type basic. The password is asked for on a terminal;
otherwise it is the first line of standard input. It is never an argument, which others on the machine could see.

Examples:
  ferrotunnel hash-password
  printf '%s\\n' "$PASSWORD" | ferrotunnel hash-password`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function hashPasswordCommand(context: CliContext): Command {
  const command = new Command("hash-password").description(
    "Hash a password for the plugin that asks for one",
  );
  command.addHelpText("after", NOTES);
  command.action(async () => {
    const password = canPrompt() ? await typedTwice(context) : await readSecretLine("a password");
    if (password === "") throw new UsageError("Expected a password in the first line of standard input");
    context.out.line(await hashPassword(password));
  });
  return command;
}

/** Nobody sees what is typed, and nobody can read it again from the hash. */
async function typedTwice(context: CliContext): Promise<string> {
  const password = await askSecret(context, "Password: ");
  if (await askSecret(context, "Again: ") === password) return password;
  throw new UsageError("The two passwords differ");
}
