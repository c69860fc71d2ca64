/**
 * Every token and key that a server knows, live: they can be replaced, and they expire.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import { parsePublicKey, type PublicKey } from "../trust/client_key.ts";
import { Authenticator, hashToken } from "./authenticator.ts";
import { Grant } from "./grant.ts";
import type { KeyOptions, ScopeOptions, TokenOptions } from "./scope_options.ts";

/** What a server is told of tokens and keys. */
export interface Credentials {
  readonly tokens: readonly TokenOptions[];
  /** @default none */
  readonly keys?: readonly KeyOptions[] | undefined;
}

/** A key that a client can prove to have. */
export interface KeyGrant {
  readonly key: PublicKey;
  readonly grant: Grant;
}

/** Options of {@linkcode Grants}. */
export interface GrantsOptions extends Credentials {
  readonly clock: Clock;
}

/** How often the wall clock is looked at, since it may be set while a timer runs. */
export const EXPIRY_CHECK_MS = 60_000;

/** Finds what a client presents, and ends the sessions of what is gone. */
export class Grants {
  readonly #clock: Clock;
  #byName: ReadonlyMap<string, Grant> = new Map();
  #authenticator: Authenticator | undefined;
  #keys: ReadonlyMap<string, KeyGrant> = new Map();
  #cancelTimer: CancelTimer = () => {};
  #closed = false;

  /**
   * @param options Tokens and keys; at least one.
   * @throws {TypeError} for none, a name used twice, or one that no client could present
   */
  constructor({ clock, ...credentials }: GrantsOptions) {
    this.#clock = clock;
    this.replace(credentials);
  }

  /** All of them, expired ones too. */
  all(): Iterable<Grant> {
    return this.#byName.values();
  }

  /** The token that equals `candidate`; it may have expired. */
  ofToken(candidate: string): Grant | undefined {
    const name = this.#authenticator?.check(candidate);
    return name === undefined ? undefined : this.#byName.get(name);
  }

  /** The key with this id; it may have expired. */
  ofKey(id: string): KeyGrant | undefined {
    return this.#keys.get(id);
  }

  /**
   * Takes these in place of those it has. Who came with one that is gone, or has another hash or key now, has to go; who came
   * with one that permits something else is left to the caller.
   *
   * @returns those whose scope may have changed, and the names of those that are gone
   * @throws {TypeError} as the constructor; then nothing has changed
   * @throws {RangeError} for a bandwidth that is not above 0, or no date; then nothing has changed
   */
  replace({ tokens, keys = [] }: Credentials): { readonly kept: Grant[]; readonly gone: string[] } {
    if (tokens.length + keys.length === 0) throw new TypeError("A server needs at least one token or key");
    const names = new Set([...tokens, ...keys].map(({ name }) => name));
    if (names.size < tokens.length + keys.length) {
      throw new TypeError("Two tokens or keys have the same name");
    }
    for (const scope of [...tokens, ...keys]) assertScope(scope);
    const authenticator = tokens.length === 0 ? undefined : new Authenticator(tokens);
    const parsed = keys.map((options) => ({ options, key: parsePublicKey(options.publicKey) }));
    const before = this.#byName;
    const kept: Grant[] = [];
    const grantFor = (kind: Grant["kind"], name: string, proof: string, scope: ScopeOptions): Grant => {
      const old = before.get(name);
      if (old?.kind !== kind || old.proof !== proof) {
        return new Grant({ clock: this.#clock, name, kind, proof, scope });
      }
      kept.push(old);
      return old;
    };
    const byName = new Map<string, Grant>();
    for (const options of tokens) {
      const { name, token, hash } = options;
      byName.set(name, grantFor("token", name, hash?.toLowerCase() ?? hashToken(token ?? ""), options));
    }
    const byId = new Map<string, KeyGrant>();
    for (const { options, key } of parsed) {
      const grant = grantFor("key", options.name, key.text, options);
      byName.set(options.name, grant);
      byId.set(key.id, { key, grant });
    }
    this.#byName = byName;
    this.#authenticator = authenticator;
    this.#keys = byId;
    for (const options of [...tokens, ...keys]) {
      const grant = byName.get(options.name);
      if (grant !== undefined && kept.includes(grant)) grant.change(options);
    }
    for (const [name, grant] of before) {
      if (byName.get(name) === grant) continue;
      const what = byName.has(name) ? "was replaced" : "is not valid any more";
      grant.revoke(`The ${grant.kind} ${name} ${what}`);
    }
    this.#watch();
    return { kept, gone: [...before.keys()].filter((name) => !byName.has(name)) };
  }

  /** The server is stopping. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer();
    for (const grant of this.#byName.values()) grant.close();
  }

  /** Ends what has expired, and sets a timer for what will. The wall clock may jump, so no timer is trusted for long. */
  #watch(): void {
    this.#cancelTimer();
    if (this.#closed) return;
    let next = Infinity;
    for (const grant of this.#byName.values()) {
      const { expires } = grant.scope;
      if (expires === undefined) continue;
      const { refusal } = grant;
      if (refusal !== undefined) grant.endSessions(refusal);
      // Also for one that has expired: the clock may be set back.
      const remainingMs = refusal === undefined ? expires.getTime() - this.#clock.wall() : EXPIRY_CHECK_MS;
      next = Math.min(next, EXPIRY_CHECK_MS, Math.max(1, remainingMs));
    }
    if (next === Infinity) return;
    this.#cancelTimer = this.#clock.setTimer(() => this.#watch(), next);
  }
}

/** Asked before anything changes: half a change could leave in who has to go. */
function assertScope({ bandwidth, expires }: ScopeOptions): void {
  if (bandwidth !== undefined && !(bandwidth > 0)) {
    throw new RangeError(`A bandwidth must be above 0 bytes per second, not ${bandwidth}`);
  }
  if (expires !== undefined && Number.isNaN(expires.getTime())) throw new RangeError("Expected a valid date");
}
