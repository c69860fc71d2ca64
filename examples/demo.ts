/**
 * The whole thing in one process: a server, a client, and a small local web service that becomes public through them.
 *
 * Stays until Ctrl-C; with `--once` it ends after it has checked the public address with a real request.
 *
 * @module
 */
import { startClient, startServer } from "../mod.ts";
import { runtime } from "../src/runtime/mod.ts";

const LOOPBACK = "127.0.0.1";
/** Browsers keep connections open for minutes; the demo does not wait for them when it ends. */
const limits = { drainTimeoutMs: 500 };

/** Starts everything, checks it, and waits unless `once`. */
async function main(once: boolean): Promise<void> {
  const page = "Hello from a service that only the tunnel can reach.\n";
  const service = await runtime.serveHttp({ hostname: LOOPBACK, port: 0, fetch: () => new Response(page) });

  const token = crypto.randomUUID();
  const server = await startServer({
    bind: { hostname: LOOPBACK, port: 0 },
    serviceHost: LOOPBACK,
    tokens: [{ name: "demo", token }],
    limits,
  });
  const client = startClient({
    server: server.address,
    token,
    services: [{ name: "web", kind: "tcp", local: service.address, remotePort: 0 }],
    limits,
  });
  const [web] = await client.ready;
  if (web?.publicUrl === undefined) throw new Error(`The service was refused: ${web?.error}`);
  const url = web.publicUrl.replace("tcp:", "http:");

  console.log(`local service   http://${LOOPBACK}:${service.address.port}`);
  console.log(`tunnel server   ${LOOPBACK}:${server.address.port}`);
  console.log(`public address  ${url}`);

  const response = await fetch(url);
  const body = await response.text();
  const right = response.status === 200 && body === page;
  console.log(
    `check           ${right ? "ok" : "FAILED"}: ${response.status}, ${body.length} bytes through the tunnel`,
  );

  if (right && !once) {
    console.log("\nOpen the public address in a browser, or fetch it with curl. Ctrl-C ends the demo.");
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

await main(runtime.args().includes("--once"));
