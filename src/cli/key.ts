/**
 * `ferrotunnel key`: makes a key for a client, and prints what the server is told of it.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { openKeyFile } from "../trust/key_file.ts";
import type { CliContext } from "./context.ts";

const NOTES = `
Writes a private key, which only its owner can read, and prints the public one, for \`publicKey\` in \`keys\` of the
server's configuration. A key that is there already stays, and its public one is printed. The client is told the
file with \`keyFile\` or --key-file.

Examples:
  ferrotunnel key client.key`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function keyCommand(context: CliContext): Command {
  const command = new Command("key").description("Make a key for a client, in place of a token").argument(
    "<file>",
    "the file with the private key",
  );
  command.addHelpText("after", NOTES);
  command.action(async (file) => {
    const { publicKey, created } = await openKeyFile(file);
    if (!created) context.err.line(`${file} is there already and stays as it is`);
    context.out.line(publicKey.text);
  });
  // The argument is read above; to the others a command is one like any other.
  return command as unknown as Command;
}
