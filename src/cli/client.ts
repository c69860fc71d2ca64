/**
 * `ferrotunnel client`: runs a client.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import {
  type ConfigChange,
  diffClient,
  type LoadedConfig,
  resolveClient,
  type ResolvedConfig,
} from "../config/mod.ts";
import type { RunningClient } from "../app/client.ts";
import type { ClientEvent } from "../tunnel/events.ts";
import type { ClientOptions } from "../tunnel/options.ts";
import { type CliContext, loadFrom, startLogging, tokenFromPrompt } from "./context.ts";
import { addSettings } from "./options.ts";
import { changesSince } from "./reloader.ts";
import { runUntilStopped } from "./run_until_stopped.ts";
import { ServiceBoard } from "./service_board.ts";

const EXAMPLES = `
Examples:
  FERROTUNNEL_TOKEN=… ferrotunnel client --server tunnel.example.com --local-addr 127.0.0.1:22 --remote-port 2222
  ferrotunnel client --config client.yaml
  ferrotunnel client --server tunnel.example.com --pin sha256:… --local-addr 8080 --token-file token.txt
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
  const token = await tokenFromPrompt(context, loaded);
  const resolve = (config: LoadedConfig<"client">): Promise<ResolvedConfig<ClientOptions>> =>
    resolveClient(config, { readTextFile: (path) => runtime.readTextFile(path), token });
  const resolved = await resolve(loaded);
  const logger = startLogging(context, resolved);
  let client: RunningClient | undefined;
  const board = new ServiceBoard(resolved.options.services, (line) => out.line(line));
  const start = async (): Promise<RunningClient> => {
    // Loaded late, so that help and checks do not wait for the tunnel.
    const { startClient } = await import("../app/client.ts");
    const { options, readTls } = resolved;
    const onEvent = (event: ClientEvent): void => board.take(event);
    return client = startClient(options, { runtime, logger, onEvent, ...(readTls && { readTls }) });
  };
  const started = { loaded, resolved };
  let current = started;
  const reload = async (): Promise<readonly ConfigChange[]> => {
    const next = await loadFrom(context, "client", flags);
    const wanted = { loaded: next, resolved: await resolve(next) };
    const changes = changesSince(started, current, wanted, diffClient);
    board.setServices(wanted.resolved.options.services);
    await client?.reload(wanted.resolved.options);
    current = wanted;
    return changes;
  };
  await runUntilStopped({ context, logger, admin: resolved.admin, start, reload });
}
