/**
 * Passwords as they are kept: hashed with scrypt, so that whoever reads a configuration cannot log in with it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";

/** How much work a hash is. Memory is 128 · `cost` · `blockSize` bytes. */
export interface ScryptCost {
  /** A power of 2 from 2 to 2^20. @default 32768 */
  readonly cost?: number;
  /** 1 to 32. @default 8 */
  readonly blockSize?: number;
  /** 1 to 16. @default 3 */
  readonly parallel?: number;
}

/** A hash in its parts. */
export interface PasswordHash extends Required<ScryptCost> {
  /** Random bytes, so that equal passwords have different hashes. */
  readonly salt: Uint8Array;
  /** What scrypt makes of salt and password. */
  readonly key: Uint8Array;
}

/** 32 MiB and about a quarter of a second: what OWASP's table has for 32 MiB. */
const DEFAULT_COST: Required<ScryptCost> = { cost: 2 ** 15, blockSize: 8, parallel: 3 };
const MAX_MEMORY_BYTES = 256 * 1024 ** 2;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const FORM = /^scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9_-]{22,86}):([A-Za-z0-9_-]{43})$/;

/** What hashes of passwords look like, in words. */
export const PASSWORD_HASH_EXPECTED = "the hash of a password as `ferrotunnel hash-password` prints it";

/**
 * Hashes a password, for {@linkcode basicAuth} and configurations.
 *
 * @param password Not empty.
 * @param cost How much work it is to be.
 * @returns For instance `scrypt:32768:8:3:SALT:KEY`.
 * @throws {TypeError} for an empty password
 * @throws {RangeError} for a cost that cannot be
 *
 * @example
 * ```ts
 * import { hashPassword } from "./password.ts";
 *
 * console.log(await hashPassword("correct horse battery staple"));
 * ```
 */
export async function hashPassword(password: string, cost: ScryptCost = {}): Promise<string> {
  if (password === "") throw new TypeError("Expected a password but got none");
  const chosen = { ...DEFAULT_COST, ...cost };
  if (!isCost(chosen)) throw new RangeError(`Cannot hash a password at the cost ${JSON.stringify(chosen)}`);
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, { ...chosen, salt });
  const parts = [chosen.cost, chosen.blockSize, chosen.parallel, base64(salt), base64(key)];
  return `scrypt:${parts.join(":")}`;
}

/**
 * Reads a hash.
 *
 * @param text As {@linkcode hashPassword} writes it.
 * @returns undefined when it is none, or one that takes more memory than 256 MiB.
 */
export function parsePasswordHash(text: string): PasswordHash | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, cost, blockSize, parallel, salt = "", key = ""] = match;
  const numbers = { cost: Number(cost), blockSize: Number(blockSize), parallel: Number(parallel) };
  if (!isCost(numbers)) return undefined;
  return { ...numbers, salt: Buffer.from(salt, "base64url"), key: Buffer.from(key, "base64url") };
}

/**
 * Whether a password is the one that was hashed. Takes as long for any password.
 *
 * @param password What somebody typed.
 * @param hash The hash.
 */
export async function verifyPassword(password: string, hash: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, hash), hash.key);
}

/** A hash that no password has, at the cost of others: who names no user is not to be told by the time it takes. */
export function unknownUserHash(like: PasswordHash | undefined): PasswordHash {
  const { cost, blockSize, parallel } = like ?? DEFAULT_COST;
  return { cost, blockSize, parallel, salt: randomBytes(SALT_BYTES), key: randomBytes(KEY_BYTES) };
}

function isCost({ cost, blockSize, parallel }: Required<ScryptCost>): boolean {
  const whole = [cost, blockSize, parallel].every((value) => Number.isInteger(value) && value >= 1);
  return whole && cost >= 2 && cost <= 2 ** 20 && (cost & (cost - 1)) === 0 && blockSize <= 32 &&
    parallel <= 16 && memoryBytes(cost, blockSize) <= MAX_MEMORY_BYTES;
}

function memoryBytes(cost: number, blockSize: number): number {
  return 128 * cost * blockSize;
}

function derive(
  password: string,
  { cost, blockSize, parallel, salt }: Required<ScryptCost> & { readonly salt: Uint8Array },
): Promise<Uint8Array> {
  // Unicode has several spellings of one text; keyboards differ in which they make.
  const text = password.normalize("NFC");
  const maxmem = memoryBytes(cost, blockSize) * 2 + 1024 ** 2;
  return new Promise((resolve, reject) => {
    scrypt(text, salt, KEY_BYTES, { N: cost, r: blockSize, p: parallel, maxmem }, (error, key) => {
      // Without error it is null on Deno, undefined on Bun.
      if (error instanceof Error) reject(error);
      else resolve(key);
    });
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
