/**
 * A flood of requests over HTTP, and a service that answers them: as little work as possible, so that what is flooded is the
 * tunnel.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SocketAddress } from "../../src/runtime/types.ts";
import { within } from "../support/deadline.ts";
import { connectSocket, listenSockets, type RawSocket } from "../support/raw_socket.ts";

const HEAD_END = [13, 10, 13, 10];
const BODY = "x".repeat(1024);
const ANSWER = new TextEncoder().encode(
  `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\nContent-Type: text/plain\r\n\r\n${BODY}`,
);

/** Answers every request with the same kilobyte; requests have no body. */
export async function startAnswering(): Promise<AsyncDisposable & { readonly address: SocketAddress }> {
  const listener = await listenSockets({
    onSocket: (socket) => {
      let matched = 0;
      socket.onData = (chunk) => {
        for (const byte of chunk) {
          matched = byte === HEAD_END[matched] ? matched + 1 : byte === HEAD_END[0] ? 1 : 0;
          if (matched < HEAD_END.length) continue;
          matched = 0;
          void socket.write(ANSWER);
        }
      };
      void socket.ended.then(() => socket.end());
    },
  });
  return { address: listener.address, [Symbol.asyncDispose]: () => listener.close() };
}

/** What a flood asks of whom. */
export interface FloodOptions {
  readonly port: number;
  readonly host: string;
  /** Requests in all. */
  readonly requests: number;
  /** At most so many in a second. */
  readonly perSecond: number;
  /** Over so many connections. */
  readonly visitors: number;
}

/** Sends requests, and reads every answer to its end. @returns how long it took, in milliseconds */
export async function flood(options: FloodOptions): Promise<number> {
  const { port, host, requests, perSecond, visitors } = options;
  const request = new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const startedAt = performance.now();
  let sent = 0;
  const work = async (): Promise<void> => {
    let visitor = await Visitor.dial(port);
    while (sent < requests) {
      const earlyMs = startedAt + sent++ * 1_000 / perSecond - performance.now();
      if (earlyMs > 1) await new Promise((resolve) => setTimeout(resolve, earlyMs)); // The pace is what is asked for.
      if (await visitor.ask(request)) continue;
      await visitor.socket.close();
      visitor = await Visitor.dial(port);
    }
    await visitor.socket.close();
  };
  await Promise.all(Array.from({ length: visitors }, work));
  return performance.now() - startedAt;
}

class Visitor {
  readonly socket: RawSocket;
  #text = "";
  #answered: () => void = () => {};

  private constructor(socket: RawSocket) {
    this.socket = socket;
    const decoder = new TextDecoder();
    socket.onData = (chunk) => {
      this.#text += decoder.decode(chunk);
      if (this.#text.endsWith(BODY)) this.#answered();
    };
    void socket.ended.then(() => this.#answered());
  }

  static async dial(port: number): Promise<Visitor> {
    return new Visitor(await connectSocket({ hostname: "127.0.0.1", port }));
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @returns whether the server takes another one on this connection
   * @throws {Error} when the answer is not that of the service
   */
  async ask(request: Uint8Array): Promise<boolean> {
    this.#text = "";
    const answered = new Promise<void>((resolve) => this.#answered = resolve);
    await this.socket.write(request);
    await within(answered, "an answer");
    const bodyAt = this.#text.indexOf("\r\n\r\n") + HEAD_END.length;
    assert.match(this.#text, /^HTTP\/1\.1 200 /);
    assert.equal(this.#text.slice(bodyAt), BODY);
    return !/^connection: close\r$/im.test(this.#text.slice(0, bodyAt));
  }
}
