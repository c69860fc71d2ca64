/**
 * A TCP relay four times: on Deno and on Bun, written against the runtime, and for both over the connection seam. All do the
 * same: one connection in, one out, one buffer each way, half-close.
 *
 * @module
 */
import {
  type BunGlobal,
  bunGlobal,
  type BunSocket,
  type BunSocketHandlers,
} from "../../src/runtime/_bun_types.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectionHandler } from "../../src/runtime/types.ts";

const BUFFER_BYTES = 256 * 1024;
const HOST = "127.0.0.1";

/** Relays over the seam. @returns the port it listens on */
export async function startSeamRelay(targetPort: number): Promise<number> {
  const listener = await runtime.listen({
    hostname: HOST,
    port: 0,
    onConnection: (visitor) => {
      runtime.connect({ hostname: HOST, port: targetPort }).then((service) => {
        visitor.start(new RelayHandler(visitor, service));
        service.start(new RelayHandler(service, visitor));
      }, () => visitor.close());
    },
  });
  return listener.address.port;
}

class RelayHandler implements ConnectionHandler {
  readonly #to: Connection;
  readonly #buffer: Uint8Array;

  constructor(from: Connection, to: Connection) {
    this.#to = to;
    this.#buffer = new Uint8Array(from.lendsSpace ? BUFFER_BYTES : 0);
  }

  space(): Uint8Array {
    return this.#buffer;
  }

  data(chunk: Uint8Array): boolean {
    return this.#to.write(chunk);
  }

  end(): void {
    this.#to.closeWrite();
  }

  /** What the other direction wrote is with the kernel. */
  drain(): void {
    this.#to.resume();
  }

  close(error?: Error): void {
    if (error !== undefined) this.#to.reset();
  }
}

/** Relays with what the runtime has. @returns the port it listens on */
export function startRawRelay(targetPort: number): number {
  return runtime.name === "deno" ? startDenoRelay(targetPort) : startBunRelay(targetPort);
}

function startDenoRelay(targetPort: number): number {
  const listener = Deno.listen({ hostname: HOST, port: 0 });
  const copy = async (from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> => {
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) break;
      for (let taken = 0; taken < count;) taken += await to.write(buffer.subarray(taken, count));
    }
    await to.closeWrite();
  };
  const serve = async (visitor: Deno.TcpConn): Promise<void> => {
    const service = await Deno.connect({ hostname: HOST, port: targetPort });
    await Promise.all([copy(visitor, service), copy(service, visitor)]);
    visitor.close();
    service.close();
  };
  void (async () => {
    for await (const visitor of listener) serve(visitor).catch(() => {});
  })();
  return listener.addr.port;
}

/** One side of a pair of sockets. */
interface Side {
  peer: BunSocket<Side> | undefined;
  /** What the socket whose data this is has not yet taken. */
  rest: Uint8Array | undefined;
  ended: boolean;
}

function startBunRelay(targetPort: number): number {
  const bun: BunGlobal = bunGlobal();
  const newSide = (peer?: BunSocket<Side>): Side => ({ peer, rest: undefined, ended: false });
  const handlers: BunSocketHandlers<Side> = {
    open: () => {},
    data: (socket, chunk) => {
      const { peer } = socket.data;
      if (peer === undefined) return;
      const taken = peer.write(chunk, 0, chunk.length);
      if (taken === chunk.length) return;
      peer.data.rest = chunk.subarray(Math.max(taken, 0));
      socket.pause();
    },
    drain: (socket) => {
      const { rest, peer } = socket.data;
      if (rest === undefined) return;
      const taken = Math.max(socket.write(rest, 0, rest.length), 0);
      socket.data.rest = taken === rest.length ? undefined : rest.subarray(taken);
      if (taken < rest.length) return;
      if (socket.data.ended) socket.shutdown();
      peer?.resume();
    },
    end: (socket) => {
      const { peer } = socket.data;
      if (peer === undefined) return;
      peer.data.ended = true;
      if (peer.data.rest === undefined) peer.shutdown();
    },
    close: () => {},
    error: () => {},
    connectError: () => {},
  };
  const listener = bun.listen<Side>({
    hostname: HOST,
    port: 0,
    allowHalfOpen: true,
    socket: {
      ...handlers,
      open: (visitor) => {
        visitor.data = newSide();
        visitor.pause();
        const socket = { ...handlers, open: (): void => {} };
        bun.connect<Side>({
          hostname: HOST,
          port: targetPort,
          allowHalfOpen: true,
          data: newSide(visitor),
          socket,
        })
          .then((service) => {
            visitor.data.peer = service;
            visitor.resume();
          }, () => visitor.end());
      },
    },
  });
  return listener.port;
}
