/**
 * What `ferrotunnel tcp` and `ferrotunnel http` have in common: a client for the one service that an argument names.
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

/** Options of {@linkcode oneServiceCommand}. */
export interface OneServiceOptions {
  /** Names the command, and is what the service speaks. */
  readonly type: "tcp" | "http";
  readonly description: string;
  /** Printed behind the flags. */
  readonly examples: string;
  /** Flags of a client that make no sense here, besides those that the argument stands for. */
  readonly without: readonly string[];
  /** A port as people would give it, for the message about a wrong one. */
  readonly examplePort: number;
  /** Adds to the flags what this kind of service needs. */
  readonly complete?: (flags: Map<string, string | true>) => void;
}

/**
 * Makes a command for one service.
 *
 * @param context The world.
 * @param options What is different from one kind to the other.
 */
export function oneServiceCommand(context: CliContext, options: OneServiceOptions): Command {
  const { type, description, examples, examplePort, complete } = options;
  const command = new Command(type).description(description);
  command.argument("<service>", "port of this machine, or host:port");
  const without = ["--local-addr", "--type", ...options.without];
  const readFlags = addSettings(command, { role: "client", without, config: false });
  command.addHelpText("after", examples);
  command.action(async () => {
    const flags = readFlags();
    const service = command.args[0] ?? "";
    const local = parseAddress(service, { defaultHost: "127.0.0.1" });
    if (local === undefined) {
      const got = escapeControls(JSON.stringify(service));
      throw new UsageError(
        `Expected a port such as ${examplePort}, or an address such as 192.168.1.10:${examplePort}, but got ${got}`,
      );
    }
    flags.set("--local-addr", formatAddress(local));
    flags.set("--type", type);
    complete?.(flags);
    await runClient(context, flags);
  });
  return command;
}
