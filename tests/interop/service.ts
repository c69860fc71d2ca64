/**
 * A local service that does what the visitor's first line says, and visitors that ask it to. Nothing of it depends on
 * frames or on timing, so the same commands run through any tunnel.
 *
 * | first line  | what the service does                                                              |
 * | ----------- | ---------------------------------------------------------------------------------- |
 * | `get N`     | sends N blocks of the pattern and ends                                             |
 * | `put`       | reads to the visitor's end, answers with the number and hash of the bytes, ends    |
 * | `put N`     | reads N bytes, answers with their number and hash, ends                            |
 * | `hold`      | answers `held` and a line end, then waits for the visitor's end, and ends          |
 * | `reset`     | resets the connection                                                              |
 * | `echo`      | sends back what comes, and ends when the visitor has                               |
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { SocketAddress } from "../../src/runtime/types.ts";
import { listenSockets, type RawSocket } from "../support/raw_socket.ts";

/** Bytes of one block of what `get` sends. */
export const BLOCK_BYTES = 64 * 1024;

/** A service on loopback. */
export interface CommandService {
  readonly address: SocketAddress;
  /** Connections that are not closed. */
  open(): number;
  /** Connections there have been. */
  accepted(): number;
  /** Reads no more on any connection, or reads again. */
  pauseAll(): void;
  resumeAll(): void;
  close(): Promise<void>;
}

/** Starts one. */
export async function startCommandService(): Promise<CommandService> {
  const open = new Set<RawSocket>();
  let accepted = 0;
  const listener = await listenSockets({
    onSocket: (socket) => {
      open.add(socket);
      accepted++;
      void socket.closed.then(() => open.delete(socket));
      serve(socket);
    },
  });
  return {
    address: listener.address,
    open: () => open.size,
    accepted: () => accepted,
    pauseAll: () => open.forEach((socket) => socket.pause()),
    resumeAll: () => open.forEach((socket) => socket.resume()),
    close: () => listener.close(),
  };
}

/** Blocks that differ from each other, the same each time. */
export function blockAt(index: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  new Uint32Array(block.buffer).forEach((_, word, words) =>
    words[word] = Math.imul(index * 16384 + word, 2654435761)
  );
  return block;
}

/** Number and hash of bytes, as `put` answers and visitors of `get` compare. */
export class Digest {
  #bytes = 0;
  readonly #hash: Hash = createHash("sha256");

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  update(chunk: Uint8Array): this {
    this.#bytes += chunk.length;
    this.#hash.update(chunk);
    return this;
  }

  /** A line for people and for comparison. */
  line(): string {
    return `${this.#bytes} ${this.#hash.digest("hex")}\n`;
  }
}

const blocks = new Map<number, string>();

/** What {@linkcode Digest.line} says of the first `count` blocks. */
export function lineOfBlocks(count: number): string {
  let line = blocks.get(count);
  if (line === undefined) {
    const digest = new Digest();
    for (let index = 0; index < count; index++) digest.update(blockAt(index));
    blocks.set(count, line = digest.line());
  }
  return line;
}

/** Sends the first `count` blocks. Resolves with whether all of them went. */
export async function writeBlocks(socket: RawSocket, count: number): Promise<boolean> {
  for (let index = 0; index < count; index++) {
    if (!await socket.write(blockAt(index))) return false;
  }
  return true;
}

/** Sends text. */
export function say(socket: RawSocket, text: string): Promise<boolean> {
  return socket.write(new TextEncoder().encode(text));
}

/** What a command does with what comes behind its line. */
interface Act {
  data(chunk: Uint8Array): void;
  /** The visitor has ended its direction. */
  end(): void;
}

function serve(socket: RawSocket): void {
  let head = "";
  let act: Act = { data: () => {}, end: () => void socket.end() };
  socket.onData = (chunk) => {
    const lineEnd = chunk.indexOf(10);
    head += new TextDecoder().decode(lineEnd < 0 ? chunk : chunk.subarray(0, lineEnd));
    if (lineEnd < 0) return;
    act = command(socket, head);
    socket.onData = (more) => act.data(more);
    if (lineEnd + 1 < chunk.length) act.data(chunk.subarray(lineEnd + 1));
  };
  void socket.ended.then(() => act.end());
}

function command(socket: RawSocket, line: string): Act {
  const [verb, argument] = line.split(" ");
  const end = (): void => void socket.end();
  switch (verb) {
    case "get":
      void writeBlocks(socket, Number(argument)).then(end);
      return { data: () => {}, end: () => {} };
    case "put":
      return put(socket, argument === undefined ? Infinity : Number(argument));
    case "hold":
      void say(socket, "held\n");
      return { data: () => {}, end };
    case "reset":
      void socket.reset();
      return { data: () => {}, end: () => {} };
    default:
      return { data: (chunk) => void socket.write(chunk.slice()), end };
  }
}

function put(socket: RawSocket, bytes: number): Act {
  const digest = new Digest();
  let answered = false;
  const answer = (): void => {
    if (!answered) void say(socket, digest.line()).then(() => socket.end());
    answered = true;
  };
  return {
    data: (chunk) => {
      digest.update(chunk);
      if (digest.bytes >= bytes) answer();
    },
    end: answer,
  };
}
