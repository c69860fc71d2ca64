/**
 * Visitors that speak HTTP/2.
 *
 * @module
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from "node:http2";
import type { RawSocket } from "../../support/raw_socket.ts";

/** A connection of a visitor, by prior knowledge. */
export interface Http2Visit extends AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Begins a request for `app.test`. */
  request(fields?: Record<string, string | string[]>, options?: { endStream?: boolean }): ClientHttp2Stream;
}

/** What came back. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: Readonly<Record<string, unknown>>;
}

/** Connects. */
export function visitByHttp2(port: number): Http2Visit {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {}); // Each stream fails too.
  return {
    session,
    request: (fields = {}, options = { endStream: true }) =>
      session.request(
        { ":method": "GET", ":path": "/", ":scheme": "http", ":authority": "app.test", ...fields },
        options,
      ),
    [Symbol.asyncDispose]: async () => {
      if (session.destroyed) return;
      const closed = new Promise((resolve) => session.once("close", resolve));
      session.destroy();
      await closed;
    },
  };
}

/** The whole answer. @throws the stream's error; an error when it was cut off */
export async function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return await new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    let trailers = {};
    let body = "";
    stream.on("response", (fields) => headers = fields);
    stream.on("trailers", (fields) => trailers = fields);
    stream.on("data", (piece) => body += piece);
    stream.on("error", reject);
    stream.on("close", () => {
      if (stream.rstCode !== 0) return reject(new Error(`reset with ${stream.rstCode}`));
      resolve({ status: Number(headers[":status"]), headers, body, trailers });
    });
  });
}

/** Frames by hand. */
export class FrameTalker {
  readonly socket: RawSocket;

  /** @param socket A visitor's. */
  constructor(socket: RawSocket) {
    this.socket = socket;
  }

  /** Says the preface, and that there are no settings. */
  async begin(): Promise<void> {
    await this.socket.write(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    await this.send(frame(4, 0, 0));
  }

  /** Sends frames. @returns false when the connection is over */
  async send(...frames: readonly Uint8Array[]): Promise<boolean> {
    const bytes = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of frames) {
      bytes.set(one, at);
      at += one.length;
    }
    return await this.socket.write(bytes);
  }
}

/** A frame. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const bytes = new Uint8Array(9 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, payload.length >> 8);
  bytes[2] = payload.length & 0xff;
  bytes[3] = type;
  bytes[4] = flags;
  view.setUint32(5, stream);
  bytes.set(payload, 9);
  return bytes;
}

/** A header block without compression. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const encoder = new TextEncoder();
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    bytes.push(0); // Literal, not indexed, new name.
    for (const text of [name, value]) {
      const encoded = encoder.encode(text);
      if (encoded.length < 127) bytes.push(encoded.length);
      else {
        bytes.push(127);
        let rest = encoded.length - 127;
        for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
        bytes.push(rest);
      }
      bytes.push(...encoded);
    }
  }
  return Uint8Array.from(bytes);
}
