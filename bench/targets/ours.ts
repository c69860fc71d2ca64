/**
 * This project's own tunnel, started through its command line, and the way without any tunnel.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findBun, findDeno, ROOT } from "../../scripts/tools.ts";
import type { RuntimeName } from "../arguments.ts";
import { HTTP_NAME } from "../load/http.ts";
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/** Both sides log little: a peer is started so, too. */
const QUIET = ["--log-level", "warning"];

const TITLES = { deno: "Deno", bun: "Bun" } as const;

/** The visitor connects to the service itself. */
export const noTunnel: Target = {
  id: "none",
  name: "no tunnel",
  tls: false,
  isOurs: true,
  start: ({ servicePort, client }) =>
    Promise.resolve({ port: servicePort, ...(client.within.length > 0 ? { host: client.address } : {}) }),
};

/** How visitors share the way between client and server, by the flags that say so. */
const MODES = {
  multiplexed: [],
  direct: ["--mode", "direct"],
  "4 connections": ["--connections", "4"],
} as const;

/** One of the ways in which visitors can share the way between client and server. */
export type Mode = keyof typeof MODES;

/** The modes that a client has to be told. */
export const OTHER_MODES: readonly Mode[] = ["direct", "4 connections"];

/**
 * This project's tunnel.
 *
 * @param runtime What both sides run on.
 * @param options `tls`: whether they speak TLS with each other; `mode`: how visitors share the way.
 */
export function ours(
  runtime: RuntimeName,
  { tls, mode = "multiplexed" }: { readonly tls: boolean; readonly mode?: Mode },
): Target {
  const suffix = mode === "multiplexed" ? "" : `, ${mode}`;
  return {
    id: `ferrotunnel-${runtime}${tls ? "-tls" : ""}${suffix.replaceAll(/[ ,]+/g, "-")}`,
    name: `FerroTunnel, ${TITLES[runtime]}${suffix}`,
    tls,
    isOurs: true,
    onlyTcp: mode !== "multiplexed",
    start: (surroundings) => startOurs(surroundings, { command: commandOf(runtime), tls, mode }),
  };
}

/**
 * This project's tunnel as one file; only its start is measured, since it runs the same code.
 *
 * @param runtime What is inside of the file.
 * @param program The file.
 */
export function oursCompiled(runtime: RuntimeName, program: string): Target {
  return {
    id: `ferrotunnel-${runtime}-compiled`,
    name: `FerroTunnel, compiled with ${TITLES[runtime]}`,
    tls: false,
    isOurs: true,
    onlyStart: true,
    start: (surroundings) => startOurs(surroundings, { command: [program], tls: false, mode: "multiplexed" }),
  };
}

/**
 * The command that runs the program from source.
 *
 * @param runtime What it runs on.
 * @throws {Error} when `deno.json` has no such task any more, or the runtime is not there.
 */
export function commandOf(runtime: RuntimeName): readonly string[] {
  if (runtime === "bun") return [findBun(), "run", join(ROOT, "src", "main.ts")];
  // As everybody runs it from source: with the permissions of the task.
  const { tasks } = JSON.parse(readFileSync(join(ROOT, "deno.json"), "utf8")) as {
    tasks: Record<string, { command: string }>;
  };
  const words = tasks["ferrotunnel"]?.command.split(" ") ?? [];
  const script = words.pop();
  if (words[0] !== "deno" || script !== "src/main.ts") {
    throw new Error(
      `Expected the task ferrotunnel to run src/main.ts with deno but it is '${words.join(" ")}'`,
    );
  }
  return [findDeno(), ...words.slice(1), join(ROOT, script)];
}

async function startOurs(
  surroundings: Surroundings,
  { command, tls, mode }: { readonly command: readonly string[]; readonly tls: boolean; readonly mode: Mode },
): Promise<Tunnel> {
  const { programs, server: serverHost, client: clientHost, visitors, certificates, speaks } = surroundings;
  const env = { FERROTUNNEL_TOKEN: "bench" };
  if (tls && certificates === undefined) throw new Error("Cannot speak TLS without certificates");
  const serverTls = tls && certificates
    ? ["--tls-cert", certificates.certificate, "--tls-key", certificates.key]
    : [];
  const clientTls = tls && certificates
    ? ["--tls", "--tls-ca", certificates.authority, "--tls-server-name", certificates.serverName]
    : [];
  const http = speaks === "http" ? await writeHttpFiles(surroundings) : undefined;
  const server = programs.startWithManyFiles(
    [
      ...[...command, "server", "--bind", `${serverHost.address}:0`, "--service-host", LOOPBACK],
      ...[...serverTls, ...http?.serverFlags ?? [], ...QUIET],
    ],
    { env, within: serverHost.within },
  );
  const [, address = ""] = await server.line(/^clients\s+(\S+)/, START_MS);
  const local = `${LOOPBACK}:${surroundings.servicePort}`;
  const service = ["--local-addr", local, "--remote-port", "0", ...MODES[mode]];
  const client = programs.startWithManyFiles(
    [...command, "client", "--server", address, ...http?.clientFlags ?? service, ...clientTls, ...QUIET],
    { env, within: clientHost.within },
  );
  const [, port] = await client.line(/→ tcp:\/\/.*:(\d+)/, START_MS);
  await visitors.until(speaks, { port: Number(port), withinMs: START_MS });
  if (http === undefined) return { port: Number(port), server, client };
  await visitors.until("http", { port: http.port, withinMs: START_MS });
  return { port: Number(port), httpPort: http.port, server, client };
}

/** What flags cannot say: the service once behind a port of its own, and once by its host name. */
async function writeHttpFiles(
  { folder, servicePort }: Surroundings,
): Promise<{
  readonly port: number;
  readonly serverFlags: readonly string[];
  readonly clientFlags: readonly string[];
}> {
  const [port] = await freePorts(1);
  const serverFile = join(folder, `ferrotunnel-server-${port}.yaml`);
  const clientFile = join(folder, `ferrotunnel-client-${port}.yaml`);
  writeFileSync(serverFile, `http:\n  bind: ${LOOPBACK}:${port}\n`);
  writeFileSync(
    clientFile,
    `services:
  tcp:
    type: tcp
    local: ${servicePort}
    remotePort: 0
  web:
    type: http
    local: ${servicePort}
    hosts: [${HTTP_NAME}]
`,
  );
  return { port, serverFlags: ["--config", serverFile], clientFlags: ["--config", clientFile] };
}
