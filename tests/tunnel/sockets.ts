/**
 * Visitors and local services over `node:net`, independent of the program's own sockets.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

/** How the reading side of a socket ended. */
export type SocketEnd = "end" | "error";

/** A socket whose bytes can be awaited. */
export class TestSocket {
  /** Settles when nothing more will arrive: a clean end, or an error. */
  readonly ended: Promise<SocketEnd>;
  /** Settles when the socket is closed in both directions. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received: Uint8Array[] = [];
  #receivedBytes = 0;
  #over = false;
  #changed: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#received.push(new Uint8Array(chunk));
      this.#receivedBytes += chunk.length;
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      socket.on("end", () => resolve("end"));
      socket.on("error", () => resolve("error"));
      socket.on("close", () => resolve("end"));
    });
    this.closed = new Promise((resolve) => socket.on("close", () => resolve()));
    void this.ended.then(() => {
      this.#over = true;
      this.#changed();
    });
  }

  /** Bytes that have arrived in all and were not read. */
  get bufferedBytes(): number {
    return this.#receivedBytes;
  }

  /** The port of this end. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** Writes and waits until the kernel has the bytes. */
  writeAll(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  /** Ends this direction. */
  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes with RST. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Closes and waits for it. */
  async destroy(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /** The next `count` bytes; fewer when the socket ended before. */
  async read(count: number): Promise<Uint8Array> {
    while (this.#receivedBytes < count && !this.#over) {
      await new Promise<void>((resolve) => this.#changed = resolve);
    }
    const all = Buffer.concat(this.#received);
    const taken = all.subarray(0, count);
    this.#received = all.length > count ? [all.subarray(count)] : [];
    this.#receivedBytes = Math.max(0, all.length - count);
    return new Uint8Array(taken);
  }

  /** The next `count` bytes as text. */
  async readText(count: number): Promise<string> {
    return new TextDecoder().decode(await this.read(count));
  }

  /** Everything until the end. */
  readAll(): Promise<Uint8Array> {
    return this.read(Infinity);
  }
}

/** Connects to a port of this machine. Rejects when that is refused. */
export function dial(port: number, host = "127.0.0.1"): Promise<TestSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, allowHalfOpen: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(new TestSocket(socket));
    });
  });
}

/** Whether nobody listens on the port. */
export async function isRefused(port: number): Promise<boolean> {
  try {
    const socket = await dial(port);
    await socket.destroy();
    return false;
  } catch {
    return true;
  }
}

/** A port on which nobody listens at the moment. */
export async function freePort(): Promise<number> {
  const service = await TestService.start(() => {});
  const { port } = service;
  await service.close();
  return port;
}

/** A listening service. */
export class TestService {
  /** Every connection it has had. */
  readonly sockets: TestSocket[] = [];
  readonly #server: Server;
  readonly #accepted: ((socket: TestSocket) => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts one on a free port. `serve` is given every connection. */
  static start(serve: (socket: TestSocket, raw: Socket) => void, host = "127.0.0.1"): Promise<TestService> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true }, (raw) => {
        const socket = new TestSocket(raw);
        service.sockets.push(socket);
        serve(socket, raw);
        service.#accepted.shift()?.(socket);
      });
      const service = new TestService(server);
      server.once("error", reject);
      server.listen(0, host, () => resolve(service));
    });
  }

  /** Sends back what it gets, and ends after the other side has. */
  static echo(host = "127.0.0.1"): Promise<TestService> {
    return TestService.start((_, raw) => raw.pipe(raw), host);
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("The service was closed");
    return address.port;
  }

  /** The next connection. */
  accepted(): Promise<TestSocket> {
    return new Promise((resolve) => this.#accepted.push(resolve));
  }

  /** Closes the port and every connection. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all(this.sockets.map((socket) => socket.destroy()));
    await closed;
  }
}
