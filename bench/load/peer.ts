/**
 * A socket that is read and written by awaiting, for the load in TypeScript.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { CHUNK_BYTES, patternAt, rightBytes } from "./pattern.ts";

/** What a visitor asks of the service: take its bytes, send bytes, or send back what comes. */
export type Operation = "u" | "d" | "e";

/** Length of what every visitor sends first. */
export const HEADER_BYTES = 17;

/** Sent after a bulk transfer, and answered: a surplus byte would show in its place. */
export const END: number = "E".charCodeAt(0);

/** Where a visitor connects: a port of this machine, or `ADDRESS:PORT`. */
export type PlaceText = string;

/** A transfer that stands still for so long has failed. */
const STALL_MS = 10_000;

/** One end of a connection. */
export class Peer {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  /** @param socket A connected socket that nobody reads yet. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
    // Failures reach the reader and the writer; without a listener one that comes between two reads would end the process.
    socket.on("error", () => {});
    socket.setNoDelay(true);
  }

  /**
   * Connects.
   *
   * @param place Where.
   * @throws {Error} when nobody listens there.
   */
  static dial(place: PlaceText): Promise<Peer> {
    const { promise, resolve, reject } = Promise.withResolvers<Peer>();
    const [port = "", host = "127.0.0.1"] = place.split(":").reverse();
    const socket = connect({ host, port: Number(port) });
    socket.once("error", reject);
    socket.once("connect", () => resolve(new Peer(socket)));
    return promise;
  }

  /** Makes a connection that stands still fail, or lets it. */
  failWhenStalled(on: boolean): void {
    this.#socket.setTimeout(on ? STALL_MS : 0, () => this.#socket.destroy(new Error("Stalled")));
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  /** Ends the connection with a reset, which leaves no port behind in TIME_WAIT. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /**
   * Sends bytes.
   *
   * @param bytes Not to be changed before this resolves.
   * @throws {Error} when the connection ended.
   */
  send(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => error ? reject(error) : resolve());
    return promise;
  }

  /** Sends what a visitor begins with. */
  sendHeader(operation: Operation, seed: number, count: number): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.write(operation, 0, "latin1");
    header.writeBigUInt64LE(BigInt(seed), 1);
    header.writeBigUInt64LE(BigInt(count), 9);
    return this.send(header);
  }

  /**
   * Receives what has come, or waits for it.
   *
   * @returns Undefined at the end of the stream.
   * @throws {Error} when the connection failed.
   */
  async receiveSome(): Promise<Buffer | undefined> {
    const left = this.#left;
    if (left.length > 0) {
      this.#left = Buffer.alloc(0);
      return left;
    }
    const { done, value } = await this.#chunks.next();
    return done ? undefined : value;
  }

  /**
   * Receives an exact number of bytes.
   *
   * @throws {Error} when the stream ended before.
   */
  async receive(length: number): Promise<Buffer> {
    let bytes: Buffer = Buffer.alloc(0);
    while (bytes.length < length) {
      const more = await this.receiveSome();
      if (more === undefined) {
        throw new Error(`Short, the stream ended after ${bytes.length} of ${length} bytes`);
      }
      bytes = bytes.length === 0 ? more : Buffer.concat([bytes, more]);
    }
    this.#left = bytes.subarray(length);
    return bytes.subarray(0, length);
  }

  /** Sends a piece of the pattern. */
  async sendPattern(seed: number, count: number): Promise<void> {
    for (let sent = 0; sent < count;) {
      const size = Math.min(CHUNK_BYTES, count - sent);
      await this.send(patternAt(seed + sent, size));
      sent += size;
    }
  }

  /**
   * Receives a piece of the pattern.
   *
   * @returns At once the number of the first wrong byte, or `count` when all are right.
   * @throws {Error} when the stream ended before.
   */
  async receivePattern(seed: number, count: number): Promise<number> {
    let right = 0;
    while (right < count) {
      const bytes = await this.receiveSome();
      if (bytes === undefined) throw new Error(`Short, ${right} of ${count} bytes`);
      const wanted = bytes.subarray(0, count - right);
      this.#left = bytes.subarray(wanted.length);
      const same = rightBytes(wanted, seed + right);
      right += same;
      if (same < wanted.length) break;
    }
    return right;
  }
}
