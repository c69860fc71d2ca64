/**
 * The FerroTunnel of version 1, in Rust: one connection, streams without windows.
 *
 * @module
 */
import { HTTP_NAME } from "../load/http.ts";
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/** A flag that only its server has: ours may be installed under the same name. */
export const TELLING_FLAG = "--tls-client-auth";

/**
 * FerroTunnel 1 with its default settings, among them 100 new streams a second and 10 MB/s from the client to the server.
 *
 * @param program Its executable.
 */
export function ferrotunnel(program: string): Target {
  return {
    id: "ferrotunnel-rust",
    name: "FerroTunnel 1, Rust",
    tls: false,
    isOurs: false,
    start: (surroundings) => startFerrotunnel(program, surroundings),
  };
}

async function startFerrotunnel(
  program: string,
  { programs, server: serverHost, client: clientHost, visitors, servicePort, speaks }: Surroundings,
): Promise<Tunnel> {
  const [controlPort, visitorPort, httpPort] = await freePorts(3);
  const control = `${serverHost.address}:${controlPort}`;
  const env = { FERROTUNNEL_TOKEN: "bench", RUST_LOG: "error" };
  const server = programs.startWithManyFiles(
    [
      ...[program, "server", "--bind", control],
      ...["--tcp-bind", `${LOOPBACK}:${visitorPort}`, "--http-bind", `${LOOPBACK}:${httpPort}`],
    ],
    { env, within: serverHost.within },
  );
  await visitors.until("taken", { port: controlPort, host: serverHost.address, withinMs: START_MS });
  const service = ["--local-addr", `${LOOPBACK}:${servicePort}`, "--tunnel-id", HTTP_NAME];
  const client = programs.startWithManyFiles(
    [program, "client", "--server", control, "--no-dashboard", ...service],
    { env, within: clientHost.within },
  );
  await visitors.until(speaks, { port: visitorPort, withinMs: START_MS });
  if (speaks === "http") await visitors.until("http", { port: httpPort, withinMs: START_MS });
  return { port: visitorPort, httpPort, server, client };
}
