/**
 * The service behind the tunnel: each visitor says in its first line what it wants.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { within } from "../support/deadline.ts";
import { connectSocket, listenSockets, type RawSocket, type TestListener } from "../support/raw_socket.ts";
import { Pattern, readToEnd, type Received, TRANSFER_DEADLINE_MS, writePattern } from "./_traffic.ts";

const LOOPBACK = "127.0.0.1";

/**
 * What a visitor can ask for:
 * - `take SIZE SEED`: reads to the visitor's end, answers with length and hash.
 * - `take-late SIZE SEED`: ends its own direction first, then reads; see {@linkcode TrafficService.taken}.
 * - `give SIZE SEED`: sends a pattern and ends.
 * - `give-late SIZE SEED`: the same, but only after the visitor's end.
 * - `echo`: sends back what comes.
 * - `flood 0 SEED`: sends as much as {@linkcode TrafficService.letFlood} allows, until {@linkcode TrafficService.endFloods}.
 */
export type Wish = "take" | "take-late" | "give" | "give-late" | "echo" | "flood";

/** The service, in the tests' own process. */
export class TrafficService implements AsyncDisposable {
  /** Bytes of each flood that the system has taken, by seed. */
  readonly flooded = new Map<number, number>();
  /** Connections that are not over. */
  connections = 0;
  readonly #listener: TestListener;
  readonly #taken = new Map<number, (received: Promise<Received>) => void>();
  #floodBytes = 0;
  #floodsEnd = false;
  #floodsWait: (() => void)[] = [];

  private constructor(listener: TestListener) {
    this.#listener = listener;
  }

  /** Starts it on a port that the system chooses. */
  static async start(): Promise<TrafficService> {
    const listener = await listenSockets({
      onSocket: (socket) => {
        service.connections++;
        void socket.closed.then(() => service.connections--);
        // A visitor that breaks off is no failure of the service.
        service.#serve(socket).catch(() => socket.connection.reset());
      },
    });
    const service = new TrafficService(listener);
    return service;
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener.address.port;
  }

  /** What `take-late` with this seed receives. */
  taken(seed: number): Promise<Received> {
    return new Promise((resolve) => this.#taken.set(seed, resolve));
  }

  /** Lets every flood send this many bytes in all. @default nothing yet */
  letFlood(bytes: number): void {
    this.#floodBytes = bytes;
    for (const resume of this.#floodsWait.splice(0)) resume();
  }

  /** Lets every flood send the piece that it is at, and end. */
  endFloods(): void {
    this.#floodsEnd = true;
    this.letFlood(Infinity);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
  }

  async #serve(socket: RawSocket): Promise<void> {
    const { line, rest } = await firstLine(socket);
    const [wish, size, seed] = line.split(" ");
    const pattern = new Pattern(Number(size), Number(seed));
    const received = wish === "echo" ? echo(socket, rest) : readToEnd(socket, rest);
    received.catch(() => {}); // Who needs it awaits it.
    socket.resume();
    switch (wish) {
      case "take": {
        const { bytes, digest } = await received;
        await socket.write(new TextEncoder().encode(`${bytes} ${digest}`));
        break;
      }
      case "take-late":
        await socket.end();
        return this.#taken.get(pattern.seed)?.(received);
      case "give-late":
        await received;
        await writePattern(socket, pattern);
        break;
      case "give":
        await writePattern(socket, pattern);
        break;
      case "echo":
        await received;
        break;
      case "flood":
        await this.#flood(socket, pattern.seed);
    }
    await socket.end();
  }

  async #flood(socket: RawSocket, seed: number): Promise<void> {
    let sentBytes = 0;
    for (const chunk of new Pattern(Infinity, seed).chunks()) {
      this.flooded.set(seed, sentBytes);
      while (sentBytes >= this.#floodBytes) {
        await new Promise<void>((resolve) => this.#floodsWait.push(resolve));
      }
      if (this.#floodsEnd || !await socket.write(chunk)) return;
      sentBytes += chunk.length;
    }
  }
}

/** Connects and says what it wants. */
export async function ask(port: number, wish: Wish, pattern: Pattern = new Pattern(0)): Promise<RawSocket> {
  const socket = await connectSocket({ hostname: LOOPBACK, port });
  await socket.write(new TextEncoder().encode(`${wish} ${pattern.sizeBytes} ${pattern.seed}\n`));
  return socket;
}

/** Sends a pattern up, ends, and compares what the service says it received. */
export async function checkUpload(port: number, pattern: Pattern): Promise<void> {
  const socket = await ask(port, "take", pattern);
  await within(writePattern(socket, pattern), "an upload", TRANSFER_DEADLINE_MS);
  await socket.end();
  const answer = new TextDecoder().decode(await socket.readToEnd(TRANSFER_DEADLINE_MS));
  assert.equal(answer, `${pattern.sizeBytes} ${pattern.digest()}`);
  await socket.close();
}

/** Reads a pattern down, to the service's end, and compares it. */
export async function checkDownload(port: number, pattern: Pattern): Promise<void> {
  const socket = await ask(port, "give", pattern);
  await checkReceived(readToEnd(socket), pattern);
  await socket.end();
  await socket.close();
}

/** Both. */
export async function checkBothWays(port: number, pattern: Pattern): Promise<void> {
  await checkUpload(port, pattern);
  await checkDownload(port, pattern);
}

/** Sends bytes up after the service has ended its direction, and down after the visitor has ended its own. */
export async function checkHalfClose(
  service: TrafficService,
  port: number,
  sizeBytes: number,
): Promise<void> {
  const down = new Pattern(sizeBytes, 11);
  const first = await ask(port, "give-late", down);
  const received = readToEnd(first);
  await first.end();
  await checkReceived(received, down);
  await first.close();

  const up = new Pattern(sizeBytes, 12);
  const taken = service.taken(up.seed);
  const second = await ask(port, "take-late", up);
  assert.equal((await within(readToEnd(second), "the service's end")).bytes, 0);
  await within(writePattern(second, up), "an upload after the service's end", TRANSFER_DEADLINE_MS);
  await second.end();
  await checkReceived(taken, up);
  await second.close();
}

/** Compares what arrives with a pattern. */
export async function checkReceived(received: Promise<Received>, pattern: Pattern): Promise<void> {
  const { bytes, digest } = await within(received, `${pattern.sizeBytes} bytes`, TRANSFER_DEADLINE_MS);
  assert.equal(bytes, pattern.sizeBytes);
  assert.equal(digest, pattern.digest());
}

/** Sends back what comes, up to the visitor's end. */
async function echo(socket: RawSocket, begun: Uint8Array): Promise<Received> {
  const back = (chunk: Uint8Array): void => void socket.write(chunk.slice());
  back(begun);
  socket.onData = back;
  await socket.ended;
  return { bytes: socket.bytesReceived, digest: "" };
}

/** Takes the first line. The socket is paused then, and `rest` is what came behind the line. */
async function firstLine(socket: RawSocket): Promise<{ line: string; rest: Uint8Array }> {
  let heard = Buffer.alloc(0);
  const found = new Promise<{ line: string; rest: Uint8Array }>((resolve) => {
    socket.onData = (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      const end = heard.indexOf("\n");
      if (end < 0) return;
      socket.pause();
      resolve({ line: heard.toString("latin1", 0, end), rest: heard.subarray(end + 1) });
    };
  });
  const ended = socket.ended.then(() => {
    throw new Error("The visitor wished for nothing");
  });
  return await Promise.race([found, ended]);
}
