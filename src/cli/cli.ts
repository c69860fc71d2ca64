/**
 * The command line: arguments in, exit code out.
 *
 * @module
 */
import { Command } from "@commander-js/extra-typings";
import { CommanderError } from "commander";
import type { Runtime } from "../runtime/types.ts";
import { checkCommand } from "./check.ts";
import { clientCommand } from "./client.ts";
import type { CliContext } from "./context.ts";
import { errorLines, EXIT, EXIT_HELP, exitCodeOf, UsageError } from "./exit.ts";
import { addRefusedToken, refuseToken, TOKEN_REFUSED } from "./options.ts";
import { Output } from "./output.ts";
import { fingerprintCommand } from "./fingerprint.ts";
import { hashPasswordCommand } from "./hash_password.ts";
import { httpCommand } from "./http.ts";
import { keyCommand } from "./key.ts";
import { reloadCommand } from "./reload.ts";
import { schemaCommand } from "./schema.ts";
import { serverCommand } from "./server.ts";
import { tcpCommand } from "./tcp.ts";
import { tokenCommand } from "./token.ts";
import { versionCommand, versionLine } from "./version.ts";

/** Columns of the help. A fixed number, so that it reads the same everywhere. */
const HELP_COLUMNS = 110;
/** How long the end of the program waits for its last lines to be written. */
const FLUSH_TIMEOUT_MS = 1000;

const HELP = `
Examples:
  ferrotunnel server --token-file token.txt
  ferrotunnel tcp 22 --server tunnel.example.com --token-file token.txt
  ferrotunnel http 8080 --server tunnel.example.com --host app.example.com --token-file token.txt
  ferrotunnel check --config server.yaml

${EXIT_HELP}`;

/**
 * Runs the program.
 *
 * @param runtime The JavaScript runtime.
 * @returns The exit code, when all output is written.
 */
export async function runCli(runtime: Runtime): Promise<number> {
  const output = (descriptor: 1 | 2): Output => new Output((bytes) => runtime.writeOutput(descriptor, bytes));
  const context: CliContext = { runtime, out: output(1), err: output(2) };
  const code = await runArguments(context, runtime.args());
  await Promise.all([context.out.flush(FLUSH_TIMEOUT_MS), context.err.flush(FLUSH_TIMEOUT_MS)]);
  return code;
}

/**
 * Runs one command.
 *
 * @param context The world.
 * @param args The arguments after the program's name.
 * @returns The exit code. Never rejects: errors have become lines.
 */
export async function runArguments(context: CliContext, args: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = buildProgram(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.ok;
    if (thrown instanceof CommanderError && thrown.code === "commander.help" && !args.includes("--token")) {
      context.err.line(program.helpInformation().trimEnd());
      return EXIT.usage;
    }
    const error = thrown instanceof CommanderError ? usageError(thrown, helpCall(program, args)) : thrown;
    for (const line of errorLines(error)) context.err.line(line);
    return exitCodeOf(error);
  }
}

/** One line, without anything that could be a secret in a mistyped flag. */
function usageError(error: CommanderError, help: string): UsageError {
  if (error.code === "commander.help") return new UsageError(TOKEN_REFUSED);
  let message = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  if (error.code === "commander.unknownOption") message = message.replace(/=[^']*'/, "'");
  if (error.code === "commander.excessArguments") message = message.replace(/: .*$/, "");
  message = message.replace(/^./, (letter) => letter.toUpperCase()).replace(/\.$/, "");
  return new UsageError(`${message}; see ${help}`);
}

/** The call that shows the help of the command that was tried. */
function helpCall(program: Command, args: readonly string[]): string {
  const name = program.commands.map((command) => command.name()).find((candidate) =>
    args.includes(candidate)
  );
  return ["ferrotunnel", name, "--help"].filter((part) => part !== undefined).join(" ");
}

function buildProgram(context: CliContext, finish: (code: number) => void): Command {
  const program = new Command("ferrotunnel");
  program.description("A reverse tunnel: services of a private network at a public address");
  program.version(versionLine(context), "-V, --version", "print the version");
  program.addHelpText("after", HELP);
  const commands: Command[] = [
    serverCommand(context),
    clientCommand(context),
    tcpCommand(context),
    httpCommand(context),
    checkCommand(context, finish),
    fingerprintCommand(context),
    hashPasswordCommand(context),
    reloadCommand(context, finish),
    tokenCommand(context),
    keyCommand(context),
    schemaCommand(context),
    versionCommand(context),
  ];
  for (const command of commands) {
    program.addCommand(command);
  }
  // Where a flag stands decides which of the two commands takes it.
  program.hook("preAction", (_, command) => [program, command].forEach((taker) => refuseToken(taker.opts())));
  for (const command of [program, ...commands]) {
    addRefusedToken(command);
    command.exitOverride().helpOption("-h, --help", "show help").configureOutput({
      writeOut: (text) => context.out.text(text),
      // Errors are thrown, and written in one place.
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => HELP_COLUMNS,
      getErrHelpWidth: () => HELP_COLUMNS,
      // Answered here, so that no environment variable needs to be read for it.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  }
  return program;
}
