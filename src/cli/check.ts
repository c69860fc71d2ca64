/**
 * `ferrotunnel check`: says whether a configuration is right, and what it comes to.
 *
 * @module
 */
import { Command, Option } from "@commander-js/extra-typings";
import {
  CONFIG_VARIABLE,
  escapeControls,
  lacksToken,
  recognizeRole,
  renderConfig,
  resolveClient,
  type ResolveOptions,
  resolveServer,
  type Role,
  ROLES,
} from "../config/mod.ts";
import { TunnelError } from "../errors.ts";
import { type CliContext, loadFrom, readConfigFile } from "./context.ts";
import { errorLines, EXIT, UsageError } from "./exit.ts";
import { explainHttpServer, explainHttpServices } from "./explain_http.ts";

const NOTES = `
Prints every value of the configuration with its origin, secrets as ***, and ends with 0; or prints what is wrong
and ends with 1. The environment counts as it would for the server or client.

Examples:
  ferrotunnel check --config server.yaml
  ferrotunnel check --config common.yaml --role client`;

/**
 * Makes the command.
 *
 * @param context The world.
 * @param finish Takes the exit code.
 */
export function checkCommand(context: CliContext, finish: (code: number) => void): Command {
  const command = new Command("check").description("Check a configuration file and show what it comes to");
  const config = new Option("--config <file>", `YAML configuration file (env ${CONFIG_VARIABLE})`);
  const role = new Option("--role <role>", "whose configuration it is; told from its keys when left out")
    .choices(ROLES);
  command.addOption(config).addOption(role).addHelpText("after", NOTES);
  command.action(async () => {
    const options: Record<string, unknown> = command.opts();
    const path = options.config ?? context.runtime.env(CONFIG_VARIABLE);
    if (typeof path !== "string" || path === "") {
      throw new UsageError("Give the file to check: --config FILE");
    }
    try {
      await check(context, path, ROLES.find((candidate) => candidate === options.role));
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      for (const line of errorLines(error)) context.err.line(line);
      finish(EXIT.failed);
    }
  });
  return command;
}

async function check(context: CliContext, path: string, givenRole: Role | undefined): Promise<void> {
  const { text } = await readConfigFile(context, path);
  const role = givenRole ?? recognizeRole(text, path);
  if (role === undefined) {
    throw new TunnelError(
      "CONFIG",
      `${path}: Cannot tell whose configuration this is: give --role server or --role client`,
    );
  }
  const flags = new Map([["--config", path]]);
  // The files that it names are read too: a missing one is better found now.
  const files: ResolveOptions = {
    readTextFile: (file) => context.runtime.readTextFile(file),
    importModule: (file) => context.runtime.importModule(file),
  };
  let overview: string;
  let explanation: string[];
  if (role === "server") {
    const loaded = await loadFrom(context, role, flags);
    const { options } = await resolveServer(loaded, { ...files, token: stand(lacksToken(loaded)) });
    overview = renderConfig(loaded);
    explanation = explainHttpServer(options.http);
  } else {
    const loaded = await loadFrom(context, role, flags);
    const { options } = await resolveClient(loaded, { ...files, token: stand(lacksToken(loaded)) });
    overview = renderConfig(loaded);
    explanation = explainHttpServices(options.services);
  }
  context.out.line(`${escapeControls(path)} is a valid ${role} configuration\n`);
  context.out.line(overview);
  for (const line of explanation) context.out.line(escapeControls(line));
}

/** Stands in for a token that will be typed or set when the program is started. */
function stand(needed: boolean): string | undefined {
  return needed ? "later" : undefined;
}
