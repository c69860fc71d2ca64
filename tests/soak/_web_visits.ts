/**
 * What visitors of the web services do in a soak, over HTTP/1.1 and HTTP/2, with TLS and without.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import { type ClientHttp2Session, connect } from "node:http2";
import { Agent as SecureAgent, request as secureRequest } from "node:https";
import type { Pattern } from "../e2e/_traffic.ts";
import { within } from "../support/deadline.ts";
import {
  LOOPBACK,
  pause,
  type Roll,
  STALL_MS,
  VISIT_DEADLINE_MS,
  type WebEntrance,
  WrongBytes,
} from "./_visit.ts";
import { pageOf } from "./_web_services.ts";

/** The host of the service over HTTP/1.1, and that of the one over HTTP/2. */
export const WEB_HOSTS = ["soak.test", "h2.soak.test"] as const;

const MAX_PAGE_BYTES = 500_000;
const MAX_STALLED_PAGE_BYTES = 2_000_000;
const SEEDS = 16;
/** What a server answers while a client is away, or after a restart, before it has come back. */
const AWAY = [404, 502, 503, 504];

/** A visit to a web entrance. */
type WebVisit = (web: WebEntrance, roll: Roll) => Promise<number>;

/** A request, and what is right as its answer. */
interface Asked {
  readonly host: string;
  readonly path: string;
  /** What is sent; undefined: a GET of `path`. */
  readonly body: Pattern | undefined;
  /** How long nothing of the answer is read. */
  readonly stallMs: number;
  /** Breaks off at the first byte of the answer. */
  readonly abandon: boolean;
}

function draw(roll: Roll, { posts = true, maxBytes = MAX_PAGE_BYTES } = {}): Asked {
  const path = `/${1 + roll(maxBytes)}/${1 + roll(SEEDS)}`;
  const body = posts && roll(3) === 0 ? pageOf(path) : undefined;
  return { host: WEB_HOSTS[roll(2)] ?? WEB_HOSTS[0], path, body, stallMs: 0, abandon: false };
}

/** Counts and hashes an answer. */
class Answer {
  readonly #asked: Asked;
  readonly #hash = createHash("sha256");
  #bytes = 0;
  #text = "";

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    if (this.#asked.body !== undefined) this.#text += new TextDecoder().decode(chunk);
  }

  /** Bytes that were moved and are right. @throws {WrongBytes} when they are not @throws {Error} when the client is away */
  judge(status: number | undefined): number {
    if (AWAY.includes(status ?? 0)) throw new Error(`Status ${status}`);
    if (status !== 200) throw new WrongBytes(`Status ${status}`);
    const { body, path } = this.#asked;
    if (body !== undefined) {
      if (this.#text !== `${body.sizeBytes} ${body.digest()}`) {
        throw new WrongBytes(`A body of ${body.sizeBytes} bytes arrived as ${this.#text}`);
      }
      return body.sizeBytes;
    }
    const page = pageOf(path);
    if (this.#bytes !== page.sizeBytes || this.#hash.digest("hex") !== page.digest()) {
      throw new WrongBytes(`A page of ${page.sizeBytes} bytes came as ${this.#bytes}`);
    }
    return this.#bytes;
  }
}

type AnyAgent = Agent | SecureAgent | false;

function makeAgent(web: WebEntrance): Agent | SecureAgent {
  const options = { keepAlive: true, maxSockets: 1 };
  return web.secure ? new SecureAgent(options) : new Agent(options);
}

/** Asks over HTTP/1.1. */
function askHttp1(web: WebEntrance, agent: AnyAgent, asked: Asked): Promise<number> {
  const { host, path, body } = asked;
  const method = body === undefined ? "GET" : "POST";
  const common = { host: LOOPBACK, port: web.port, method, path, headers: { host }, agent };
  return new Promise((resolve, reject) => {
    const heard = (response: IncomingMessage): void => {
      const answer = new Answer(asked);
      response.on("data", (chunk: Uint8Array) => {
        answer.add(chunk);
        if (!asked.abandon) return;
        sent.destroy();
        resolve(chunk.length);
      });
      if (asked.stallMs > 0) {
        response.pause();
        void pause(asked.stallMs).then(() => response.resume());
      }
      response.on("error", reject);
      response.on("aborted", () => reject(new Error("The response broke off")));
      response.on("end", () => {
        if (!response.complete) return reject(new Error("The response broke off"));
        try {
          resolve(answer.judge(response.statusCode));
        } catch (error) {
          reject(error);
        }
      });
    };
    // Whose certificate it is, other tests know; here it changes all the time.
    const sent = web.secure
      ? secureRequest({ ...common, servername: host, rejectUnauthorized: false }, heard)
      : request(common, heard);
    sent.on("error", reject);
    for (const chunk of body?.chunks() ?? []) sent.write(chunk);
    sent.end();
  });
}

/** Asks over HTTP/2. */
function askHttp2(session: ClientHttp2Session, web: WebEntrance, asked: Asked): Promise<number> {
  const { host, path, body } = asked;
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": body === undefined ? "GET" : "POST",
      ":scheme": web.secure ? "https" : "http",
      ":authority": host,
      ":path": path,
    }, { endStream: body === undefined });
    const answer = new Answer(asked);
    let status: number | undefined;
    stream.on("response", (fields) => status = Number(fields[":status"]));
    stream.on("data", (chunk: Uint8Array) => {
      answer.add(chunk);
      if (!asked.abandon) return;
      stream.close();
      resolve(chunk.length);
    });
    let ended = false;
    stream.on("end", () => ended = true);
    stream.on("error", reject);
    stream.on("close", () => {
      if (stream.rstCode !== 0) return reject(new Error(`The stream was reset with ${stream.rstCode}`));
      if (!ended) return reject(new Error("The stream broke off"));
      try {
        resolve(answer.judge(status));
      } catch (error) {
        reject(error);
      }
    });
    for (const chunk of body?.chunks() ?? []) stream.write(chunk);
    if (body !== undefined) stream.end();
  });
}

function once(web: WebEntrance, asked: Asked): Promise<number> {
  return within(askHttp1(web, false, asked), "a page", VISIT_DEADLINE_MS);
}

/** Several requests, one after the other, on one connection. */
async function keepAlive(web: WebEntrance, roll: Roll): Promise<number> {
  const agent = makeAgent(web);
  try {
    let bytes = 0;
    for (let round = 1 + roll(8); round > 0; round--) {
      bytes += await within(askHttp1(web, agent, draw(roll)), "a page", VISIT_DEADLINE_MS);
    }
    return bytes;
  } finally {
    agent.destroy();
  }
}

/** Several requests at once on one connection, some of which are abandoned. */
async function http2(web: WebEntrance, roll: Roll): Promise<number> {
  const session = connect(`${web.secure ? "https" : "http"}://${LOOPBACK}:${web.port}`, {
    rejectUnauthorized: false,
    servername: WEB_HOSTS[0],
  });
  const broken = new Promise<never>((_, reject) => session.on("error", reject));
  broken.catch(() => {}); // It is awaited below, unless all is over before.
  try {
    let bytes = 0;
    for (let round = 1 + roll(2); round > 0; round--) {
      const asked = Array.from({ length: 1 + roll(6) }, () => ({ ...draw(roll), abandon: roll(8) === 0 }));
      const answered = Promise.all(asked.map((one) => askHttp2(session, web, one)));
      answered.catch(() => {}); // The session's own error may come first.
      const moved = await within(Promise.race([answered, broken]), "pages over HTTP/2", VISIT_DEADLINE_MS);
      bytes += moved.reduce((sum, one) => sum + one, 0);
    }
    return bytes;
  } finally {
    await closeSession(session);
  }
}

async function closeSession(session: ClientHttp2Session): Promise<void> {
  if (session.destroyed) return;
  const closed = new Promise((resolve) => session.once("close", resolve));
  session.destroy();
  await within(closed, "an HTTP/2 connection to close");
}

/** Each kind of visit over HTTP. */
export const WEB_VISITS: Readonly<Record<string, WebVisit>> = {
  page: (web, roll) => once(web, draw(roll)),
  "stalled page": (web, roll) =>
    once(web, {
      ...draw(roll, { posts: false, maxBytes: MAX_STALLED_PAGE_BYTES }),
      stallMs: 1 + roll(STALL_MS),
    }),
  "abandoned page": (web, roll) => once(web, { ...draw(roll, { posts: false }), abandon: true }),
  "keep-alive": keepAlive,
  "HTTP/2": http2,
};
