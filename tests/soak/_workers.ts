/**
 * What visitors do in a soak. Every byte is checked: what comes may end early when something was broken meanwhile, but it may
 * never be wrong.
 *
 * @module
 */
import { request } from "node:http";
import { createHash } from "node:crypto";
import { ask } from "../e2e/_service.ts";
import { Pattern, readToEnd, writePattern } from "../e2e/_traffic.ts";
import { until, within } from "../support/deadline.ts";
import { connectSocket } from "../support/raw_socket.ts";

/** Where the visitors come in. */
export interface Entrances {
  /** The port of the TCP service. */
  readonly tcp: number;
  /** The server's HTTP port. */
  readonly http: number;
}

/** Thrown when bytes are wrong, whatever was broken meanwhile. */
export class WrongBytes extends Error {
  override readonly name = "WrongBytes";
}

/** One kind of visit. @returns bytes that were moved and found right @throws {WrongBytes} or any other error when it broke off */
export type Visit = (entrances: Entrances, dice: (below: number) => number) => Promise<number>;

/** Longer than a client that was killed may be away. */
const VISIT_DEADLINE_MS = 60_000;
const LOOPBACK = "127.0.0.1";

async function echo({ tcp }: Entrances, dice: (below: number) => number): Promise<number> {
  const socket = await ask(tcp, "echo");
  try {
    let bytes = 0;
    for (let round = 1 + dice(5); round > 0; round--) {
      const sent = crypto.getRandomValues(new Uint8Array(1 + dice(60_000)));
      if (!await socket.write(sent)) throw new Error("The connection broke off");
      const back = await socket.read(sent.length, VISIT_DEADLINE_MS);
      if (back.some((byte, index) => byte !== sent[index])) throw new WrongBytes("An echo is wrong");
      bytes += 2 * sent.length;
    }
    await socket.end();
    if ((await socket.readToEnd(VISIT_DEADLINE_MS)).length > 0) throw new WrongBytes("An echo is too long");
    return bytes;
  } finally {
    await socket.close();
  }
}

async function upload({ tcp }: Entrances, dice: (below: number) => number): Promise<number> {
  const pattern = new Pattern(1 + dice(4 * 1024 * 1024), 1 + dice(16));
  const socket = await ask(tcp, "take", pattern);
  try {
    await within(writePattern(socket, pattern), "an upload", VISIT_DEADLINE_MS);
    await socket.end();
    const answer = new TextDecoder().decode(await socket.readToEnd(VISIT_DEADLINE_MS));
    const expected = `${pattern.sizeBytes} ${pattern.digest()}`;
    if (!expected.startsWith(answer)) throw new WrongBytes(`An upload arrived as ${answer}, not ${expected}`);
    if (answer !== expected) throw new Error("The connection broke off");
    return pattern.sizeBytes;
  } finally {
    await socket.close();
  }
}

/** @param pauseMs How long the visitor reads nothing in the middle. */
async function download(entrances: Entrances, pattern: Pattern, pauseMs: number): Promise<number> {
  const socket = await ask(entrances.tcp, "give", pattern);
  try {
    const received = readToEnd(socket);
    received.catch(() => {}); // It is awaited below, unless something else fails first.
    if (pauseMs > 0) {
      socket.pause();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      socket.resume();
    }
    const { bytes, digest } = await within(received, "a download", VISIT_DEADLINE_MS);
    if (bytes > pattern.sizeBytes) throw new WrongBytes("A download is too long");
    if (bytes < pattern.sizeBytes) throw new Error("The connection broke off");
    if (digest !== pattern.digest()) throw new WrongBytes("A download is wrong");
    await socket.end();
    return bytes;
  } finally {
    await socket.close();
  }
}

async function abort({ tcp }: Entrances, dice: (below: number) => number): Promise<number> {
  const kind = dice(3);
  const socket = kind === 0
    ? await connectSocket({ hostname: LOOPBACK, port: tcp })
    : await ask(tcp, "give", new Pattern(4 * 1024 * 1024));
  if (kind === 2) await until(() => socket.bytesReceived > 0 || socket.isEnded, "the first bytes");
  const bytes = socket.bytesReceived;
  await socket.reset();
  return bytes;
}

/** What the web service answers to a path. */
export function pageOf(path: string): Pattern {
  const [, size, seed] = /^\/([0-9]+)\/([0-9]+)$/.exec(path) ?? [];
  return new Pattern(Number(size), Number(seed));
}

function page({ http }: Entrances, dice: (below: number) => number): Promise<number> {
  const path = `/${1 + dice(500_000)}/${1 + dice(16)}`;
  const pattern = pageOf(path);
  const fetched = new Promise<number>((resolve, reject) => {
    const options = { host: LOOPBACK, port: http, path, headers: { host: "soak.test" }, agent: false };
    const asked = request(options, (response) => {
      const hash = createHash("sha256");
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      response.on("error", reject);
      response.on("aborted", () => reject(new Error("The response broke off")));
      response.on("end", () => {
        const { statusCode = 0 } = response;
        if ([502, 503, 504].includes(statusCode)) reject(new Error(`Status ${statusCode}`));
        else if (statusCode !== 200) reject(new WrongBytes(`Status ${statusCode}`));
        else if (!response.complete) reject(new Error("The response broke off"));
        else if (bytes !== pattern.sizeBytes || hash.digest("hex") !== pattern.digest()) {
          reject(new WrongBytes(`A page of ${bytes} bytes is wrong`));
        } else resolve(bytes);
      });
    });
    asked.on("error", reject);
    asked.end();
  });
  return within(fetched, "a page", VISIT_DEADLINE_MS);
}

/** Every kind of visit, by name. */
export const VISITS: Readonly<Record<string, Visit>> = {
  echo,
  upload,
  download: (entrances, dice) => download(entrances, new Pattern(1 + dice(4 * 1024 * 1024), 1 + dice(16)), 0),
  stalled: (entrances, dice) =>
    download(entrances, new Pattern(2 * 1024 * 1024 + dice(1024 * 1024), 1 + dice(16)), dice(2_000)),
  abort,
  page,
};
