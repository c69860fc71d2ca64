/**
 * bore, the smallest complete tunnel in Rust: no multiplexer, no TLS.
 *
 * @module
 */
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/** It can listen for clients nowhere else. */
const CONTROL_PORT = 7835;

/**
 * bore with its default settings.
 *
 * @param program Its executable.
 */
export function bore(program: string): Target {
  return {
    id: "bore",
    name: "bore",
    tls: false,
    isOurs: false,
    start: (surroundings) => startBore(program, surroundings),
  };
}

async function startBore(
  program: string,
  { programs, server: serverHost, client: clientHost, visitors, servicePort, speaks }: Surroundings,
): Promise<Tunnel> {
  const [visitorPort] = await freePorts(1);
  const control = { port: CONTROL_PORT, host: serverHost.address };
  if (await visitors.until("taken", { ...control, withinMs: 0 }).then(() => true, () => false)) {
    throw new Error(`Port ${CONTROL_PORT}, the only one bore can use, is in use`);
  }
  const env = { RUST_LOG: "error" };
  const server = programs.startWithManyFiles(
    [program, "server", "--bind-addr", serverHost.address, "--bind-tunnels", LOOPBACK],
    { env, within: serverHost.within },
  );
  // Its client tries only once.
  await visitors.until("taken", { ...control, withinMs: START_MS });
  const service = [String(servicePort), "--local-host", LOOPBACK];
  const client = programs.startWithManyFiles(
    [program, "local", ...service, "--to", serverHost.address, "--port", String(visitorPort)],
    { env, within: clientHost.within },
  );
  await visitors.until(speaks, { port: visitorPort, withinMs: START_MS });
  return { port: visitorPort, server, client };
}
