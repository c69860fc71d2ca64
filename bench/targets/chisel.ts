/**
 * chisel, a tunnel in Go: SSH over WebSocket, so that its bytes are always enciphered.
 *
 * @module
 */
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/**
 * chisel with its default settings and reverse tunnels allowed.
 *
 * @param program Its executable.
 */
export function chisel(program: string): Target {
  return {
    id: "chisel",
    name: "chisel (SSH)",
    tls: false,
    isOurs: false,
    start: (surroundings) => startChisel(program, surroundings),
  };
}

async function startChisel(
  program: string,
  { programs, server: serverHost, client: clientHost, visitors, servicePort, speaks }: Surroundings,
): Promise<Tunnel> {
  const [controlPort, visitorPort] = await freePorts(2);
  const server = programs.startWithManyFiles(
    [program, "server", "--host", serverHost.address, "--port", String(controlPort), "--reverse"],
    { within: serverHost.within },
  );
  await visitors.until("taken", { port: controlPort, host: serverHost.address, withinMs: START_MS });
  const client = programs.startWithManyFiles(
    [
      ...[program, "client", `http://${serverHost.address}:${controlPort}`],
      `R:${LOOPBACK}:${visitorPort}:${LOOPBACK}:${servicePort}`,
    ],
    { within: clientHost.within },
  );
  await visitors.until(speaks, { port: visitorPort, withinMs: START_MS });
  return { port: visitorPort, server, client };
}
