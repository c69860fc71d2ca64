/**
 * The visitors that speak HTTP, in TypeScript; `http.c` does the same for less.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Peer, type PlaceText } from "./peer.ts";
import { percentile, type Print } from "./visit.ts";

/** What the service answers to every request; the same as in `http.c`. */
export const HTTP_BODY = "Hello, visitor!\n";

/** The host name that every tunnel is told; also in `http.c`. */
export const HTTP_NAME = "bench.test";

/** The fields of every request. The token is for FerroTunnel 1, which wants one of visitors. */
export const HTTP_FIELDS: readonly string[] = [`Host: ${HTTP_NAME}`, "X-Tunnel-Token: bench"];

const HTTP_REQUEST = Buffer.from(`GET / HTTP/1.1\r\n${HTTP_FIELDS.join("\r\n")}\r\n\r\n`);

const MAX_HEAD_BYTES = 8 * 1024;

/** GET requests for so many milliseconds, on `lanes` connections that are kept. */
export async function request(
  { place, forMs, lanes }: {
    readonly place: PlaceText;
    readonly forMs: number;
    readonly lanes: number;
  },
  print: Print,
): Promise<void> {
  const timesUs: number[] = [];
  const startMs = performance.now();
  await Promise.all(Array.from({ length: lanes }, async () => {
    let peer = await dialAttentively(place);
    let answered = false;
    // At least once, however long it took to connect.
    let count = 0;
    while (count === 0 || performance.now() < startMs + forMs) {
      const sentMs = performance.now();
      if (await exchange(peer)) {
        timesUs.push((performance.now() - sentMs) * 1000);
        answered = true;
        count++;
        continue;
      }
      // The service may end a connection after so many requests, but not one that it never answered.
      if (!answered) throw new Error("Short, a connection ended without an answer");
      peer.close();
      peer = await dialAttentively(place);
      answered = false;
    }
    peer.close();
  }));
  const seconds = (performance.now() - startMs) / 1000;
  if (timesUs.length === 0) throw new Error("Short, no answer");
  print({
    count: timesUs.length,
    seconds,
    p50Us: percentile(timesUs, 500),
    p99Us: percentile(timesUs, 990),
  });
}

async function dialAttentively(place: PlaceText): Promise<Peer> {
  const peer = await Peer.dial(place);
  peer.failWhenStalled(true);
  return peer;
}

/** Sends a request and reads its response; false when the connection ended before the response's first byte. */
export async function exchange(peer: Peer): Promise<boolean> {
  await peer.send(HTTP_REQUEST);
  let text = "";
  for (;;) {
    const more = await peer.receiveSome();
    if (more === undefined && text === "") return false;
    if (more === undefined) throw new Error(`Short, a response ended after ${text.length} bytes`);
    text += more.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) {
      if (text.length > MAX_HEAD_BYTES) throw new Error("Mismatch, a head without an end");
      continue;
    }
    if (!text.startsWith("HTTP/1.1 200")) throw new Error(`Mismatch, not the answer: ${text.slice(0, 60)}`);
    const body = text.slice(end + 4);
    if (body.length < HTTP_BODY.length) continue;
    if (body !== HTTP_BODY) throw new Error("Mismatch in a body");
    return true;
  }
}
