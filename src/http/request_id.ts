/**
 * Names of requests, by which a visitor's complaint is found in the logs.
 *
 * @module
 */
import { Buffer } from "node:buffer";

const ID_BYTES = 16;
const POOL_IDS = 256;
const MAX_ID = 128;
const ID_DIGITS = ID_BYTES * 2;

/** Random bytes are drawn, and made digits, for many ids at once: to ask the system for each is most of an id's cost. */
const pool = new Uint8Array(ID_BYTES * POOL_IDS);
let digits = "";
let used = 0;

/** A new id: 32 hexadecimal digits that nobody can guess. */
export function newRequestId(): string {
  if (used === digits.length) {
    crypto.getRandomValues(pool);
    digits = Buffer.from(pool.buffer).toString("hex");
    used = 0;
  }
  used += ID_DIGITS;
  return digits.slice(used - ID_DIGITS, used);
}

/**
 * Whether an id that came with a request may be used further: 1 to 128 of letters, digits, `-`, `_`, `.`. Believe only those
 * of trusted proxies, as a visitor could take another request's.
 */
export function isRequestId(text: string): boolean {
  return text.length <= MAX_ID && /^[A-Za-z0-9._-]+$/.test(text);
}
