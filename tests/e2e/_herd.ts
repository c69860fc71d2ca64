/**
 * Many clients in one process, started through the library. Its argument is a {@linkcode HerdPlan} as JSON; it writes a line
 * for everything that happens to a client, and stops them all on SIGTERM.
 *
 * @module
 */
import { startClient } from "../../src/app/client.ts";
import { runtime } from "../../src/runtime/mod.ts";

/** What the herd does. */
export interface HerdPlan {
  readonly serverPort: number;
  readonly localPort: number;
  readonly token: string;
  /** One for each client. */
  readonly remotePorts: readonly number[];
}

if (import.meta.main) {
  const plan: HerdPlan = JSON.parse(runtime.args()[0] ?? "");
  const loopback = "127.0.0.1";
  const clients = plan.remotePorts.map((remotePort, index) =>
    startClient({
      server: { hostname: loopback, port: plan.serverPort },
      token: plan.token,
      tunnelId: `client-${index}`,
      services: [{
        name: `service-${index}`,
        kind: "tcp",
        local: { hostname: loopback, port: plan.localPort },
        remotePort,
      }],
    }, {
      onEvent: (event) => {
        if (event.type === "service_ready") console.log(`ready ${index} ${event.publicUrl}`);
        if (event.type === "service_refused") console.log(`refused ${index} ${event.reason}`);
        if (event.type === "disconnected") console.log(`lost ${index} ${event.reason}`);
      },
    })
  );
  await new Promise<void>((resolve) => runtime.onSignal("SIGTERM", resolve));
  await Promise.all(clients.map((client) => client.stop()));
  runtime.exit(0);
}
