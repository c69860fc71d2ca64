/**
 * bore, the smallest complete tunnel in Rust: no multiplexer, no TLS.
 *
 * @module
 */
import { freePorts, isTaken, untilItCarries, untilTaken } from "./ports.ts";
import { START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/** It can listen for clients nowhere else. */
const CONTROL_PORT = 7835;

const HOST = "127.0.0.1";

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

async function startBore(program: string, { programs, servicePort }: Surroundings): Promise<Tunnel> {
  const [visitorPort] = await freePorts(1);
  if (visitorPort === undefined) throw new Error("Cannot find a free port");
  if (await isTaken(CONTROL_PORT)) {
    throw new Error(`Port ${CONTROL_PORT}, the only one bore can use, is in use`);
  }
  const env = { RUST_LOG: "error" };
  const server = programs.startWithManyFiles([program, "server", "--bind-addr", HOST], { env });
  // Its client tries only once.
  await untilTaken(CONTROL_PORT, START_MS);
  const service = [String(servicePort), "--local-host", HOST, "--to", HOST, "--port", String(visitorPort)];
  const client = programs.startWithManyFiles([program, "local", ...service], { env });
  await untilItCarries(visitorPort, START_MS);
  return { port: visitorPort, server, client };
}
