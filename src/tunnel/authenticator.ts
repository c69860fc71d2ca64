/**
 * Who may connect.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "../clock.ts";
import { MAX_TOKEN_BYTES } from "../wire/limits.ts";
import type { TokenOptions } from "./scope_options.ts";

/**
 * Checks tokens. Only their SHA-256 digests are kept, and every digest is compared in full, so that the time taken says
 * nothing about a token.
 *
 * @example
 * ```ts
 * import { Authenticator } from "./authenticator.ts";
 *
 * const authenticator = new Authenticator([{ name: "home", token: "correct horse" }]);
 * console.log(authenticator.check("correct horse"), authenticator.check("battery")); // "home" undefined
 * ```
 */
export class Authenticator {
  readonly #tokens: readonly { readonly name: string; readonly digest: Uint8Array }[];

  /**
   * @param tokens At least one; names unique.
   * @throws {TypeError} for an empty list, a name used twice, a token that no client could send, or a hash that is none
   */
  constructor(tokens: readonly TokenOptions[]) {
    if (tokens.length === 0) throw new TypeError("A server needs at least one token");
    if (new Set(tokens.map((token) => token.name)).size < tokens.length) {
      throw new TypeError("Two tokens have the same name");
    }
    this.#tokens = tokens.map((options) => ({ name: options.name, digest: digestOf(options) }));
  }

  /** The name of the token that equals `candidate`, or undefined. */
  check(candidate: string): string | undefined {
    const digest = sha256(candidate);
    let found: string | undefined;
    for (const token of this.#tokens) {
      if (timingSafeEqual(digest, token.digest)) found = token.name;
    }
    return found;
  }
}

/** What a token's hash looks like. */
export const TOKEN_HASH_PATTERN = /^sha256:[0-9a-f]{64}$/i;

/** The hash that stands for a token in a server's configuration. */
export function hashToken(token: string): string {
  return `sha256:${createHash("sha256").update(token).digest("hex")}`;
}

function digestOf({ name, token, hash }: TokenOptions): Uint8Array {
  if ((token === undefined) === (hash === undefined)) {
    throw new TypeError(`Token ${name} needs either the token or its hash`);
  }
  if (token !== undefined) {
    assertToken(token);
    return sha256(token);
  }
  if (hash === undefined || !TOKEN_HASH_PATTERN.test(hash)) {
    throw new TypeError(`The hash of token ${name} is not sha256: and 64 hexadecimal digits`);
  }
  return Buffer.from(hash.slice("sha256:".length), "hex");
}

/** @throws {TypeError} when `token` is not 1 to 256 bytes of printable ASCII; the message does not show it */
export function assertToken(token: string): void {
  if (!/^[\x20-\x7e]+$/.test(token) || token.length > MAX_TOKEN_BYTES) {
    throw new TypeError(`A token must be 1 to ${MAX_TOKEN_BYTES} printable ASCII characters`);
  }
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Failures from one address that have no consequence. */
export const FREE_FAILURES = 5;
/** One failure is forgiven for each time this long without another, counted from the end of the penalty. */
export const FORGIVING_MS = 60_000;
/** Longest time that an address is shut out. */
export const MAX_PENALTY_MS = 60_000;
/** Addresses that are remembered; the one that failed longest ago is forgotten first. */
export const MAX_REMEMBERED_ADDRESSES = 10_000;

/**
 * Slows guessing: after a few failures an address is shut out, for 1 s at first and twice as long with each further one.
 * While it is shut out no token is looked at, so guesses made meanwhile tell nothing. Only time forgives: a right token says
 * nothing about who guessed, as its owner may be the one who tries for the tokens of others.
 */
export class AddressPenalties {
  readonly #clock: Clock;
  readonly #byAddress = new Map<string, { failures: number; until: number }>();

  /** @param clock The clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the address is shut out now. */
  isShutOut(address: string): boolean {
    const entry = this.#byAddress.get(address);
    return entry !== undefined && entry.until > this.#clock.now();
  }

  /** A token from this address was wrong. */
  failed(address: string): void {
    const failures = this.#remembered(address) + 1;
    const penaltyMs = failures <= FREE_FAILURES
      ? 0
      : Math.min(MAX_PENALTY_MS, 1_000 * 2 ** (failures - FREE_FAILURES - 1));
    this.#byAddress.delete(address); // To the end: the map's order is that of the last failures.
    this.#byAddress.set(address, { failures, until: this.#clock.now() + penaltyMs });
    if (this.#byAddress.size <= MAX_REMEMBERED_ADDRESSES) return;
    const [oldest] = this.#byAddress.keys();
    if (oldest !== undefined) this.#byAddress.delete(oldest);
  }

  /** Failures that are not forgiven yet. */
  #remembered(address: string): number {
    const entry = this.#byAddress.get(address);
    if (entry === undefined) return 0;
    const forgiven = Math.floor(Math.max(0, this.#clock.now() - entry.until) / FORGIVING_MS);
    return Math.max(0, entry.failures - forgiven);
  }
}
