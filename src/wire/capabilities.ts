/**
 * The capabilities in a handshake that switch on what goes beyond protocol version 1.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import { MAX_CREDIT } from "./limits.ts";

/** What one side has named. */
export interface Capabilities {
  /**
   * Bytes that the side which names it lets the other send on every new stream, 1024 to 2³¹ − 1; undefined when it does
   * not know windows, half-close and go-away.
   */
  readonly window: number | undefined;
  /** Whether it knows several services on one connection. */
  readonly services: boolean;
  /** What tells this process from another with the same tunnel id: 32 lower-case hexadecimal digits. */
  readonly instance: string | undefined;
  /** Which of several parallel connections this one is; undefined when there is only one. */
  readonly group: GroupPlace | undefined;
  /** What it says about connections that carry one visitor each; undefined when it does not know them. */
  readonly direct: DirectTerms | undefined;
  /** Whether it knows how to take a service back. */
  readonly withdraw: boolean;
  /** What it says about proving to have a key; undefined when it does not. */
  readonly key: KeyTerms | undefined;
}

/** One of several parallel connections. */
export interface GroupPlace {
  /** From 0, less than `of`. */
  readonly member: number;
  /** How many there are to be, 1 to 64. */
  readonly of: number;
}

/** Of a session: how many connections without a visitor are kept. Of a connection for one visitor: whose it is. */
export type DirectTerms =
  | {
    /** 1 to 999. */
    readonly pool: number;
  }
  | {
    /** The session's id: 32 lower-case hexadecimal digits. */
    readonly session: string;
  };

/** A client says which key it has, the server asks for a proof, and the client gives it. */
export type KeyTerms =
  | {
    /** Names the key: 32 lower-case hexadecimal digits. */
    readonly id: string;
  }
  | {
    /** Drawn at random: 32 lower-case hexadecimal digits. */
    readonly nonce: string;
  }
  | {
    /** The beginning of the fingerprint of the server's key, 32 lower-case hexadecimal digits; "none" without TLS. */
    readonly tls: string;
  };

/** What {@linkcode formatCapabilities} takes. */
export interface FormatCapabilitiesOptions {
  /** See {@linkcode Capabilities}. */
  readonly window: number | undefined;
  /** See {@linkcode Capabilities}. */
  readonly services: boolean;
  /** See {@linkcode Capabilities}. @default undefined */
  readonly instance?: string | undefined;
  /** See {@linkcode Capabilities}. @default undefined */
  readonly group?: GroupPlace | undefined;
  /** See {@linkcode Capabilities}. @default undefined */
  readonly direct?: DirectTerms | undefined;
  /** See {@linkcode Capabilities}. @default false */
  readonly withdraw?: boolean;
  /** See {@linkcode Capabilities}. @default undefined */
  readonly key?: KeyTerms | undefined;
}

/** Smallest initial window in bytes. Less would spend more on window updates than on payload. */
export const MIN_WINDOW_BYTES = 1024;
/** Most parallel connections that can be named. */
export const MAX_GROUP_SIZE = 64;
/** Largest pool of connections without a visitor that can be named. */
export const MAX_DIRECT_POOL = 999;

const STREAMS = "ferrotunnel.streams/1";
const SERVICES = "ferrotunnel.services/1";
const INSTANCE = "ferrotunnel.instance/1";
const GROUP = "ferrotunnel.group/1";
const DIRECT = "ferrotunnel.direct/1";
const WITHDRAW = "ferrotunnel.withdraw/1";
const KEY = "ferrotunnel.key/1";
/** The largest legal window has ten digits, so the number is exact. */
const WINDOW_PARAMETER = /^window=([1-9][0-9]{3,9})$/;
const INSTANCE_PARAMETER = /^id=([0-9a-f]{32})$/;
const GROUP_PARAMETERS = /^member=(0|[1-9][0-9]?);of=([1-9][0-9]?)$/;
const POOL_PARAMETER = /^pool=([1-9][0-9]{0,2})$/;
const KEY_PARAMETER = /^(?:(id|nonce|tls)=([0-9a-f]{32})|tls=(none))$/;
const SESSION_PARAMETER = /^session=([0-9a-f]{32})$/;

/**
 * Puts capabilities into the words of a handshake.
 *
 * @returns `basic` and `tcp`, which version 1 peers name too, then what is asked for.
 * @throws {RangeError} when the window is not an integer from 1024 to 2³¹ − 1
 * @throws {TypeError} when the instance is not 32 lower-case hexadecimal digits
 *
 * @example
 * ```ts
 * import { formatCapabilities } from "./capabilities.ts";
 *
 * console.log(formatCapabilities({ window: 262144, services: true }));
 * // ["basic", "tcp", "ferrotunnel.streams/1;window=262144", "ferrotunnel.services/1"]
 * ```
 */
export function formatCapabilities(options: FormatCapabilitiesOptions): string[] {
  const { window, services, instance, group, direct, withdraw, key } = options;
  const list = ["basic", "tcp"];
  if (window !== undefined) {
    if (!Number.isInteger(window) || !isWindow(window)) {
      throw new RangeError(`Cannot offer a window of ${window}: not an integer from 1024 to 2147483647`);
    }
    list.push(`${STREAMS};window=${window}`);
  }
  if (services) list.push(SERVICES);
  if (instance !== undefined) {
    const parameter = `id=${instance}`;
    if (!INSTANCE_PARAMETER.test(parameter)) {
      throw new TypeError(`Cannot name the instance "${instance}": not 32 lower-case hexadecimal digits`);
    }
    list.push(`${INSTANCE};${parameter}`);
  }
  if (group !== undefined) {
    const parameters = `member=${group.member};of=${group.of}`;
    if (parseGroup(parameters) === undefined) {
      throw new RangeError(
        `Cannot name member ${group.member} of ${group.of}: not one of 1 to ${MAX_GROUP_SIZE}`,
      );
    }
    list.push(`${GROUP};${parameters}`);
  }
  if (direct !== undefined) {
    const parameter = "pool" in direct ? `pool=${direct.pool}` : `session=${direct.session}`;
    if (parseDirect(parameter) === undefined) throw new RangeError(`Cannot name a direct ${parameter}`);
    list.push(`${DIRECT};${parameter}`);
  }
  if (withdraw === true) list.push(WITHDRAW);
  if (key !== undefined) {
    const [[name, value] = ["", ""]] = Object.entries(key);
    const parameter = `${name}=${value}`;
    if (parseKey(parameter) === undefined) throw new TypeError(`Cannot name a key's ${parameter}`);
    list.push(`${KEY};${parameter}`);
  }
  return list;
}

/**
 * Finds the capabilities we know among those a peer has named.
 *
 * @param list The peer's words, in any order. Unknown ones, and other versions of known ones, are ignored.
 * @throws {ProtocolError} rule `bad_capability` when a known one has wrong parameters or comes twice
 *
 * @example
 * ```ts
 * import { parseCapabilities } from "./capabilities.ts";
 *
 * console.log(parseCapabilities(["basic", "ferrotunnel.streams/1;window=65536"]));
 * // { window: 65536, services: false, withdraw: false, and everything else undefined }
 * ```
 */
export function parseCapabilities(list: readonly string[]): Capabilities {
  let window: number | undefined;
  let services = false;
  let instance: string | undefined;
  let group: GroupPlace | undefined;
  let direct: DirectTerms | undefined;
  let withdraw = false;
  let key: KeyTerms | undefined;
  for (const capability of list) {
    const semicolon = capability.indexOf(";");
    const name = semicolon < 0 ? capability : capability.slice(0, semicolon);
    const parameter = semicolon < 0 ? "" : capability.slice(semicolon + 1);
    if (name === STREAMS) {
      const value = Number(WINDOW_PARAMETER.exec(parameter)?.[1]);
      if (window !== undefined || !isWindow(value)) malformed(capability);
      window = value;
    } else if (name === SERVICES) {
      if (services || semicolon >= 0) malformed(capability);
      services = true;
    } else if (name === INSTANCE) {
      const value = INSTANCE_PARAMETER.exec(parameter)?.[1];
      if (instance !== undefined || value === undefined) malformed(capability);
      instance = value;
    } else if (name === GROUP) {
      const value = parseGroup(parameter);
      if (group !== undefined || value === undefined) malformed(capability);
      group = value;
    } else if (name === DIRECT) {
      const value = parseDirect(parameter);
      if (direct !== undefined || value === undefined) malformed(capability);
      direct = value;
    } else if (name === WITHDRAW) {
      if (withdraw || semicolon >= 0) malformed(capability);
      withdraw = true;
    } else if (name === KEY) {
      const value = parseKey(parameter);
      if (key !== undefined || value === undefined) malformed(capability);
      key = value;
    }
  }
  return { window, services, instance, group, direct, withdraw, key };
}

function parseGroup(parameters: string): GroupPlace | undefined {
  const match = GROUP_PARAMETERS.exec(parameters);
  const member = Number(match?.[1]);
  const of = Number(match?.[2]);
  return member < of && of <= MAX_GROUP_SIZE ? { member, of } : undefined;
}

function parseDirect(parameter: string): DirectTerms | undefined {
  const pool = POOL_PARAMETER.exec(parameter)?.[1];
  if (pool !== undefined) return { pool: Number(pool) };
  const session = SESSION_PARAMETER.exec(parameter)?.[1];
  return session === undefined ? undefined : { session };
}

function parseKey(parameter: string): KeyTerms | undefined {
  const [, name, value = "", none] = KEY_PARAMETER.exec(parameter) ?? [];
  if (none !== undefined) return { tls: none };
  if (name === "id") return { id: value };
  if (name === "nonce") return { nonce: value };
  return name === "tls" ? { tls: value } : undefined;
}

/** False for NaN. */
function isWindow(value: number): boolean {
  return value >= MIN_WINDOW_BYTES && value <= MAX_CREDIT;
}

function malformed(capability: string): never {
  throw new ProtocolError(
    "bad_capability",
    `Capability ${JSON.stringify(capability)} is malformed or comes twice`,
  );
}
