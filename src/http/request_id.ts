/**
 * Names of requests, by which a visitor's complaint is found in the logs.
 *
 * @module
 */

const ID_BYTES = 16;
const POOL_IDS = 256;
const MAX_ID = 128;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Random bytes are drawn for many ids at once: asking the system for each is most of an id's cost. */
const pool = new Uint8Array(ID_BYTES * POOL_IDS);
let used = pool.length;

/** A new id: 32 hexadecimal digits that nobody can guess. */
export function newRequestId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let id = "";
  for (const stop = used + ID_BYTES; used < stop; used++) id += HEX[pool[used]!]!;
  return id;
}

/**
 * Whether an id that came with a request may be used further: 1 to 128 of letters, digits, `-`, `_`, `.`. Believe only those
 * of trusted proxies, as a visitor could take another request's.
 */
export function isRequestId(text: string): boolean {
  return text.length <= MAX_ID && /^[A-Za-z0-9._-]+$/.test(text);
}
