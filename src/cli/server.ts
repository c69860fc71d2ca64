/**
 * `ferrotunnel server`: runs a server.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { resolveServer } from "../config/mod.ts";
import { formatAddress } from "../format_address.ts";
import type { RunningServer } from "../app/server.ts";
import { type CliContext, loadFrom, startLogging, tokenFromPrompt } from "./context.ts";
import { addSettings } from "./options.ts";
import { runUntilStopped } from "./run_until_stopped.ts";

const EXAMPLES = `
Examples:
  FERROTUNNEL_TOKEN=… ferrotunnel server
  ferrotunnel server --bind 0.0.0.0:7835 --allow-ports 2222,20000-30000 --token-file token.txt
  ferrotunnel server --config server.yaml --log-format json`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function serverCommand(context: CliContext): Command {
  const command = new Command("server").description(
    "Run a server: where clients connect and visitors arrive",
  );
  const readFlags = addSettings(command, { role: "server" });
  command.addHelpText("after", EXAMPLES);
  command.action(() => runServer(context, readFlags()));
  return command;
}

async function runServer(context: CliContext, flags: ReadonlyMap<string, string | true>): Promise<void> {
  const { runtime, out } = context;
  const loaded = await loadFrom(context, "server", flags);
  const resolved = await resolveServer(loaded, {
    readTextFile: (path) => runtime.readTextFile(path),
    token: await tokenFromPrompt(context, loaded),
  });
  const logger = startLogging(context, resolved);
  const start = async (): Promise<RunningServer> => {
    // Loaded late, so that help and checks do not wait for the tunnel.
    const { startServer } = await import("../app/server.ts");
    const server = await startServer(resolved.options, { runtime, logger });
    const tls = resolved.options.tls === undefined ? "plain TCP" : "TLS";
    out.line(`clients    ${formatAddress(server.address)} (${tls})`);
    if (server.tcpAddress !== undefined) out.line(`visitors   ${formatAddress(server.tcpAddress)}`);
    return server;
  };
  await runUntilStopped({ context, logger, admin: resolved.admin, start });
}
