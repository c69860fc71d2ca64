/**
 * rathole, a tunnel in Rust without a multiplexer: a connection of its own for every visitor.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/**
 * rathole with its default settings.
 *
 * @param program Its executable.
 * @param tls Whether both sides speak TLS with each other.
 */
export function rathole(program: string, tls: boolean): Target {
  return {
    id: `rathole${tls ? "-tls" : ""}`,
    name: "rathole",
    tls,
    isOurs: false,
    start: (surroundings) => startRathole(program, tls, surroundings),
  };
}

async function startRathole(
  program: string,
  tls: boolean,
  surroundings: Surroundings,
): Promise<Tunnel> {
  const { programs, folder, server: serverHost, client: clientHost } = surroundings;
  const { visitors, servicePort, speaks, certificates } = surroundings;
  const [controlPort, visitorPort] = await freePorts(2);
  if (tls && certificates === undefined) throw new Error("Cannot speak TLS without certificates");
  const serverFile = join(folder, `rathole-server-${controlPort}.toml`);
  const clientFile = join(folder, `rathole-client-${controlPort}.toml`);
  const serverTls = tls && certificates
    ? `[server.transport]
type = "tls"
[server.transport.tls]
pkcs12 = ${JSON.stringify(certificates.bundle)}
pkcs12_password = ${JSON.stringify(certificates.bundlePassword)}
`
    : "";
  const clientTls = tls && certificates
    ? `[client.transport]
type = "tls"
[client.transport.tls]
trusted_root = ${JSON.stringify(certificates.authority)}
hostname = ${JSON.stringify(certificates.serverName)}
`
    : "";
  writeFileSync(
    serverFile,
    `[server]
bind_addr = "${serverHost.address}:${controlPort}"
${serverTls}[server.services.bench]
token = "bench"
bind_addr = "${LOOPBACK}:${visitorPort}"
`,
  );
  writeFileSync(
    clientFile,
    `[client]
remote_addr = "${serverHost.address}:${controlPort}"
${clientTls}[client.services.bench]
token = "bench"
local_addr = "${LOOPBACK}:${servicePort}"
`,
  );
  const env = { RUST_LOG: "error" };
  const server = programs.startWithManyFiles([program, serverFile], { env, within: serverHost.within });
  // A client that is refused waits a second before it tries again.
  await visitors.until("taken", { port: controlPort, host: serverHost.address, withinMs: START_MS });
  const client = programs.startWithManyFiles([program, clientFile], { env, within: clientHost.within });
  await visitors.until(speaks, { port: visitorPort, withinMs: START_MS });
  return { port: visitorPort, server, client };
}
