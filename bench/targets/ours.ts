/**
 * This project's own tunnel, started through its command line, and the way without any tunnel.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findBun, findDeno, ROOT } from "../../scripts/tools.ts";
import type { RuntimeName } from "../arguments.ts";
import { START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/** Both sides log little: a peer is started so, too. */
const QUIET = ["--log-level", "warning"];

/** The visitor connects to the service itself. */
export const noTunnel: Target = {
  id: "none",
  name: "no tunnel",
  tls: false,
  isOurs: true,
  start: ({ servicePort }) => Promise.resolve({ port: servicePort }),
};

/**
 * This project's tunnel.
 *
 * @param runtime What both sides run on.
 * @param tls Whether they speak TLS with each other.
 */
export function ours(runtime: RuntimeName, tls: boolean): Target {
  return {
    id: `ferrotunnel-${runtime}${tls ? "-tls" : ""}`,
    name: `FerroTunnel, ${runtime === "deno" ? "Deno" : "Bun"}`,
    tls,
    isOurs: true,
    start: (surroundings) => startOurs(surroundings, { runtime, tls }),
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
  { programs, servicePort, certificates }: Surroundings,
  { runtime, tls }: { readonly runtime: RuntimeName; readonly tls: boolean },
): Promise<Tunnel> {
  const command = commandOf(runtime);
  const env = { FERROTUNNEL_TOKEN: "bench" };
  if (tls && certificates === undefined) throw new Error("Cannot speak TLS without certificates");
  const serverTls = tls && certificates
    ? ["--tls-cert", certificates.certificate, "--tls-key", certificates.key]
    : [];
  const clientTls = tls && certificates
    ? ["--tls", "--tls-ca", certificates.authority, "--tls-server-name", certificates.serverName]
    : [];
  const server = programs.startWithManyFiles(
    [...command, "server", "--bind", "127.0.0.1:0", "--service-host", "127.0.0.1", ...serverTls, ...QUIET],
    { env },
  );
  const [, address = ""] = await server.line(/^clients\s+(\S+)/, START_MS);
  const service = ["--local-addr", `127.0.0.1:${servicePort}`, "--remote-port", "0"];
  const client = programs.startWithManyFiles(
    [...command, "client", "--server", address, ...service, ...clientTls, ...QUIET],
    { env },
  );
  const [, port] = await client.line(/→ tcp:\/\/.*:(\d+)/, START_MS);
  return { port: Number(port), server, client };
}
