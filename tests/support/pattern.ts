/**
 * Large transfers whose bytes are checked without being kept.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { RawSocket } from "./raw_socket.ts";

const BLOCK_BYTES = 64 * 1024;

/** Counts and hashes what it is given. */
export interface Checker {
  /** Bytes so far. */
  readonly bytes: number;
  update(chunk: Uint8Array): void;
  /** The SHA-256 of all. */
  digest(): string;
}

function createChecker(): Checker {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    get bytes() {
      return bytes;
    },
    update: (chunk) => {
      bytes += chunk.length;
      hash.update(chunk);
    },
    digest: () => hash.digest("hex"),
  };
}

/** Bytes that are the same each time, with no two blocks alike: what is lost, doubled or out of order changes the hash. */
export class Pattern {
  readonly bytes: number;
  /** The SHA-256 of the whole. */
  readonly digest: string;
  readonly #block = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES));

  /** @param bytes A multiple of 64 KiB. */
  constructor(bytes: number) {
    if (bytes % BLOCK_BYTES !== 0) throw new RangeError(`A pattern has whole blocks, not ${bytes} bytes`);
    this.bytes = bytes;
    const all = createChecker();
    for (let index = 0; index * BLOCK_BYTES < bytes; index++) all.update(this.#blockAt(index));
    this.digest = all.digest();
  }

  /** What a receiver hands its bytes to. */
  checker(): Checker {
    return createChecker();
  }

  /** Writes the whole, then ends the direction. */
  async writeTo(socket: RawSocket): Promise<void> {
    for (let index = 0; index * BLOCK_BYTES < this.bytes; index++) {
      if (!await socket.write(this.#blockAt(index))) throw new Error(`The socket was over at block ${index}`);
    }
    await socket.end();
  }

  #blockAt(index: number): Uint8Array {
    new DataView(this.#block.buffer).setUint32(0, index);
    return this.#block;
  }
}

/** Writes without end, until the socket is over. */
export function floodService(socket: RawSocket): void {
  const chunk = new Uint8Array(BLOCK_BYTES);
  socket.start();
  void (async () => {
    while (await socket.write(chunk));
  })();
}
