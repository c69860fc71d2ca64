/**
 * What one interoperation test starts, closed at its end in the opposite order.
 *
 * @module
 */
import { type RunningClient, startClient } from "../../src/app/client.ts";
import { type RunningServer, startServer } from "../../src/app/server.ts";
import type { SocketAddress } from "../../src/runtime/types.ts";
import type { ClientEvent, ServerEvent } from "../../src/tunnel/events.ts";
import type {
  ClientLimits,
  ClientOptions,
  Limits,
  ServerLimits,
  ServerOptions,
} from "../../src/tunnel/options.ts";
import type { ChildProgram } from "../support/child_program.ts";
import { until, within } from "../support/deadline.ts";
import { connectSocket, type RawSocket, type RawSocketOptions } from "../support/raw_socket.ts";
import {
  RUST_CLIENT_IN,
  type RustClientOptions,
  type RustServer,
  type RustServerOptions,
  startRustClient,
  startRustServer,
  TOKEN,
} from "./rust_program.ts";
import { type CommandService, startCommandService } from "./service.ts";

const LOOPBACK = "127.0.0.1";

/** A server of ours with a shared port. */
export interface OurServer {
  readonly server: RunningServer;
  readonly events: readonly ServerEvent[];
  /** Where clients connect. */
  readonly port: number;
  /** Where visitors come in. */
  readonly visitors: SocketAddress;
}

/** A client of ours. */
export interface OurClient {
  readonly client: RunningClient;
  readonly events: readonly ClientEvent[];
}

/** Everything that a test starts. `await using bed = new Bed()`. */
export class Bed implements AsyncDisposable {
  readonly #cleanUps: (() => Promise<unknown>)[] = [];

  /** Has `cleanUp` called at the end. */
  later(cleanUp: () => Promise<unknown>): void {
    this.#cleanUps.push(cleanUp);
  }

  /** Starts the service that visitors command. */
  async service(): Promise<CommandService> {
    const service = await startCommandService();
    this.later(() => service.close());
    return service;
  }

  /** Starts a server of ours. Stopping it twice does no harm. */
  async ourServer(
    options: Partial<ServerOptions> & { readonly limits?: Partial<ServerLimits> } = {},
  ): Promise<OurServer> {
    const events: ServerEvent[] = [];
    const server = await startServer({
      bind: { hostname: LOOPBACK, port: 0 },
      tcpBind: { hostname: LOOPBACK, port: 0 },
      serviceHost: LOOPBACK,
      tokens: [{ name: "interop", token: TOKEN }],
      ...options,
      limits: { drainTimeoutMs: 200, ...options.limits },
    }, { onEvent: (event) => void events.push(event) });
    this.later(() => server.stop());
    return { server, events, port: server.address.port, visitors: server.tcpAddress as SocketAddress };
  }

  /** Starts a client of ours with one service, `web`, without a port of its own. */
  ourClient(
    serverPort: number,
    local: SocketAddress,
    options: Partial<ClientOptions> & { readonly limits?: Partial<ClientLimits> } = {},
  ): OurClient {
    const events: ClientEvent[] = [];
    const client = startClient({
      server: { hostname: LOOPBACK, port: serverPort },
      token: TOKEN,
      tunnelId: "interop",
      services: [{ name: "web", kind: "tcp", local }],
      ...options,
      limits: { drainTimeoutMs: 200, reconnectMinMs: 50, reconnectMaxMs: 500, ...options.limits },
    }, { onEvent: (event) => void events.push(event) });
    this.later(() => client.stop());
    return { client, events };
  }

  /** Starts the Rust server. */
  async rustServer(options: RustServerOptions = {}): Promise<RustServer> {
    const server = await startRustServer(options);
    this.later(() => server.program[Symbol.asyncDispose]());
    return server;
  }

  /** Starts the Rust client without waiting for anything. */
  launchRustClient(options: RustClientOptions): ChildProgram {
    const program = startRustClient(options);
    this.later(() => program[Symbol.asyncDispose]());
    return program;
  }

  /** Starts the Rust client and waits until a server of ours has let it in. */
  async rustClient(options: RustClientOptions): Promise<ChildProgram> {
    const program = this.launchRustClient(options);
    await program.line(RUST_CLIENT_IN);
    return program;
  }

  /** Connects a visitor. */
  async visitor(address: Pick<SocketAddress, "port">, options: RawSocketOptions = {}): Promise<RawSocket> {
    const visitor = await connectSocket({ hostname: LOOPBACK, port: address.port }, options);
    this.later(() => visitor.close());
    return visitor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) await cleanUp();
  }
}

/** Waits until a server of ours has as many clients as told. */
export function clientsAre(server: RunningServer, count: number, deadlineMs?: number): Promise<void> {
  return until(() => server.status().clients.length === count, `the server has ${count} clients`, deadlineMs);
}

/** Waits until a client of ours is connected to a server. */
export async function connected({ client }: OurClient, deadlineMs?: number): Promise<void> {
  await within(client.ready, "the client to be ready", deadlineMs);
  await until(() => client.status().connected, "the client is connected", deadlineMs);
}

/** Who plays which part. */
export type Pairing = "Rust client, our server" | "our client, Rust server";
/** Both ways round. */
export const PAIRINGS: readonly Pairing[] = ["Rust client, our server", "our client, Rust server"];

/** A tunnel between one program of each kind. */
export interface MixedTunnel {
  /** Where visitors come in. */
  readonly visitors: Pick<SocketAddress, "port">;
  readonly service: CommandService;
  readonly ours: RunningServer | RunningClient;
  readonly rust: ChildProgram;
}

/** Starts one program of each kind, and waits until visitors can come. @param limits Of ours */
export async function mixedTunnel(
  bed: Bed,
  pairing: Pairing,
  limits: Partial<Limits> = {},
): Promise<MixedTunnel> {
  const service = await bed.service();
  if (pairing === "Rust client, our server") {
    const { server, port, visitors } = await bed.ourServer({ limits });
    const rust = await bed.rustClient({ serverPort: port, localPort: service.address.port });
    return { visitors, service, ours: server, rust };
  }
  const { program, port, visitorsPort } = await bed.rustServer();
  const ours = bed.ourClient(port, service.address, { limits });
  await connected(ours);
  return { visitors: { port: visitorsPort }, service, ours: ours.client, rust: program };
}

/** Streams that ours has open. */
export function streamsOf(ours: RunningServer | RunningClient): number {
  const status = ours.status();
  return status.role === "client"
    ? status.streams
    : status.clients.reduce((sum, { streams }) => sum + streams, 0);
}
