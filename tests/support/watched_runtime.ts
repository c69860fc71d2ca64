/**
 * The runtime, with a look at what only the kernel would know otherwise.
 *
 * @module
 */
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectionHandler, Runtime } from "../../src/runtime/types.ts";

/** Watches the connections of one server or client. */
export class WatchedRuntime {
  /** Bytes that accepted connections have received, by the port that they came from. */
  readonly arrivedBytes = new Map<number, number>();
  /** Connections, by the port that was dialled: those being made and those that are not really closed. */
  readonly dialled = new Map<number, number>();
  /** The most that there were of them at once. */
  readonly mostDialled = new Map<number, number>();
  /** What the server or client is to run on. */
  readonly runtime: Runtime = {
    ...runtime,
    version: runtime.version,
    listen: (options) =>
      runtime.listen({
        ...options,
        onConnection: (connection, leave) => options.onConnection(this.#watchArrivals(connection), leave),
      }),
    connect: async (options) => {
      const { port } = options;
      this.#dialled(port, 1);
      try {
        const connection = await runtime.connect(options);
        watch(connection, { onClose: () => this.#dialled(port, -1) });
        return connection;
      } catch (error) {
        this.#dialled(port, -1);
        throw error;
      }
    },
  };

  #watchArrivals(connection: Connection): Connection {
    const { port } = connection.remote;
    const onData = (chunk: Uint8Array): void => {
      this.arrivedBytes.set(port, (this.arrivedBytes.get(port) ?? 0) + chunk.length);
    };
    return watch(connection, { onData });
  }

  #dialled(port: number, change: number): void {
    const now = (this.dialled.get(port) ?? 0) + change;
    this.dialled.set(port, now);
    this.mostDialled.set(port, Math.max(now, this.mostDialled.get(port) ?? 0));
  }
}

/** Looks on while a connection serves its handler. */
function watch(
  connection: Connection,
  { onData, onClose }: { readonly onData?: (chunk: Uint8Array) => void; readonly onClose?: () => void },
): Connection {
  const start = connection.start.bind(connection);
  connection.start = (handler: ConnectionHandler) =>
    start({
      space: () => handler.space(),
      data: (chunk) => {
        onData?.(chunk);
        return handler.data(chunk);
      },
      end: () => handler.end(),
      drain: () => handler.drain(),
      close: (error) => {
        onClose?.();
        handler.close(error);
      },
    });
  return connection;
}
