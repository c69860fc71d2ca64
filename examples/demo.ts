/**
 * The whole thing in one process: a server, a client, and a small local website that becomes public through them, once
 * by its host name and once on a port of its own.
 *
 * Stays until Ctrl-C; with `--once` it ends after it has checked the public addresses with real requests.
 *
 * @module
 */
import { get } from "node:http";
import { startClient, startServer } from "../mod.ts";
import { runtime } from "../src/runtime/mod.ts";
import { demoSite } from "./demo_site.ts";

const LOOPBACK = "127.0.0.1";
/** Browsers keep connections open for minutes; the demo does not wait for them when it ends. */
const limits = { drainTimeoutMs: 500 };

/** Starts everything, checks it, and waits unless `once`. */
async function main(once: boolean): Promise<void> {
  const service = await runtime.serveHttp({ hostname: LOOPBACK, port: 0, fetch: demoSite });

  const token = crypto.randomUUID();
  const server = await startServer({
    bind: { hostname: LOOPBACK, port: 0 },
    serviceHost: LOOPBACK,
    // Browsers lead every name below localhost to this machine.
    http: { bind: { hostname: LOOPBACK, port: 0 }, domain: "localhost" },
    tokens: [{ name: "demo", token }],
    limits,
  });
  const client = startClient({
    server: server.address,
    token,
    services: [
      { name: "demo", kind: "http", local: service.address },
      { name: "port", kind: "tcp", local: service.address, remotePort: 0 },
    ],
    limits,
  });
  const [byHost, byPort] = (await client.ready).map(({ name, publicUrl, error }) => {
    if (publicUrl === undefined) throw new Error(`The service ${name} was refused: ${error}`);
    return publicUrl;
  });
  const { httpAddress } = server;
  if (httpAddress === undefined || byHost === undefined || byPort === undefined) {
    throw new Error("A service has no public address");
  }

  console.log(`local service   http://${LOOPBACK}:${service.address.port}`);
  console.log(`tunnel server   ${LOOPBACK}:${server.address.port}`);
  console.log(`public, by host ${byHost}`);
  console.log(`public, by port ${byPort.replace("tcp:", "http:")}`);

  const forwarded = await askFields(`http://${LOOPBACK}:${httpAddress.port}/fields`, new URL(byHost).host);
  const direct = await askFields(`${byPort.replace("tcp:", "http:")}/fields`, "anything");
  const right = forwarded.includes("x-forwarded-for: 127.0.0.1") && direct.includes("host: anything");
  const bytes = forwarded.length + direct.length;
  console.log(`check           ${right ? "ok" : "FAILED"}: 2 answers, ${bytes} bytes through the tunnel`);

  if (right && !once) {
    console.log("\nOpen a public address in a browser, or fetch it with curl. Ctrl-C ends the demo.");
    await new Promise<void>((resolve) => {
      runtime.onSignal("SIGINT", resolve);
      runtime.onSignal("SIGTERM", resolve);
    });
  }
  await client.stop();
  await server.stop();
  await service.close();
  runtime.exit(right ? 0 : 1);
}

/** Asks for the header fields that the service sees. `fetch` lets nobody choose the host, and not every resolver knows it. */
function askFields(url: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { host }, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => text += piece);
      response.on("end", () => resolve(text)).on("error", reject);
    }).on("error", reject);
  });
}

await main(runtime.args().includes("--once"));
