/**
 * `ferrotunnel token`: makes a token and its hash, or hashes one that there is.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { Command, Option } from "@commander-js/extra-typings";
import { TOKEN_EXPECTED, TOKEN_PATTERN } from "../config/mod.ts";
import { hashToken } from "../tunnel/authenticator.ts";
import { askSecret, type CliContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { canPrompt } from "./prompt.ts";
import { readSecretLine } from "./standard_input.ts";
import { MIN_TOKEN_BITS, tokenBits } from "./token_strength.ts";

const NOTES = `
Prints a token of 256 random bits, for the client, and its hash, for \`tokens\` in the server's configuration. With
--hash it prints the hash of a token that there is: asked for on a terminal, otherwise the first line of standard
input. It is never an argument, which others on the machine could see.

Examples:
  ferrotunnel token
  ferrotunnel token --hash < token.txt`;

const TOKEN_BYTES = 32;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function tokenCommand(context: CliContext): Command {
  const command = new Command("token").description("Make a token for a client, and its hash for the server");
  const hash = new Option("--hash", "hash a token that there is, in place of making one");
  const weak = new Option(
    "--allow-weak",
    `take a token that can have less than ${MIN_TOKEN_BITS} random bits`,
  );
  command.addOption(hash).addOption(weak).addHelpText("after", NOTES);
  command.action(async () => {
    const options = new Map<string, unknown>(Object.entries(command.opts()));
    const allowWeak = options.get("allowWeak") === true;
    if (options.get("hash") === true) {
      const token = await (canPrompt() ? askSecret(context, "Token: ") : readSecretLine("a token"));
      context.out.line(hashToken(checked(token, allowWeak)));
      return;
    }
    if (allowWeak) throw new UsageError("--allow-weak has no effect without --hash");
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    context.out.line(`token  ${token}`);
    context.out.line(`hash   ${hashToken(token)}`);
  });
  return command;
}

function checked(token: string, allowWeak: boolean): string {
  if (!TOKEN_PATTERN.test(token)) throw new UsageError(`Expected ${TOKEN_EXPECTED}`);
  if (allowWeak || tokenBits(token) >= MIN_TOKEN_BITS) return token;
  throw new UsageError(
    `The token can be found from its hash: it has less than ${MIN_TOKEN_BITS} random bits. Let \`ferrotunnel token\` ` +
      "make one, or give --allow-weak",
  );
}
