/**
 * FerroTunnel's own program in processes of its own, as a user runs it: `src/main.ts` under Deno, with exactly the
 * permissions of the `ferrotunnel` task, or under Bun.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findBun, findDeno, ROOT } from "../../scripts/tools.ts";
import { runtimeName } from "../harness.ts";
import { ChildProgram, type ChildProgramOptions } from "./child_program.ts";

/** What the program runs on. */
export type RuntimeName = "deno" | "bun";

/** On what a server and its client run. */
export interface Mix {
  readonly server: RuntimeName;
  readonly client: RuntimeName;
}

/** The mixes that this run of the tests covers; the run on the other runtime covers the others. */
export const MIXES: readonly Mix[] = [
  { server: runtimeName, client: "deno" },
  { server: runtimeName, client: "bun" },
];

/** "deno server, bun client", for names of tests. */
export function nameOf({ server, client }: Mix): string {
  return `${server} server, ${client} client`;
}

/** The token that servers and clients are given unless told otherwise. */
export const TOKEN = "correct-horse-battery-staple";
/** The token of admin endpoints, where an argument asks for one. */
export const ADMIN_TOKEN = "admin-battery-staple";
const LOOPBACK = "127.0.0.1";

/** The arguments of `deno` in the `ferrotunnel` task, up to the program: `run`, permissions, file. */
export function taskArguments(): string[] {
  const { tasks } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8"));
  const [deno, ...args] = String(tasks.ferrotunnel.command).split(" ");
  if (deno !== "deno" || args[0] !== "run") {
    throw new Error(`Expected deno run in ${tasks.ferrotunnel.command}`);
  }
  return args;
}

/** The command that runs the program from source, without its own arguments. */
export function programCommand(runtime: RuntimeName): string[] {
  if (runtime === "bun") return [findBun(), "run", "src/main.ts"];
  const [run = "run", ...rest] = taskArguments();
  // Without a terminal there is nobody to ask, but a prompt must be an error even if there were.
  return [findDeno(), run, "--no-prompt", ...rest];
}

/** Options of {@linkcode startProgram}. */
export interface StartProgramOptions {
  /** What it runs on. */
  readonly runtime: RuntimeName;
  /** The program, in place of the one from source, for instance a compiled one. */
  readonly command?: readonly string[];
  /** Arguments put behind the ones that the test's helper chose. */
  readonly args?: readonly string[];
  /** The token, in the environment. @default TOKEN */
  readonly token?: string;
}

/** Starts the program with any arguments. */
export function startProgram(args: readonly string[], options: StartProgramOptions): ChildProgram {
  const { runtime, command = programCommand(runtime), token = TOKEN } = options;
  const child: ChildProgramOptions = {
    env: { FERROTUNNEL_TOKEN: token, FERROTUNNEL_ADMIN_TOKEN: ADMIN_TOKEN },
  };
  return new ChildProgram([...command, ...args, ...options.args ?? []], child);
}

/** Options of {@linkcode startServerProcess}. */
export interface StartServerOptions extends StartProgramOptions {
  /** The port for clients. @default 0, the system chooses */
  readonly port?: number;
}

/** A server that listens. */
export interface ServerProcess {
  readonly program: ChildProgram;
  /** Where clients connect. */
  readonly port: number;
  /** The shared port, when the arguments ask for one. */
  readonly visitorsPort: number | undefined;
}

/**
 * Starts a server on loopback and waits until it listens.
 *
 * @param options Runtime, port, further arguments.
 * @throws {Error} with its output when it ends before
 */
export async function startServerProcess(options: StartServerOptions): Promise<ServerProcess> {
  const bind = ["--bind", `${LOOPBACK}:${options.port ?? 0}`, "--service-host", LOOPBACK];
  const program = startProgram(["server", ...bind], options);
  return await readyOrGone(program, async () => {
    const port = portIn(await program.line(/^clients +\S+:(\d+) \((?:plain TCP|TLS)\)$/));
    if (!options.args?.includes("--tcp-bind")) return { program, port, visitorsPort: undefined };
    return { program, port, visitorsPort: portIn(await program.line(/^visitors +\S+:(\d+)$/)) };
  });
}

/** Options of {@linkcode startClientProcess}. */
export interface StartClientOptions extends StartProgramOptions {
  /** The server's port. */
  readonly serverPort: number;
  /** The port of the service on this machine. */
  readonly localPort: number;
  /** Its public port. @default 0, the server picks */
  readonly remotePort?: number;
  /** The service's name. @default "web" */
  readonly name?: string;
}

/** A client whose service can be reached. */
export interface ClientProcess {
  readonly program: ChildProgram;
  /** Where visitors reach the service. */
  readonly publicPort: number;
}

/** Starts a client without waiting for anything. */
export function launchClientProcess(options: StartClientOptions): ChildProgram {
  const { serverPort, localPort, remotePort = 0, name = "web" } = options;
  const server = ["--server", `${LOOPBACK}:${serverPort}`, "--local-addr", `${LOOPBACK}:${localPort}`];
  return startProgram(["client", ...server, "--remote-port", String(remotePort), "--name", name], options);
}

/**
 * Starts a client and waits until its service can be reached.
 *
 * @param options Runtime, ports, further arguments.
 * @throws {Error} with its output when it ends before
 */
export async function startClientProcess(options: StartClientOptions): Promise<ClientProcess> {
  const program = launchClientProcess(options);
  return await readyOrGone(program, async () => {
    const publicPort = portIn(await program.line(/^\S+ +127\.0\.0\.1:\d+ → tcp:\/\/127\.0\.0\.1:(\d+)$/));
    return { program, publicPort };
  });
}

/** A program that does not become ready is stopped here: nobody else knows of it yet. */
async function readyOrGone<T>(program: ChildProgram, ready: () => Promise<T>): Promise<T> {
  try {
    return await ready();
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

function portIn(match: RegExpExecArray): number {
  return Number(match[1]);
}
