/**
 * The FerroTunnel program written in Rust: where it is, and how it is started on loopback.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { ChildProgram } from "../support/child_program.ts";
import { LONG } from "../support/long.ts";
import { freePort } from "../support/programs.ts";

const LOOPBACK = "127.0.0.1";
/** A flag that only the Rust program's server has: ours may be installed under the same name. */
const TELLING_FLAG = "--tls-client-auth";

/** The token that everybody is given unless told otherwise. */
export const TOKEN = "correct-horse-battery-staple";
/** How long after a lost or refused connection the Rust client dials again, with room for a busy machine. */
export const RUST_RETRY_MS = 5_000;

/** Its path; undefined when it is not on the PATH. */
export const rustProgram: string | undefined = findRustProgram();
/** Why tests that start it are skipped, or undefined. */
export const withoutRust: string | undefined = rustProgram === undefined
  ? "needs the Rust ferrotunnel on the PATH"
  : undefined;
/** Why tests that take minutes are skipped, or undefined. */
export const unlessLong: string | undefined = withoutRust ??
  (LONG ? undefined : "takes minutes; set FERROTUNNEL_LONG=1");

/** Paths of PEM files for one side. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** Options of {@linkcode startRustServer}. */
export interface RustServerOptions {
  /** @default {@linkcode TOKEN} */
  readonly token?: string;
  /** Speaks TLS; with a `ca` it demands client certificates. */
  readonly tls?: TlsFiles;
  /** The ports of an earlier one, to come back to. */
  readonly ports?: Pick<RustServer, "port" | "visitorsPort" | "httpPort">;
}

/** A Rust server that listens. */
export interface RustServer {
  readonly program: ChildProgram;
  /** Where clients connect. */
  readonly port: number;
  /** Where TCP visitors come in. */
  readonly visitorsPort: number;
  /** Where HTTP visitors come in. */
  readonly httpPort: number;
}

/** Starts the Rust server on loopback and waits until it listens. It says which port it was told, so it is told a real one. */
export async function startRustServer(options: RustServerOptions = {}): Promise<RustServer> {
  const { token = TOKEN, tls } = options;
  const ports = options.ports ??
    { port: await freePort(), visitorsPort: await freePort(), httpPort: await freePort() };
  const args = [
    ...["server", "--bind", `${LOOPBACK}:${ports.port}`, "--tcp-bind", `${LOOPBACK}:${ports.visitorsPort}`],
    ...["--http-bind", `${LOOPBACK}:${ports.httpPort}`],
    ...tlsFlags(tls),
    ...tls?.ca === undefined ? [] : [TELLING_FLAG],
  ];
  const program = new ChildProgram([rustProgram ?? "", ...args], { env: { FERROTUNNEL_TOKEN: token } });
  try {
    await program.line(/ Server listening on/);
    await program.line(/TCP Ingress listening on/);
    await program.line(/HTTP Ingress listening on/);
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
  return { program, ...ports };
}

/** Options of {@linkcode startRustClient}. */
export interface RustClientOptions {
  /** The server's port. */
  readonly serverPort: number;
  /** The service's port. */
  readonly localPort: number;
  /** @default one that the client makes up */
  readonly tunnelId?: string;
  /** @default {@linkcode TOKEN} */
  readonly token?: string;
  /** Speaks TLS, trusting `ca`; `cert` and `key` are shown to the server. */
  readonly tls?: TlsFiles;
}

/** Starts the Rust client without waiting for anything. */
export function startRustClient(options: RustClientOptions): ChildProgram {
  const { serverPort, localPort, tunnelId, token = TOKEN, tls } = options;
  const args = [
    ...["client", "--server", `${LOOPBACK}:${serverPort}`, "--local-addr", `${LOOPBACK}:${localPort}`],
    "--no-dashboard",
    ...tunnelId === undefined ? [] : ["--tunnel-id", tunnelId],
    ...tls === undefined ? [] : ["--tls", ...tlsFlags(tls), "--tls-server-name", "localhost"],
  ];
  return new ChildProgram([rustProgram ?? "", ...args], { env: { FERROTUNNEL_TOKEN: token } });
}

/** What the Rust client says once the server has let it in. */
export const RUST_CLIENT_IN = /Handshake successful/;

function tlsFlags(tls: TlsFiles = {}): string[] {
  return Object.entries(tls).flatMap(([name, path]) => [`--tls-${name}`, path]);
}

function findRustProgram(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "ferrotunnel")).find((path) =>
    existsSync(path) && isRust(path)
  );
}

function isRust(path: string): boolean {
  try {
    return execFileSync(path, ["server", "--help"], { stdio: ["ignore", "pipe", "ignore"] }).includes(
      TELLING_FLAG,
    );
  } catch {
    return false;
  }
}
