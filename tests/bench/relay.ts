/**
 * A relay that does harm, to see whether the load notices.
 *
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * What happens to bytes on their way.
 *
 * @param bytes Bytes that came; may be changed in place.
 * @param position How many came before them on this connection and in this direction.
 * @returns The bytes to send on; undefined to cut the connection.
 */
export type Harm = (bytes: Uint8Array, position: number) => Uint8Array | undefined;

/** Options of {@linkcode startRelay}. */
export interface RelayOptions {
  /** Where the relay leads. */
  readonly port: number;
  /** Harm done to what visitors send. @default none */
  readonly up?: Harm;
  /** Harm done to what the service sends. @default none */
  readonly down?: Harm;
}

/** A relay that runs. */
export interface Relay {
  readonly port: number;
  /** Cuts every connection, and takes no more. */
  close(): Promise<void>;
}

/** Turns one byte over. */
export function corruptAt(place: number): Harm {
  return (bytes, position) => {
    const byte = bytes[place - position];
    if (byte !== undefined) bytes[place - position] = byte ^ 1;
    return bytes;
  };
}

/** Sends a byte twice. */
export function repeatAt(place: number): Harm {
  return (bytes, position) => {
    const index = place - position;
    if (index < 0 || index >= bytes.length) return bytes;
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes.subarray(0, index + 1));
    longer.set(bytes.subarray(index), index + 1);
    return longer;
  };
}

/** Leaves a byte out. */
export function dropAt(place: number): Harm {
  return (bytes, position) => {
    const index = place - position;
    if (index < 0 || index >= bytes.length) return bytes;
    bytes.copyWithin(index, index + 1);
    return bytes.subarray(0, -1);
  };
}

/** Cuts the connection. */
export function cutAt(place: number): Harm {
  return (bytes, position) => position + bytes.length > place ? undefined : bytes;
}

/** Starts a relay on a port of its own. */
export async function startRelay({ port, up, down }: RelayOptions): Promise<Relay> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  };
  const server = createServer((visitor) => {
    const service = connect({ host: "127.0.0.1", port });
    keep(visitor);
    keep(service);
    carry(visitor, service, up);
    carry(service, visitor, down);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = Promise.all([...sockets].map((socket) => once(socket, "close")));
      for (const socket of sockets) socket.destroy();
      await Promise.all([closed, new Promise((resolve) => server.close(resolve))]);
    },
  };
}

function carry(from: Socket, to: Socket, harm: Harm = (bytes) => bytes): void {
  let position = 0;
  from.on("data", (bytes: Uint8Array) => {
    const harmed = harm(bytes, position);
    position += bytes.length;
    if (harmed !== undefined) {
      to.write(harmed);
      return;
    }
    from.destroy();
    to.destroy();
  });
  from.on("close", () => to.destroy());
}
