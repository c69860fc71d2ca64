/**
 * The web services behind the tunnel of a soak: one over HTTP/1.1, one over HTTP/2 without TLS, with the same answers.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server as TcpServer, Socket } from "node:net";
import type { Readable, Stream } from "node:stream";
import { Pattern } from "../e2e/_traffic.ts";
import { LOOPBACK } from "./_visit.ts";

/** Both services. */
export class WebServices implements AsyncDisposable {
  readonly #http1: Server;
  readonly #http2: TcpServer;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#http1 = createServer(answerHttp1);
    this.#http2 = createHttp2Server().on("stream", answerHttp2);
    for (const server of [this.#http1, this.#http2]) {
      server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
      });
    }
  }

  /** Starts them on ports that the system chooses. */
  static async start(): Promise<WebServices> {
    const services = new WebServices();
    for (const server of [services.#http1, services.#http2]) {
      await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
    }
    return services;
  }

  /** Where the one over HTTP/1.1 listens. */
  get http1Port(): number {
    return (this.#http1.address() as AddressInfo).port;
  }

  /** Where the one over HTTP/2 listens. */
  get http2Port(): number {
    return (this.#http2.address() as AddressInfo).port;
  }

  /** Connections that are not over. */
  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [this.#http1, this.#http2].map((server) =>
      new Promise<void>((resolve) => server.close(() => resolve()))
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}

/** What is answered to a GET of a path. */
export function pageOf(path: string): Pattern {
  const [, size, seed] = /^\/([0-9]+)\/([0-9]+)$/.exec(path) ?? [];
  return new Pattern(Number(size), Number(seed));
}

/** GET gives a pattern; POST tells how many bytes came, and their hash. @param give Answers with all of this */
function answer(
  asked: { readonly method: string | undefined; readonly path: string | undefined; readonly body: Readable },
  give: (body: Uint8Array) => void,
): void {
  if (asked.method === "GET") return give(Buffer.concat([...pageOf(asked.path ?? "").chunks()]));
  const hash = createHash("sha256");
  let bytes = 0;
  asked.body.on("data", (chunk: Uint8Array) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  asked.body.on("end", () => give(new TextEncoder().encode(`${bytes} ${hash.digest("hex")}`)));
}

function answerHttp1(request: IncomingMessage, response: ServerResponse): void {
  ignoreErrors(request, response);
  const { method, url: path } = request;
  answer({ method, path, body: request }, (body) => {
    response.setHeader("content-length", body.length);
    response.end(body);
  });
}

/**
 * Without the requests and responses of `node:http2`, and with the body and its end in one call: otherwise Deno resets streams whose last
 * bytes wait for a window, in place of ending them.
 */
function answerHttp2(stream: ServerHttp2Stream, fields: IncomingHttpHeaders): void {
  ignoreErrors(stream);
  answer({ method: fields[":method"], path: fields[":path"], body: stream }, (body) => {
    if (stream.destroyed) return;
    stream.respond({ ":status": 200, "content-length": body.length });
    stream.end(body);
  });
}

/** A visitor that breaks off is no failure of the service. */
function ignoreErrors(...streams: readonly Stream[]): void {
  for (const stream of streams) stream.on("error", () => {});
}
