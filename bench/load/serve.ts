/**
 * The service behind the tunnel, in TypeScript; `serve.c` does the same for less.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type AddressInfo, createServer, type Socket } from "node:net";
import process from "node:process";
import { HTTP_BODY } from "./http.ts";
import { END, HEADER_BYTES, Peer } from "./peer.ts";

/**
 * Serves until standard input ends; prints the port first.
 *
 * @param host Where to listen.
 */
export function serve(host: string): void {
  const server = createServer({ pauseOnConnect: false }, (socket) => void serveGuest(socket));
  server.listen({ host, port: 0, backlog: 4096 }, () => {
    const { port } = server.address() as AddressInfo;
    console.log(JSON.stringify({ port }));
  });
  process.stdin.on("end", () => process.exit(0));
  process.stdin.resume();
}

async function serveGuest(socket: Socket): Promise<void> {
  const peer = new Peer(socket);
  try {
    const header = await peer.receive(HEADER_BYTES);
    const operation = header.toString("latin1", 0, 1);
    const seed = Number(header.readBigUInt64LE(1));
    const count = Number(header.readBigUInt64LE(9));
    if (operation === "e") await echo(peer);
    if (operation === "G") await answerRequests(peer, header.toString("latin1"));
    if (operation === "u") {
      const right = await peer.receivePattern(seed, count);
      const answer = Buffer.alloc(8);
      answer.writeBigUInt64LE(BigInt(right));
      await peer.send(answer);
      // After a wrong byte the rest is still read: a reset now could overtake the answer.
      while (right !== count && await peer.receiveSome() !== undefined) continue;
    }
    if (operation === "d") await peer.sendPattern(seed, count);
    const end = await peer.receive(1);
    if (end[0] === END) await peer.send(end);
  } catch {
    // The visitor sees the connection end, and says so.
  } finally {
    peer.close();
  }
}

async function echo(peer: Peer): Promise<void> {
  for (;;) {
    const bytes = await peer.receiveSome();
    if (bytes === undefined) return;
    await peer.send(bytes);
  }
}

/** Answers a request that began with `begin`, and all that follow. */
async function answerRequests(peer: Peer, begin: string): Promise<void> {
  const response = `HTTP/1.1 200 OK\r\nContent-Length: ${HTTP_BODY.length}\r\n\r\n${HTTP_BODY}`;
  let text = begin;
  for (;;) {
    const heads = text.split("\r\n\r\n");
    text = heads.pop() ?? "";
    if (heads.length > 0) await peer.send(Buffer.from(response.repeat(heads.length)));
    const more = await peer.receiveSome();
    if (more === undefined) return;
    text += more.toString("latin1");
  }
}
