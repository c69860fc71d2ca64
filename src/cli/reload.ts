/**
 * `ferrotunnel reload`: has a server or client that runs here read its configuration again.
 *
 * @module
 */
import { Command, Option } from "@commander-js/extra-typings";
import { CONFIG_VARIABLE, recognizeRole, type Role, ROLES } from "../config/mod.ts";
import { describeError, TunnelError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import { formatAddress } from "../format_address.ts";
import type { SocketAddress } from "../runtime/types.ts";
import { type CliContext, loadFrom, readConfigFile } from "./context.ts";
import { EXIT, UsageError } from "./exit.ts";

const NOTES = `
Asks the admin endpoint that the configuration names (admin.bind), with its token, and prints what has changed. The
program reads the file that it was started with. On a file with mistakes it goes on as it was; they are printed, and
the exit code is 1. SIGHUP does the same, with the answer in the program's log.

Examples:
  ferrotunnel reload --config server.yaml
  FERROTUNNEL_ADMIN_TOKEN=… ferrotunnel reload --admin-bind 127.0.0.1:4040`;

/** A program that has so many certificates to read that it takes longer is not working. */
const TIMEOUT_MS = 30_000;

/**
 * Makes the command.
 *
 * @param context The world.
 * @param finish Takes the exit code.
 */
export function reloadCommand(context: CliContext, finish: (code: number) => void): Command {
  const command = new Command("reload").description(
    "Have a running server or client read its configuration again",
  );
  const options = [
    new Option("--config <file>", `YAML configuration file (env ${CONFIG_VARIABLE})`),
    new Option("--role <role>", "whose configuration it is; told from its keys when left out").choices(ROLES),
    new Option("--admin-bind <address>", "where its admin endpoint is (env FERROTUNNEL_ADMIN_BIND)"),
    new Option(
      "--admin-token-file <file>",
      "file with the admin endpoint's token (env FERROTUNNEL_ADMIN_TOKEN_FILE)",
    ),
  ];
  for (const option of options) command.addOption(option);
  command.addHelpText("after", NOTES);
  command.action(async () => {
    const given = new Map<string, unknown>(Object.entries(command.opts()));
    const flags = new Map<string, string>();
    for (const [name, flag] of FLAGS) {
      const value = given.get(name);
      if (typeof value === "string") flags.set(flag, value);
    }
    const role = ROLES.find((candidate) => candidate === given.get("role"));
    finish(await reload(context, flags, role));
  });
  return command;
}

const FLAGS = [
  ["config", "--config"],
  ["adminBind", "--admin-bind"],
  ["adminTokenFile", "--admin-token-file"],
] as const;

async function reload(
  context: CliContext,
  flags: ReadonlyMap<string, string>,
  givenRole: Role | undefined,
): Promise<number> {
  const { address, token } = await findEndpoint(context, flags, givenRole);
  const url = `http://${formatAddress(reachable(address))}/api/v1/reload`;
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.json();
  } catch (error) {
    throw new TunnelError("CONNECTION", `Cannot ask the admin endpoint at ${url}: ${describeError(error)}`);
  }
  const { changes, problems, error } = answerOf(answer);
  if (response.ok) {
    for (const text of changes) context.out.line(text);
    if (changes.length === 0) context.out.line("Nothing has changed");
    return EXIT.ok;
  }
  const lines = problems.length > 0
    ? problems
    : [`error: The admin endpoint answered ${response.status}: ${error}`];
  for (const line of lines) context.err.line(line);
  return EXIT.failed;
}

async function findEndpoint(
  context: CliContext,
  flags: ReadonlyMap<string, string>,
  givenRole: Role | undefined,
): Promise<{ readonly address: SocketAddress; readonly token: string }> {
  const { runtime } = context;
  const path = flags.get("--config") ?? runtime.env(CONFIG_VARIABLE) ?? "";
  const file = path === "" ? undefined : await readConfigFile(context, path);
  const role = givenRole ?? (file === undefined ? "server" : recognizeRole(file.text, path)) ?? "server";
  const { admin } = (await loadFrom(context, role, flags)).config;
  if (admin?.bind === undefined || admin.bind.port === 0) {
    throw new UsageError(
      "Give the admin endpoint: --admin-bind, or --config with admin.bind and a port that is not 0",
    );
  }
  const token = admin.token ?? await readToken(context, admin.tokenFile);
  if (token === undefined) {
    throw new UsageError("Give the admin token: FERROTUNNEL_ADMIN_TOKEN, --admin-token-file or --config");
  }
  return { address: admin.bind, token };
}

async function readToken({ runtime }: CliContext, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await runtime.readTextFile(file)).replace(/[\r\n]+$/, "");
  } catch (error) {
    throw new TunnelError("CONFIG", `${file}: Cannot read the admin token: ${explainFileError(error)}`);
  }
}

/** An endpoint on all addresses is reached by this machine's own. */
function reachable({ hostname, port }: SocketAddress): SocketAddress {
  if (hostname === "0.0.0.0") return { hostname: "127.0.0.1", port };
  return hostname === "::" ? { hostname: "::1", port } : { hostname, port };
}

/** Only what has the expected form is printed. */
function answerOf(answer: unknown): { changes: string[]; problems: string[]; error: string } {
  const fields = new Map<string, unknown>(Object.entries(answer ?? {}));
  const changes = listOf(fields.get("changes")).map((change) =>
    String(new Map(Object.entries(change ?? {})).get("text"))
  );
  return {
    changes,
    problems: listOf(fields.get("problems")).map(String),
    error: String(fields.get("error")),
  };
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
