/**
 * `ferrotunnel http`: shows one HTTP service, in one short line.
 *
 * @module
 */
import type { Command } from "@commander-js/extra-typings";
import type { CliContext } from "./context.ts";
import { oneServiceCommand } from "./one_service.ts";

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
  return oneServiceCommand(context, {
    type: "http",
    description:
      "Run a client for one HTTP service; without --host it gets its name below the server's domain",
    examples: EXAMPLES,
    without: ["--remote-port", "--mode"],
    examplePort: 8080,
  });
}
