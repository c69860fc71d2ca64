/**
 * Pairs of connected connections for tests.
 *
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { runtime } from "../../src/runtime/mod.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  TlsOptions,
} from "../../src/runtime/types.ts";
import { Recorder } from "./_recorder.ts";

/** A peer that is not under test. */
export interface ForeignPeer {
  write(bytes: Uint8Array): void;
  /** Ends both directions with RST. */
  reset(): void;
}

/** What the contract suite needs of a transport. */
export interface Transport {
  /** @param options Overrides. */
  listen(options: Partial<ListenOptions> & Pick<ListenOptions, "onConnection">): Promise<Listener>;
  dial(listener: Listener, options?: Partial<ConnectOptions>): Promise<Connection>;
  /** Connects with something else than what is under test. */
  dialForeign(listener: Listener): Promise<ForeignPeer>;
  /** Why `reset` cannot send an error here. */
  readonly resetSkip?: string | undefined;
  /** How many connections are made at once in the crowd test. */
  readonly crowd: number;
}

/** Two ends of one connection. */
export interface Link {
  readonly client: Connection;
  readonly server: Connection;
}

/** Makes {@linkcode Transport.listen} and {@linkcode Transport.dial} out of TLS files, or plain ones without. */
export function transportMethods(files: { server?: TlsOptions; client?: TlsOptions } = {}): Pick<
  Transport,
  "listen" | "dial"
> {
  const { server, client } = files;
  return {
    listen: (options) =>
      runtime.listen({
        hostname: "127.0.0.1",
        port: 0,
        ...(server === undefined ? {} : { tls: server }),
        ...options,
      }),
    dial: (listener, options = {}) =>
      runtime.connect({ ...listener.address, ...(client === undefined ? {} : { tls: client }), ...options }),
  };
}

/** Connects once, hands both ends to `use`, and closes everything afterwards. */
export async function withLink(transport: Transport, use: (link: Link) => Promise<void>): Promise<void> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await transport.listen({ onConnection: accepted.resolve });
  const client = await transport.dial(listener);
  const server = await accepted.promise;
  try {
    await use({ client, server });
  } finally {
    client.close();
    server.close();
    await listener.close();
  }
}

/** Starts a connection at which everything that has come is sent back when more comes, and its end when that comes. */
export function startEcho(connection: Connection): Recorder {
  const recorder = new Recorder();
  recorder.onEvent = (event) => {
    if (event === "data") connection.write(Uint8Array.from(recorder.bytes()));
    if (event === "end") connection.closeWrite();
  };
  connection.start(recorder);
  return recorder;
}

/** Starts both ends with recorders. */
export function recordBoth(link: Link): { atClient: Recorder; atServer: Recorder } {
  const atClient = new Recorder();
  const atServer = new Recorder();
  link.client.start(atClient);
  link.server.start(atServer);
  return { atClient, atServer };
}

/**
 * Round trips over a connection of its own. What was to happen in other connections without further cause has happened
 * after enough of them.
 */
export class Canary {
  readonly #link: Link;
  readonly #listener: Listener;
  readonly #recorder = new Recorder();

  private constructor(link: Link, listener: Listener) {
    this.#link = link;
    this.#listener = listener;
    const echo = new Recorder();
    echo.onEvent = (event) => {
      if (event === "data") link.server.write(Uint8Array.of(1));
    };
    link.server.start(echo);
    link.client.start(this.#recorder);
  }

  static async open(): Promise<Canary> {
    const { listen, dial } = transportMethods();
    const accepted = Promise.withResolvers<Connection>();
    const listener = await listen({ onConnection: accepted.resolve });
    const client = await dial(listener);
    return new Canary({ client, server: await accepted.promise }, listener);
  }

  async roundTrips(count: number): Promise<void> {
    for (let trip = 0; trip < count; trip++) {
      const before = this.#recorder.receivedBytes;
      await this.#recorder.send(this.#link.client, Uint8Array.of(1));
      await this.#recorder.when(() => this.#recorder.receivedBytes > before);
    }
  }

  async close(): Promise<void> {
    this.#link.client.close();
    this.#link.server.close();
    await this.#recorder.closed();
    await this.#listener.close();
  }
}

/** Connects and says nothing. */
export async function dialSilently(listener: Pick<Listener, "address">): Promise<Socket> {
  const socket = connect(listener.address.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  await once(socket, "connect");
  return socket;
}

/** Tries again until it succeeds, with round trips of another connection in between. */
export async function eventually(attempt: () => Promise<void>): Promise<void> {
  const canary = await Canary.open();
  for (let left = 100; left > 0; left--) {
    try {
      await attempt();
      break;
    } catch (error) {
      if (left === 1) throw error;
      await canary.roundTrips(10);
    }
  }
  await canary.close();
}
