/**
 * `ferrotunnel tcp`: shows one TCP service, in one short line.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { escapeControls, parseAddress } from "../config/mod.ts";
import { formatAddress } from "../format_address.ts";
import { runClient } from "./client.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit.ts";
import { addSettings } from "./options.ts";

const EXAMPLES = `
Examples:
  FERROTUNNEL_TOKEN=… ferrotunnel tcp 22 --server tunnel.example.com
  ferrotunnel tcp 192.168.1.10:5432 --server tunnel.example.com --remote-port 15432 --name database`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function tcpCommand(context: CliContext): Command {
  const command = new Command("tcp").description(
    "Run a client for one TCP service; without --remote-port the server picks",
  );
  command.argument("<service>", "port of this machine, or host:port");
  const without = ["--local-addr", "--type", "--host", "--path", "--rewrite-host"];
  const readFlags = addSettings(command, { role: "client", without, config: false });
  command.addHelpText("after", EXAMPLES);
  command.action(async () => {
    const flags = readFlags();
    const service = command.args[0] ?? "";
    const local = parseAddress(service, { defaultHost: "127.0.0.1" });
    if (local === undefined) {
      const got = escapeControls(JSON.stringify(service));
      throw new UsageError(
        `Expected a port such as 22, or an address such as 192.168.1.10:22, but got ${got}`,
      );
    }
    flags.set("--local-addr", formatAddress(local));
    flags.set("--type", "tcp");
    const fromEnvironment = context.runtime.env("FERROTUNNEL_REMOTE_PORT") ?? "";
    if (!flags.has("--remote-port") && fromEnvironment === "") flags.set("--remote-port", "0");
    await runClient(context, flags);
  });
  return command;
}
