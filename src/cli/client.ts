/**
 * `ferrotunnel client`: runs a client.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { resolveClient } from "../config/mod.ts";
import type { RunningClient } from "../app/client.ts";
import { type CliContext, loadFrom, startLogging, tokenFromPrompt } from "./context.ts";
import { addSettings } from "./options.ts";
import { runUntilStopped } from "./run_until_stopped.ts";
import { ServiceBoard } from "./service_board.ts";

const EXAMPLES = `
Examples:
  FERROTUNNEL_TOKEN=… ferrotunnel client --server tunnel.example.com --local-addr 127.0.0.1:22 --remote-port 2222
  ferrotunnel client --config client.yaml
  ferrotunnel client --server tunnel.example.com --tls --tls-ca ca.pem --local-addr 8080 --token-file token.txt`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function clientCommand(context: CliContext): Command {
  const command = new Command("client").description(
    "Run a client: shows services of this network at a server",
  );
  const readFlags = addSettings(command, { role: "client" });
  command.addHelpText("after", EXAMPLES);
  command.action(() => runClient(context, readFlags()));
  return command;
}

/**
 * Runs a client until it is asked to stop.
 *
 * @param context The world.
 * @param flags The flags that were given.
 * @throws {TunnelError} when the configuration is wrong or the server refuses the client for good.
 */
export async function runClient(
  context: CliContext,
  flags: ReadonlyMap<string, string | true>,
): Promise<void> {
  const { runtime, out } = context;
  const loaded = await loadFrom(context, "client", flags);
  const resolved = await resolveClient(loaded, {
    readTextFile: (path) => runtime.readTextFile(path),
    token: await tokenFromPrompt(context, loaded),
  });
  const logger = startLogging(context, resolved);
  const board = new ServiceBoard(resolved.options.services, (line) => out.line(line));
  const start = async (): Promise<RunningClient> => {
    // Loaded late, so that help and checks do not wait for the tunnel.
    const { startClient } = await import("../app/client.ts");
    return startClient(resolved.options, { runtime, logger, onEvent: (event) => board.take(event) });
  };
  await runUntilStopped({ context, logger, admin: resolved.admin, start });
}
