/**
 * `ferrotunnel schema`: prints the JSON Schema of a configuration file, for editors.
 *
 * @module
 */
import { Argument, Command } from "@commander-js/extra-typings";
import { jsonSchema, ROLES } from "../config/mod.ts";
import type { CliContext } from "./context.ts";

const EXAMPLES = `
Examples:
  ferrotunnel schema server > server.schema.json
  then put this line first in server.yaml:
  # yaml-language-server: $schema=server.schema.json`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function schemaCommand(context: CliContext): Command {
  const command = new Command("schema").description("Print the JSON Schema of a configuration file");
  command.addArgument(new Argument("<role>", "whose file").choices(ROLES));
  command.addHelpText("after", EXAMPLES);
  command.action(() => {
    const role = ROLES.find((candidate) => candidate === command.args[0]);
    if (role !== undefined) context.out.line(JSON.stringify(jsonSchema(role), null, 2));
  });
  return command;
}
