/**
 * Bytes that cannot be mistaken: pseudo-random blocks with their offset stamped into them, made and hashed on the fly, so
 * that a lost, repeated or misplaced byte changes the SHA-256 that both ends know beforehand.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { RawSocket } from "../support/raw_socket.ts";

export const MIB = 1024 * 1024;
/** Largest piece that is written at once. */
const CHUNK_BYTES = 512 * 1024;
/** How often the offset is stamped into the bytes. */
const STAMP_EVERY_BYTES = 64 * 1024;
/** How long one transfer may take on a busy machine. */
export const TRANSFER_DEADLINE_MS = 100_000;

/** A reproducible run of bytes. */
export class Pattern {
  readonly sizeBytes: number;
  readonly seed: number;
  static readonly #digests = new Map<string, string>();

  /** @param sizeBytes Its length. @param seed Different seeds give different bytes. */
  constructor(sizeBytes: number, seed = 1) {
    this.sizeBytes = sizeBytes;
    this.seed = seed;
  }

  /** Its bytes, in fresh buffers that the taker may keep. */
  *chunks(): Generator<Buffer> {
    const block = randomBlock(this.seed);
    for (let at = 0; at < this.sizeBytes; at += CHUNK_BYTES) {
      const chunk = Buffer.from(block.subarray(0, Math.min(CHUNK_BYTES, this.sizeBytes - at)));
      for (let stamp = 0; stamp + 8 <= chunk.length; stamp += STAMP_EVERY_BYTES) {
        chunk.writeBigUInt64LE(BigInt(at + stamp), stamp);
      }
      yield chunk;
    }
  }

  /** Its SHA-256, computed once. */
  digest(): string {
    const key = `${this.seed}:${this.sizeBytes}`;
    let digest = Pattern.#digests.get(key);
    if (digest === undefined) {
      const hash = createHash("sha256");
      for (const chunk of this.chunks()) hash.update(chunk);
      Pattern.#digests.set(key, digest = hash.digest("hex"));
    }
    return digest;
  }
}

/** What was received in one direction. */
export interface Received {
  readonly bytes: number;
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
}

/**
 * Writes a pattern, one chunk at a time.
 *
 * @throws {Error} when the socket is over before
 */
export async function writePattern(socket: RawSocket, pattern: Pattern): Promise<void> {
  for (const chunk of pattern.chunks()) {
    if (!await socket.write(chunk)) {
      throw new Error(`The socket was over before ${pattern.sizeBytes} bytes were written`);
    }
  }
}

/**
 * Hashes what comes from now on, up to the peer's end.
 *
 * @param socket The socket.
 * @param begun Bytes that came before and belong to it.
 * @throws {Error} when the socket breaks before
 */
export async function readToEnd(
  socket: RawSocket,
  begun: Uint8Array = new Uint8Array(0),
): Promise<Received> {
  const hash = createHash("sha256").update(begun);
  let bytes = begun.length;
  socket.onData = (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  };
  await socket.ended;
  const error = socket.isClosed ? (await socket.closed).error : undefined;
  if (error !== undefined) throw error;
  return { bytes, digest: hash.digest("hex") };
}

/** xorshift32; the same block for the same seed. */
function randomBlock(seed: number): Buffer {
  const words = new Uint32Array(CHUNK_BYTES / 4);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state >>> 0;
  }
  return Buffer.from(words.buffer);
}
