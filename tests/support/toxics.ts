/**
 * A TCP relay that makes a bad network: latency and jitter, a narrow line, bytes in small slices, a line that stands still or
 * is cut. It holds back what it cannot pass on, so that its own memory stays small.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What is wrong with the line. May be changed at any time. */
export interface Toxics {
  /** Each byte takes so long. @default 0 */
  latencyMs: number;
  /** Up to so much longer, by chance; the order stays. @default 0 */
  jitterMs: number;
  /** No more than this passes in a second, in each direction. @default Infinity */
  bytesPerSecond: number;
  /** Bytes pass in pieces of at most this. @default Infinity */
  sliceBytes: number;
  /** Nothing passes. @default false */
  stalled: boolean;
}

/** A healthy line. */
export const NO_TOXICS: Readonly<Toxics> = {
  latencyMs: 0,
  jitterMs: 0,
  bytesPerSecond: Infinity,
  sliceBytes: Infinity,
  stalled: false,
};

/** Bytes of one direction that may be under way in the relay. */
const MAX_UNDER_WAY_BYTES = 4 * 1024 * 1024;
/** How often a line that stands still is looked at. */
const LOOK_EVERY_MS = 10;

interface Piece {
  readonly bytes: Uint8Array;
  readonly dueAt: number;
}

/** One direction of one connection. */
class Line {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #toxics: Toxics;
  readonly #pieces: Piece[] = [];
  #bytes = 0;
  #freeAt = 0;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #blocked = false;

  constructor(from: Socket, to: Socket, toxics: Toxics) {
    this.#from = from;
    this.#to = to;
    this.#toxics = toxics;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.on("end", () => {
      this.#ended = true;
      this.#pass();
    });
    to.on("drain", () => {
      this.#blocked = false;
      this.#pass();
    });
    to.on("close", () => clearTimeout(this.#timer));
  }

  #take(chunk: Uint8Array): void {
    const { latencyMs, jitterMs, sliceBytes } = this.#toxics;
    const dueAt = performance.now() + latencyMs + Math.random() * jitterMs;
    for (let at = 0; at < chunk.length; at += sliceBytes) {
      const bytes = Uint8Array.from(chunk.subarray(at, at + sliceBytes));
      this.#pieces.push({ bytes, dueAt });
    }
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_UNDER_WAY_BYTES) this.#from.pause();
    this.#pass();
  }

  #pass(): void {
    clearTimeout(this.#timer);
    for (let piece = this.#pieces[0]; piece !== undefined; piece = this.#pieces[0]) {
      if (this.#blocked || this.#to.destroyed) return;
      const now = performance.now();
      const waitMs = this.#toxics.stalled ? LOOK_EVERY_MS : Math.max(piece.dueAt, this.#freeAt) - now;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), waitMs);
        return;
      }
      this.#pieces.shift();
      this.#bytes -= piece.bytes.length;
      this.#freeAt = now + piece.bytes.length * 1000 / this.#toxics.bytesPerSecond;
      if (this.#bytes <= MAX_UNDER_WAY_BYTES) this.#from.resume();
      this.#blocked = !this.#to.write(piece.bytes);
    }
    if (this.#ended && !this.#to.destroyed) this.#to.end();
  }
}

/** Relays to a port of this machine. */
export class ToxicLine implements AsyncDisposable {
  /** What is wrong with it now. */
  readonly toxics: Toxics = { ...NO_TOXICS };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a port that the system chooses. */
  static start(targetPort: number): Promise<ToxicLine> {
    return new Promise((resolve) => {
      const server = createServer(
        { allowHalfOpen: true, noDelay: true },
        (near) => line.#join(near, targetPort),
      );
      const line = new ToxicLine(server);
      server.listen(0, "127.0.0.1", () => resolve(line));
    });
  }

  /** Where it listens. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new TypeError("The line was closed");
    return address.port;
  }

  /** Makes the line as it is told, and otherwise healthy. */
  set(toxics: Partial<Toxics>): void {
    Object.assign(this.toxics, NO_TOXICS, toxics);
  }

  /** Ends every connection there is; `reset` makes that an error for both ends. */
  cut(reset = false): void {
    for (const socket of this.#sockets) reset ? socket.resetAndDestroy() : socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }

  #join(near: Socket, port: number): void {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", (broken) => {
        this.#sockets.delete(socket);
        // After a clean end there may still be bytes under way to the other one, with the end behind them.
        if (broken) other.destroy();
      });
      new Line(socket, other, this.toxics);
    }
  }
}
