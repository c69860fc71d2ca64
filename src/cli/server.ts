/**
 * `ferrotunnel server`: runs a server.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { FileReload } from "../app/file_reload.ts";
import { systemClock } from "../clock.ts";
import {
  type ConfigChange,
  diffServer,
  type LoadedConfig,
  type ResolvedConfig,
  resolveServer,
} from "../config/mod.ts";
import { formatAddress } from "../format_address.ts";
import type { RunningServer } from "../app/server.ts";
import type { Logger } from "../log.ts";
import type { ServerOptions, TlsFiles } from "../tunnel/options.ts";
import { type CliContext, loadFrom, startLogging, tokenFromPrompt } from "./context.ts";
import { addSettings } from "./options.ts";
import { changesSince } from "./reloader.ts";
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
  const token = await tokenFromPrompt(context, loaded);
  const resolve = (config: LoadedConfig<"server">): Promise<ResolvedConfig<ServerOptions>> =>
    resolveServer(config, {
      readTextFile: (path) => runtime.readTextFile(path),
      importModule: (path) => runtime.importModule(path),
      token,
    });
  const resolved = await resolve(loaded);
  const logger = startLogging(context, resolved);
  let server: RunningServer | undefined;
  let tlsFiles: FileReload<TlsFiles> | undefined;
  const start = async (): Promise<RunningServer> => {
    // Loaded late, so that help and checks do not wait for the tunnel.
    const { startServer } = await import("../app/server.ts");
    server = await startServer(resolved.options, { runtime, logger });
    const tls = resolved.options.tls === undefined ? "plain TCP" : "TLS";
    out.line(`clients    ${formatAddress(server.address)} (${tls})`);
    if (server.fingerprint !== undefined) out.line(`pin        ${server.fingerprint}`);
    if (server.tcpAddress !== undefined) out.line(`visitors   ${formatAddress(server.tcpAddress)}`);
    if (server.httpAddress !== undefined) out.line(`http       ${formatAddress(server.httpAddress)}`);
    if (server.httpsAddress !== undefined) out.line(`https      ${formatAddress(server.httpsAddress)}`);
    tlsFiles = watchTls(server, { logger, resolved });
    return server;
  };
  const started = { loaded, resolved };
  let current = started;
  const reload = async (): Promise<readonly ConfigChange[]> => {
    const next = await loadFrom(context, "server", flags);
    const wanted = { loaded: next, resolved: await resolve(next) };
    const changes = changesSince(started, current, wanted, diffServer);
    if (server !== undefined) {
      const [options, before] = [wanted.resolved.options, current.resolved.options];
      await takeChanges(server, { options, before, changes });
    }
    await tlsFiles?.now();
    current = wanted;
    return changes;
  };
  try {
    await runUntilStopped({ context, logger, admin: resolved.admin, start, reload });
  } finally {
    tlsFiles?.close();
  }
}

/** Takes everything, or nothing: certificates are put back when the rest is refused. */
async function takeChanges(
  server: RunningServer,
  { options, before, changes }: {
    readonly options: ServerOptions;
    readonly before: ServerOptions;
    readonly changes: readonly ConfigChange[];
  },
): Promise<void> {
  const taken: ("clients" | "visitors")[] = [];
  try {
    for (const change of changes) {
      if (change.type !== "certificates_changed") continue;
      takeCertificates(server, change.of, options);
      taken.push(change.of);
    }
    await server.reload(options);
  } catch (error) {
    for (const of of taken) takeCertificates(server, of, before);
    throw error;
  }
}

function takeCertificates(
  server: RunningServer,
  of: "clients" | "visitors",
  { tls, http }: ServerOptions,
): void {
  if (of === "visitors") server.setCertificates(http?.https?.certificates ?? []);
  else if (tls !== undefined) server.setTls(tls);
}

/** Has the server take its TLS files anew when they change. Whoever gets it closes it. */
function watchTls(
  server: RunningServer,
  options: { logger: Logger; resolved: ResolvedConfig<ServerOptions> },
): FileReload<TlsFiles> | undefined {
  const { logger, resolved: { readTls, options: { tls = {} } } } = options;
  if (readTls === undefined) return undefined;
  return new FileReload({
    what: "TLS files",
    content: tls,
    read: readTls,
    take: (files) => server.setTls(files),
    logger,
    clock: systemClock,
  });
}
