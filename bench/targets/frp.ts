/**
 * frp, the tunnel in Go that most people know: yamux over one connection.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HTTP_NAME } from "../load/http.ts";
import { freePorts } from "./ports.ts";
import { LOOPBACK, START_MS, type Surroundings, type Target, type Tunnel } from "./types.ts";

/**
 * frp with its default settings, but without TLS, which is on by default: the others beside it have none either.
 *
 * @param programs Its two executables.
 */
export function frp(programs: { readonly frps: string; readonly frpc: string }): Target {
  return {
    id: "frp",
    name: "frp",
    tls: false,
    isOurs: false,
    start: (surroundings) => startFrp(programs, surroundings),
  };
}

async function startFrp(
  { frps, frpc }: { readonly frps: string; readonly frpc: string },
  surroundings: Surroundings,
): Promise<Tunnel> {
  const { programs, folder, server: serverHost, client: clientHost } = surroundings;
  const { visitors, servicePort, speaks } = surroundings;
  const [controlPort, visitorPort, httpPort] = await freePorts(3);
  const serverFile = join(folder, `frps-${controlPort}.toml`);
  const clientFile = join(folder, `frpc-${controlPort}.toml`);
  writeFileSync(
    serverFile,
    `bindAddr = "${serverHost.address}"
bindPort = ${controlPort}
proxyBindAddr = "${LOOPBACK}"
vhostHTTPPort = ${httpPort}
auth.token = "bench"
transport.tcpMux = true
log.level = "error"
`,
  );
  writeFileSync(
    clientFile,
    `serverAddr = "${serverHost.address}"
serverPort = ${controlPort}
auth.token = "bench"
transport.tcpMux = true
transport.tls.enable = false
log.level = "error"

[[proxies]]
name = "tcp"
type = "tcp"
localIP = "${LOOPBACK}"
localPort = ${servicePort}
remotePort = ${visitorPort}

[[proxies]]
name = "http"
type = "http"
localIP = "${LOOPBACK}"
localPort = ${servicePort}
customDomains = ["${HTTP_NAME}"]
`,
  );
  const server = programs.startWithManyFiles([frps, "-c", serverFile], { within: serverHost.within });
  await visitors.until("taken", { port: controlPort, host: serverHost.address, withinMs: START_MS });
  const client = programs.startWithManyFiles([frpc, "-c", clientFile], { within: clientHost.within });
  await visitors.until(speaks, { port: visitorPort, withinMs: START_MS });
  if (speaks === "http") await visitors.until("http", { port: httpPort, withinMs: START_MS });
  return { port: visitorPort, httpPort, server, client };
}
