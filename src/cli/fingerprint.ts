/**
 * `ferrotunnel fingerprint`: prints what clients pin.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { stateDirectory } from "../app/own_identity.ts";
import { parseAddress } from "../config/mod.ts";
import { describeError, TunnelError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import { formatAddress } from "../format_address.ts";
import { fingerprintOfPem } from "../trust/fingerprint.ts";
import { readFingerprint } from "../trust/identity_store.ts";
import { DEFAULT_PORT } from "../tunnel/options.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit.ts";

const NOTES = `
Prints one line for --pin, or for tls.pins in a client's configuration: of the key in FILE (a certificate or a private
key, PEM), of the server at an address, or else of the key in the state directory of a server on this machine.

Examples:
  ferrotunnel fingerprint
  ferrotunnel fingerprint server.crt
  ferrotunnel fingerprint --server tunnel.example.com`;

/**
 * Makes the command.
 *
 * @param context The world.
 */
export function fingerprintCommand(context: CliContext): Command {
  const command = new Command("fingerprint").description("Print the fingerprint of a server's TLS key");
  command.argument("[file]", "certificate or private key, PEM")
    .option("--state-dir <directory>", "state directory of the server (env FERROTUNNEL_STATE_DIR)")
    .option("--server <address>", "ask the server at this address")
    .addHelpText("after", NOTES);
  command.action(async () => {
    const options: Record<string, unknown> = command.opts();
    const { stateDir, server } = options;
    const [file] = command.args;
    if ([file, stateDir, server].filter((given) => given !== undefined).length > 1) {
      throw new UsageError("Give one of a file, --state-dir and --server");
    }
    context.out.line(
      file !== undefined
        ? await ofFile(context, file)
        : typeof server === "string"
        ? await ofServer(context, server)
        : await ofStateDirectory(context, typeof stateDir === "string" ? stateDir : undefined),
    );
  });
  return command;
}

async function ofFile({ runtime }: CliContext, path: string): Promise<string> {
  let text: string;
  try {
    text = await runtime.readTextFile(path);
  } catch (error) {
    throw new TunnelError("CONFIG", `Cannot read ${path}: ${explainFileError(error)}`);
  }
  let fingerprint: string | undefined;
  try {
    fingerprint = fingerprintOfPem(text);
  } catch (error) {
    throw new TunnelError("CONFIG", `Cannot use ${path}: ${describeError(error)}`);
  }
  if (fingerprint !== undefined) return fingerprint;
  throw new TunnelError("CONFIG", `Expected PEM text with a certificate or a private key in ${path}`);
}

async function ofStateDirectory({ runtime }: CliContext, given: string | undefined): Promise<string> {
  const directory = given ?? (runtime.env("FERROTUNNEL_STATE_DIR") || stateDirectory(runtime));
  const fingerprint = await readFingerprint(directory);
  if (fingerprint !== undefined) return fingerprint;
  throw new TunnelError("CONFIG", `No key in ${directory}: a server with --tls makes one when it starts`);
}

async function ofServer({ runtime, err }: CliContext, text: string): Promise<string> {
  const address = parseAddress(text, { defaultPort: DEFAULT_PORT });
  if (address === undefined) {
    throw new UsageError(
      `Expected the address of a server such as tunnel.example.com:${DEFAULT_PORT} but got ${
        JSON.stringify(text)
      }`,
    );
  }
  const connection = await runtime.connect({ ...address, tls: { skipVerify: true } });
  const fingerprint = connection.peerFingerprint;
  connection.close();
  if (fingerprint === undefined) {
    throw new TunnelError("CONNECTION", `Cannot read the key of ${formatAddress(address)}`);
  }
  err.line(
    "This came over the network, where somebody may have answered in the server's place: compare it with",
  );
  err.line("what the server prints when it starts.");
  return fingerprint;
}
