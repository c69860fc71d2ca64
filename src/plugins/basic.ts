/**
 * Lets in who knows a name and a password.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHmac, randomBytes } from "node:crypto";
import { refuse, refuseUntil } from "./_answers.ts";
import { RecentMap } from "./_recent_map.ts";
import {
  parsePasswordHash,
  PASSWORD_HASH_EXPECTED,
  type PasswordHash,
  unknownUserHash,
  verifyPassword,
} from "./password.ts";
import type { Plugin, PluginContext, PluginFactory, PluginRequest, RequestVerdict } from "./types.ts";

/** Options of {@linkcode basicAuth}. */
export interface BasicAuthOptions {
  /** Hashes of passwords, as `hashPassword` makes them, by the users' names. At least one; names without `:`. */
  readonly users: Readonly<Record<string, string>>;
  /** What the browser shows when it asks. Printable ASCII without `"` and `\`. @default "Restricted" */
  readonly realm?: string;
  /** Whether the service is given the `Authorization` field too. @default false */
  readonly forward?: boolean;
  /** How long a password that was right is known to be so, in milliseconds. @default 300000, five minutes */
  readonly rememberMs?: number;
}

/** Passwords that were right and are remembered. */
export const MAX_REMEMBERED = 1_000;
/** Passwords that are being checked at once; more would use up the memory and the threads. */
export const MAX_CHECKS = 4;
/** Passwords that may wait for their check; beyond it visitors get 503. */
export const MAX_WAITING = 64;

const DEFAULT_REMEMBER_MS = 300_000;
/** Longer ones are no credentials: nobody types them. */
const MAX_CREDENTIALS = 2_048;
const BASIC = /^basic +([A-Za-z0-9+/_-]+={0,2})$/i;

/** Whether a text can be the realm of {@linkcode basicAuth}. */
export function isRealm(text: string): boolean {
  return /^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/.test(text);
}

/** Whether a text can be the name of a user of {@linkcode basicAuth}. */
export function isUserName(text: string): boolean {
  // deno-lint-ignore no-control-regex -- control characters are what it is to find
  return /^[^:\x00-\x1f\x7f]{1,100}$/u.test(text) && text !== "__proto__";
}

/**
 * Lets in who knows a name and a password (RFC 7617); others get 401, and browsers ask. Checking a password is slow on purpose, so
 * that one that was right is remembered for a while, and only a few are checked at once.
 *
 * @param options Users and what browsers show.
 * @throws {TypeError} for no user, or one whose name or hash cannot be used
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { basicAuth } from "./basic.ts";
 * import { hashPassword } from "./password.ts";
 *
 * const make = basicAuth({ users: { ada: await hashPassword("correct horse battery staple") } });
 * const plugin = await make({ name: "login", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.guards); // true
 * ```
 */
export function basicAuth(options: BasicAuthOptions): PluginFactory {
  const users = new Map<string, PasswordHash>();
  for (const [name, text] of Object.entries(options.users)) {
    if (!isUserName(name)) throw new TypeError(`Cannot name a user ${JSON.stringify(name)}`);
    const hash = parsePasswordHash(text);
    if (hash === undefined) throw new TypeError(`Expected ${PASSWORD_HASH_EXPECTED} for ${name}`);
    users.set(name.normalize("NFC"), hash);
  }
  if (users.size === 0) throw new TypeError("Expected at least one user");
  const { realm = "Restricted" } = options;
  if (!isRealm(realm)) throw new TypeError(`Cannot call a realm ${JSON.stringify(realm)}`);
  return (context) => new BasicAuth(users, { ...options, realm, context });
}

class BasicAuth implements Plugin {
  readonly name: string;
  readonly guards = true;
  readonly #users: ReadonlyMap<string, PasswordHash>;
  readonly #unknown: PasswordHash;
  readonly #clock: PluginContext["clock"];
  readonly #challenge: [string, string][];
  readonly #forward: boolean;
  readonly #rememberMs: number;
  /** Known under their HMAC with a key of this process, so that memory holds no passwords. */
  readonly #hmacKey = randomBytes(32);
  readonly #rememberedUntil = new RecentMap<string, number>(MAX_REMEMBERED);
  readonly #checks = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(
    users: ReadonlyMap<string, PasswordHash>,
    options: Omit<BasicAuthOptions, "users"> & { readonly realm: string; readonly context: PluginContext },
  ) {
    this.name = options.context.name;
    this.#users = users;
    this.#unknown = unknownUserHash([...users.values()][0]);
    this.#clock = options.context.clock;
    this.#challenge = [["www-authenticate", `Basic realm="${options.realm}", charset="UTF-8"`]];
    this.#forward = options.forward ?? false;
    this.#rememberMs = options.rememberMs ?? DEFAULT_REMEMBER_MS;
  }

  onRequest(request: PluginRequest): RequestVerdict | Promise<RequestVerdict> {
    const values = request.headers.getAll("authorization");
    const credentials = values.length === 1 ? parseCredentials(values[0] ?? "") : undefined;
    if (credentials === undefined) return refuse(401, this.#challenge);
    const { user, password } = credentials;
    const key = createHmac("sha256", this.#hmacKey).update(`${user}:${password}`).digest("base64");
    const until = this.#rememberedUntil.get(key);
    if (until !== undefined && this.#clock.now() < until) return this.#answer(request, true);
    let check = this.#checks.get(key);
    if (check === undefined) {
      if (this.#waiting.length >= MAX_WAITING) return refuseUntil(503, 1000);
      check = this.#check(key, user, password);
      this.#checks.set(key, check);
    }
    return check.then((right) => this.#answer(request, right));
  }

  #answer(request: PluginRequest, right: boolean): RequestVerdict {
    if (!right) return refuse(401, this.#challenge);
    if (!this.#forward) request.headers.delete("authorization");
    return undefined;
  }

  async #check(key: string, user: string, password: string): Promise<boolean> {
    if (this.#running >= MAX_CHECKS) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      const hash = this.#users.get(user);
      const same = await verifyPassword(password, hash ?? this.#unknown);
      const right = same && hash !== undefined;
      if (right) this.#rememberedUntil.set(key, this.#clock.now() + this.#rememberMs);
      return right;
    } finally {
      this.#checks.delete(key);
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function parseCredentials(value: string): { readonly user: string; readonly password: string } | undefined {
  if (value.length > MAX_CREDENTIALS) return undefined;
  const encoded = BASIC.exec(value)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  return { user: text.slice(0, colon).normalize("NFC"), password: text.slice(colon + 1) };
}
