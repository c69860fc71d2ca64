/**
 * Programs that people put behind a tunnel, started on loopback with a configuration of their own in a temporary folder.
 *
 * @module
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { findOnPath } from "../../scripts/tools.ts";
import { ChildProgram, PROGRAM_DEADLINE_MS, runProgram } from "./child_program.ts";

const LOOPBACK = "127.0.0.1";
/** Servers live there, and a user's path may leave them out. */
const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/** Below the ports that Linux gives to outgoing connections, so that nobody gets one by chance between two uses. */
const FIRST_PORT = 16_000;
const PORTS = 16_000;
const RETRY_MS = 20;

/**
 * Finds a program, also where only the system's administrator has it on the path.
 *
 * @param name The program.
 * @returns Its path, or undefined when it is not there.
 */
export function findProgram(name: string): string | undefined {
  const found = findOnPath(name);
  if (found !== undefined) return found;
  return SYSTEM_FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Says why a test cannot run.
 *
 * @param names The programs that it needs.
 * @returns The reason to skip it, or undefined.
 */
export function missing(...names: string[]): string | undefined {
  const lacking = names.filter((name) => findProgram(name) === undefined);
  return lacking.length === 0 ? undefined : `needs ${lacking.join(", ")}`;
}

/** The path of a program that {@linkcode missing} has found. @throws {Error} when it is not there */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`Cannot find ${name}`);
  return path;
}

/**
 * A port that is free now and that the system gives to nobody by itself: for programs that cannot be asked to choose one,
 * and for servers that have to come back to the same port.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

/** A server of somebody else. */
export interface ForeignServer {
  readonly program: ChildProgram;
  readonly port: number;
}

/**
 * Starts nginx, serving files.
 *
 * @param folder For its files; `www` in it is served.
 */
export async function startNginx(folder: string): Promise<ForeignServer> {
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${join(folder, "tmp")};`).join(" ");
  mkdirSync(join(folder, "tmp"), { recursive: true });
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${join(folder, "nginx.pid")}; error_log stderr warn;
events { worker_connections 512; }
http { access_log off; ${temporary} sendfile on;
  server { listen ${LOOPBACK}:${port}; root ${join(folder, "www")}; } }
`,
  );
  const command = [programPath("nginx"), "-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")];
  return await whenAccepting(new ChildProgram(command), port);
}

/** Starts redis without persistence. @param folder Its working directory. */
export async function startRedis(folder: string): Promise<ForeignServer> {
  const port = await freePort();
  const settings = [
    "--bind",
    LOOPBACK,
    "--port",
    String(port),
    "--dir",
    folder,
    "--save",
    "",
    "--appendonly",
    "no",
  ];
  return await whenAccepting(new ChildProgram([programPath("redis-server"), ...settings]), port);
}

/** Starts iperf3's server. */
export async function startIperf3(): Promise<ForeignServer> {
  const port = await freePort();
  const program = new ChildProgram([
    programPath("iperf3"),
    "-s",
    "-B",
    LOOPBACK,
    "-p",
    String(port),
    "--forceflush",
  ]);
  // Not probed by a connection: it would take that for its one client.
  await program.line(/Server listening on/);
  return { program, port };
}

/** An ssh server, and how to be let in. */
export interface SshServer extends ForeignServer {
  /** The command that runs `remote` through ssh on `port`. */
  command(port: number, remote: string): string[];
}

/**
 * Starts sshd for the current user, with keys of its own.
 *
 * @param folder For keys and configuration.
 */
export async function startSshd(folder: string): Promise<SshServer> {
  const port = await freePort();
  for (const key of ["host", "identity"]) {
    const { code, program } = await runProgram(
      [programPath("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", join(folder, key)],
    );
    if (code !== 0) throw new Error(program.output());
  }
  const settings: Record<string, string> = {
    Port: String(port),
    ListenAddress: LOOPBACK,
    HostKey: join(folder, "host"),
    AuthorizedKeysFile: join(folder, "identity.pub"),
    PidFile: "none",
    StrictModes: "no",
    UsePAM: "no",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    PermitRootLogin: "prohibit-password",
  };
  writeFileSync(
    join(folder, "sshd.conf"),
    Object.entries(settings).map(([name, value]) => `${name} ${value}\n`).join(""),
  );
  const sshd = [programPath("sshd"), "-D", "-e", "-f", join(folder, "sshd.conf")];
  const program = new ChildProgram(inPrivateRun(sshd));
  await program.line(/Server listening on/);
  const options = [
    ...["-F", "none", "-i", join(folder, "identity"), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
    ...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(folder, "known_hosts")}`],
    ...["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20"],
  ];
  const { program: id } = await runProgram(["id", "-un"]);
  const target = `${id.out[0]}@${LOOPBACK}`;
  return {
    program,
    port,
    command: (through, remote) => [programPath("ssh"), ...options, "-p", String(through), target, remote],
  };
}

/** Started by root, sshd wants a folder below /run; a private /run gives it one without touching the machine's. */
function inPrivateRun(sshd: readonly string[]): readonly string[] {
  if (process.getuid?.() !== 0 || existsSync("/run/sshd")) return sshd;
  const prepare = 'mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"';
  return [programPath("unshare"), "--mount", "sh", "-c", prepare, "sh", ...sshd];
}

/** Waits until the port is bound, and makes sure that it is this program that has bound it. */
async function whenAccepting(program: ChildProgram, port: number): Promise<ForeignServer> {
  const giveUpAt = performance.now() + PROGRAM_DEADLINE_MS;
  while (program.running && performance.now() < giveUpAt) {
    if (await accepts(port)) return { program, port };
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  await program[Symbol.asyncDispose]();
  throw new Error(`${program.name} does not accept on port ${port}:\n${program.output()}`);
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, LOOPBACK);
  const connected = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  const closed = new Promise<void>((resolve) =>
    socket.destroyed ? resolve() : socket.once("close", () => resolve())
  );
  socket.destroy();
  await closed;
  return connected;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, LOOPBACK, () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free;
}
