/**
 * A TCP relay between client and server that can cut the connection, or lose everything in silence.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  lost: boolean;
}

/** Relays to one port of this machine. */
export class ToxicRelay {
  /** What clients have sent, and what servers have, over all connections. */
  readonly sent = { toServer: [] as Uint8Array[], toClient: [] as Uint8Array[] };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static start(targetPort: number): Promise<ToxicRelay> {
    return new Promise((resolve) => {
      const server = createServer((near) => relay.#join(near, targetPort));
      const relay = new ToxicRelay(server);
      server.listen(0, "127.0.0.1", () => resolve(relay));
    });
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("The relay was closed");
    return address.port;
  }

  /** Closes every connection there is; new ones are relayed. */
  cut(): Promise<void> {
    return this.#cut([...this.#pairs]);
  }

  /** Closes the connection that came first of those there are. */
  cutOldest(): Promise<void> {
    return this.#cut([...this.#pairs].slice(0, 1));
  }

  async #cut(pairs: readonly Pair[]): Promise<void> {
    const closed = pairs.flatMap(({ near, far }) => [closedOf(near), closedOf(far)]);
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
    await Promise.all(closed);
  }

  /** Closes the clients' side of every connection; the server is not told. New ones are relayed. */
  async vanish(): Promise<void> {
    const near = [...this.#pairs].filter((pair) => !pair.lost).map((pair) => pair.near);
    this.blackhole();
    const closed = near.map(closedOf);
    for (const socket of near) socket.destroy();
    await Promise.all(closed);
  }

  /** From now on nothing passes on the connections there are, and neither end is told; new ones are relayed. */
  blackhole(): void {
    for (const pair of this.#pairs) pair.lost = true;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await this.cut();
    await closed;
  }

  #join(near: Socket, port: number): void {
    const far = connect({ port, host: "127.0.0.1" });
    const pair: Pair = { near, far, lost: false };
    this.#pairs.add(pair);
    for (
      const [from, to, log] of [[near, far, this.sent.toServer], [far, near, this.sent.toClient]] as const
    ) {
      from.setNoDelay(true);
      from.on("data", (chunk: Buffer) => {
        if (pair.lost) return;
        log.push(new Uint8Array(chunk));
        to.write(chunk);
      });
      from.on("error", () => {});
      from.on("close", () => {
        if (pair.lost) return;
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
  }
}

function closedOf(socket: Socket): Promise<void> {
  if (socket.closed) return Promise.resolve();
  return new Promise((resolve) => socket.once("close", () => resolve()));
}
