/**
 * Secrets that come by standard input.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { UsageError } from "./exit.ts";

/** Longer secrets are a file that was piped in by mistake. */
const MAX_BYTES = 1024;

/**
 * The first line of standard input.
 *
 * @param what What it is, for the message, such as "a password".
 * @throws {UsageError} when it is too long.
 */
export async function readSecretLine(what: string): Promise<string> {
  const [line = ""] = (await readInput()).split(/\r?\n/, 1);
  if (new TextEncoder().encode(line).length <= MAX_BYTES) return line;
  throw new UsageError(`Expected ${what} of at most ${MAX_BYTES} bytes`);
}

async function readInput(): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes: Uint8Array = typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk;
    chunks.push(bytes);
    size += bytes.length;
    if (size > MAX_BYTES || bytes.includes(10)) break;
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
