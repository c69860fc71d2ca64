/**
 * A connection that can change hands: first a handshake is read from it, then it carries something else.
 *
 * @module
 */
import type { Connection, ConnectionHandler, SocketAddress } from "../runtime/types.ts";

/**
 * Stands in front of a connection until somebody takes it over. Keeps the contract of {@linkcode Connection}, for each owner
 * anew.
 *
 * @example
 * ```ts
 * import { runtime } from "../runtime/mod.ts";
 * import { HandoverConnection } from "./handover_connection.ts";
 *
 * async function dial(): Promise<void> {
 *   const first = new HandoverConnection(await runtime.connect({ hostname: "127.0.0.1", port: 7835 }));
 *   const second = first.take();
 *   first.close(); // Does nothing: it is the second one's.
 *   second.close();
 * }
 * ```
 */
export class HandoverConnection implements Connection {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly lendsSpace: boolean;
  readonly #hub: Hub;

  /** @param connection Not started yet. */
  constructor(connection: Connection | Hub) {
    this.#hub = connection instanceof Hub ? connection : new Hub(connection);
    this.#hub.owner = this;
    const { remote, local, lendsSpace } = this.#hub.connection;
    this.remote = remote;
    this.local = local;
    this.lendsSpace = lendsSpace;
  }

  get afterTurn(): Connection["afterTurn"] {
    return this.#hub.connection.afterTurn;
  }

  get bytesTaken(): number {
    return this.#hub.connection.bytesTaken;
  }

  /**
   * Takes the connection away from whoever has it, who hears nothing more but a `close`, and for whom it is closed. Not to be
   * called while a write waits for its `drain`. The new owner must call `start` at once.
   */
  take(): HandoverConnection {
    return new HandoverConnection(this.#hub);
  }

  start(handler: ConnectionHandler): void {
    if (this.#owns) this.#hub.start(handler);
  }

  resume(): void {
    if (this.#owns) this.#hub.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.#owns && this.#hub.connection.write(bytes);
  }

  closeWrite(): void {
    if (this.#owns) this.#hub.connection.closeWrite();
  }

  close(): void {
    if (this.#owns) this.#hub.connection.close();
  }

  reset(): void {
    if (this.#owns) this.#hub.connection.reset();
  }

  get #owns(): boolean {
    return this.#hub.owner === this;
  }
}

/** Hears what happens on the connection, and tells the present owner. */
class Hub implements ConnectionHandler {
  readonly connection: Connection;
  /** The only one who may use the connection. */
  owner: HandoverConnection | undefined;
  #handler: ConnectionHandler | undefined;
  /** Had the connection before, and may have lent the space that is being read into. */
  #former: ConnectionHandler | undefined;
  /** Whether space is lent. */
  #reading = false;
  #inData = false;
  #resumeWanted = false;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  start(handler: ConnectionHandler): void {
    const former = this.#handler;
    this.#handler = handler;
    if (former === undefined) return this.connection.start(this);
    this.#former = former;
    // During `data` nothing is being read: the space has come back.
    if (!this.#reading) queueMicrotask(() => this.#dismiss());
    this.resume();
  }

  resume(): void {
    // The runtime only learns after `data` whether more is wanted.
    if (this.#inData) this.#resumeWanted = true;
    else this.connection.resume();
  }

  space(): Uint8Array {
    this.#reading = true;
    return this.#present.space();
  }

  data(chunk: Uint8Array): boolean {
    this.#reading = false;
    const bytes = this.#former === undefined ? chunk : chunk.slice(); // It is in the former owner's memory.
    this.#dismiss();
    this.#inData = true;
    this.#resumeWanted = false;
    try {
      return this.#present.data(bytes) || this.#resumeWanted;
    } finally {
      this.#inData = false;
    }
  }

  end(): void {
    this.#present.end();
  }

  drain(): void {
    this.#present.drain();
  }

  close(error?: Error): void {
    this.#dismiss();
    this.#present.close(error);
  }

  get #present(): ConnectionHandler {
    if (this.#handler === undefined) throw new TypeError("The connection was not started");
    return this.#handler;
  }

  /** Nothing of the former owner is used any more. */
  #dismiss(): void {
    const former = this.#former;
    this.#former = undefined;
    former?.close();
  }
}
