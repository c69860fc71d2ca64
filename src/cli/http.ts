/**
 * `ferrotunnel http`: shows one HTTP service, in one short line.
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
  FERROTUNNEL_TOKEN=… ferrotunnel http 8080 --server tunnel.example.com --host app.example.com
  ferrotunnel http 192.168.1.10:3000 --server tunnel.example.com --name web --token-file token.txt
  ferrotunnel http 9000 --server tunnel.example.com --host app.example.com --path /api --token-file token.txt`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function httpCommand(context: CliContext): Command {
  const command = new Command("http").description(
    "Run a client for one HTTP service; without --host it gets its name below the server's domain",
  );
  command.argument("<service>", "port of this machine, or host:port");
  const without = ["--local-addr", "--type", "--remote-port", "--mode"];
  const readFlags = addSettings(command, { role: "client", without, config: false });
  command.addHelpText("after", EXAMPLES);
  command.action(async () => {
    const flags = readFlags();
    const service = command.args[0] ?? "";
    const local = parseAddress(service, { defaultHost: "127.0.0.1" });
    if (local === undefined) {
      const got = escapeControls(JSON.stringify(service));
      throw new UsageError(
        `Expected a port such as 8080, or an address such as 192.168.1.10:8080, but got ${got}`,
      );
    }
    flags.set("--local-addr", formatAddress(local));
    flags.set("--type", "http");
    await runClient(context, flags);
  });
  return command;
}
