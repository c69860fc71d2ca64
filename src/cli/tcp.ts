/**
 * `ferrotunnel tcp`: shows one TCP service, in one short line.
 *
 * @module
 */
import type { Command } from "@commander-js/extra-typings";
import type { CliContext } from "./context.ts";
import { oneServiceCommand } from "./one_service.ts";

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
  return oneServiceCommand(context, {
    type: "tcp",
    description: "Run a client for one TCP service; without --remote-port the server picks",
    examples: EXAMPLES,
    without: ["--host", "--path", "--rewrite-host"],
    examplePort: 22,
    complete: (flags) => {
      const fromEnvironment = context.runtime.env("FERROTUNNEL_REMOTE_PORT") ?? "";
      if (!flags.has("--remote-port") && fromEnvironment === "") flags.set("--remote-port", "0");
    },
  });
}
