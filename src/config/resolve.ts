/**
 * From a checked configuration to what the tunnel is told: the files it names are read, the secrets put in place.
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import type { SocketAddress, TlsOptions } from "../runtime/types.ts";
import type { ClientOptions, ServerOptions, TokenOptions } from "../tunnel/options.ts";
import { TOKEN_EXPECTED, TOKEN_PATTERN } from "./fields.ts";
import type { LoadedConfig } from "./load.ts";
import { formatPath, type Path } from "./origin.ts";
import { ConfigError, type Problem } from "./problem.ts";
import { LOG_DEFAULTS, type Role } from "./schema.ts";
import type { LogFormatName, LogLevelName } from "./shared_schema.ts";

/** What the admin endpoint is told. */
export interface AdminSettings {
  /** Where it is served. */
  readonly bind: SocketAddress;
  /** Token that requests must carry; always there when other machines reach `bind`. */
  readonly token?: string;
  /** Whether other machines may reach it. */
  readonly allowRemote: boolean;
}

/** What the program is told beside the tunnel. */
export interface ProgramSettings {
  /** The admin endpoint; undefined when it is not served. */
  readonly admin: AdminSettings | undefined;
  /** Least important records that are logged. */
  readonly logLevel: LogLevelName;
  /** How they are written. */
  readonly logFormat: LogFormatName;
}

/** A configuration that is ready to run. */
export interface ResolvedConfig<Options> extends ProgramSettings {
  /** What the tunnel is told. */
  readonly options: Options;
}

/** Options of {@linkcode resolveServer} and {@linkcode resolveClient}. */
export interface ResolveOptions {
  /** Reads a whole file as text. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** A token from elsewhere, such as a prompt, for a configuration that has none. */
  readonly token?: string | undefined;
}

/** What a PEM file must hold; the check only tells apart files that were mixed up. */
interface PemKind {
  readonly name: string;
  readonly begins: RegExp;
}

const CERTIFICATE: PemKind = {
  name: "certificate",
  begins: /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/,
};
const PRIVATE_KEY: PemKind = { name: "private key", begins: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ };

/** Reads files and remembers what went wrong. */
class FileReader {
  readonly problems: Problem[] = [];
  readonly #loaded: LoadedConfig<Role>;
  readonly #readTextFile: (path: string) => Promise<string>;

  constructor(loaded: LoadedConfig<Role>, readTextFile: (path: string) => Promise<string>) {
    this.#loaded = loaded;
    this.#readTextFile = readTextFile;
  }

  add(path: Path, message: string): void {
    const entry = this.#loaded.entries.find((candidate) => formatPath(candidate.path) === formatPath(path));
    this.problems.push({ origin: entry?.origin ?? { kind: "default" }, path, message });
  }

  /** The content of the file that the value at `path` names; undefined when it names none or cannot be read. */
  async read(path: Path, name: string | undefined): Promise<string | undefined> {
    if (name === undefined) return undefined;
    const file = this.#locate(path, name);
    try {
      return await this.#readTextFile(file);
    } catch (error) {
      this.add(path, `Cannot read ${file}: ${explainFileError(error)}`);
      return undefined;
    }
  }

  /** The token in the file that the value at `path` names. */
  async readToken(path: Path, name: string | undefined): Promise<string | undefined> {
    const text = await this.read(path, name);
    if (text === undefined || name === undefined) return undefined;
    const token = text.replace(/[\r\n]+$/, "");
    if (TOKEN_PATTERN.test(token)) return token;
    this.add(path, `Expected ${TOKEN_EXPECTED} in ${this.#locate(path, name)}`);
    return undefined;
  }

  /** PEM text from the file that the value at `path` names. */
  async readPem(path: Path, name: string | undefined, kind: PemKind): Promise<string | undefined> {
    const text = await this.read(path, name);
    if (text === undefined || kind.begins.test(text)) return text;
    this.add(path, `Expected PEM text with a ${kind.name} in ${name}`);
    return undefined;
  }

  /** A name in a file is relative to that file, any other to the working directory. */
  #locate(path: Path, name: string): string {
    const entry = this.#loaded.entries.find((candidate) => formatPath(candidate.path) === formatPath(path));
    if (entry?.origin.kind !== "file" || isAbsolute(name)) return name;
    return join(dirname(entry.origin.file), name);
  }

  async readTls(
    tls: { cert?: string | undefined; key?: string | undefined; ca?: string | undefined } | undefined,
  ): Promise<TlsOptions> {
    const cert = await this.readPem(["tls", "cert"], tls?.cert, CERTIFICATE);
    const key = await this.readPem(["tls", "key"], tls?.key, PRIVATE_KEY);
    const ca = await this.readPem(["tls", "ca"], tls?.ca, CERTIFICATE);
    return { ...defined("cert", cert), ...defined("key", key), ...defined("ca", ca) };
  }

  async readProgram(): Promise<ProgramSettings> {
    const { admin, log } = this.#loaded.config;
    const token = admin?.token ?? await this.readToken(["admin", "tokenFile"], admin?.tokenFile);
    return {
      admin: admin?.bind === undefined
        ? undefined
        : { bind: admin.bind, allowRemote: admin.allowRemote ?? false, ...defined("token", token) },
      logLevel: log?.level ?? LOG_DEFAULTS.level,
      logFormat: log?.format ?? LOG_DEFAULTS.format,
    };
  }

  finish(): void {
    if (this.problems.length > 0) throw new ConfigError(this.problems);
  }
}

/** An object with the key only when there is a value, as exact optional properties demand. */
function defined<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  const result: { [K in Key]?: Value } = {};
  if (value !== undefined) result[key] = value;
  return result;
}

/** The object without the keys whose value is undefined. */
function compact<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  // Only keys of T with their values are left.
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/**
 * Whether a configuration names no token, so that it must come from elsewhere.
 *
 * @param loaded The configuration.
 */
export function lacksToken(loaded: LoadedConfig<Role>): boolean {
  const { config } = loaded;
  const tokens = "tokens" in config ? config.tokens : undefined;
  return config.token === undefined && config.tokenFile === undefined && tokens === undefined;
}

const NO_TOKEN =
  "Missing: set FERROTUNNEL_TOKEN, give --token-file, or start on a terminal to be asked for it";

/**
 * Makes a server's options.
 *
 * @param loaded The configuration.
 * @param options How to read files, and a token from elsewhere.
 * @throws {ConfigError} when a token is missing or a file cannot be used.
 */
export async function resolveServer(
  loaded: LoadedConfig<"server">,
  options: ResolveOptions,
): Promise<ResolvedConfig<ServerOptions>> {
  const { config } = loaded;
  const files = new FileReader(loaded, options.readTextFile);
  const tokens: TokenOptions[] = [];
  for (const [index, { name, token, tokenFile }] of (config.tokens ?? []).entries()) {
    const value = token ?? await files.readToken(["tokens", index, "tokenFile"], tokenFile);
    if (value === undefined) continue;
    const same = tokens.find((other) => other.token === value);
    if (same !== undefined) files.add(["tokens", index, "name"], `Has the same token as "${same.name}"`);
    tokens.push({ name, token: value });
  }
  const only = config.token ?? await files.readToken(["tokenFile"], config.tokenFile) ?? options.token;
  if (only !== undefined) tokens.push({ name: "default", token: only });
  if (lacksToken(loaded) && options.token === undefined) files.add(["token"], NO_TOKEN);
  const tls = await files.readTls(config.tls);
  const program = await files.readProgram();
  files.finish();
  const { bind, tcpBind, serviceHost, publicHost, allowPorts } = config;
  return {
    options: {
      ...compact({ bind, tcpBind, serviceHost, publicHost, allowPorts }),
      tokens,
      ...(config.tls?.cert === undefined ? {} : { tls }),
      limits: compact(config.limits ?? {}),
    },
    ...program,
  };
}

/**
 * Makes a client's options.
 *
 * @param loaded The configuration.
 * @param options How to read files, and a token from elsewhere.
 * @throws {ConfigError} when a token is missing or a file cannot be used.
 */
export async function resolveClient(
  loaded: LoadedConfig<"client">,
  options: ResolveOptions,
): Promise<ResolvedConfig<ClientOptions>> {
  const { config } = loaded;
  const files = new FileReader(loaded, options.readTextFile);
  const token = config.token ?? await files.readToken(["tokenFile"], config.tokenFile) ?? options.token;
  if (lacksToken(loaded) && token === undefined) files.add(["token"], NO_TOKEN);
  const tls = config.tls?.enabled === true ? await files.readTls(config.tls) : undefined;
  const program = await files.readProgram();
  files.finish();
  if (config.server === undefined || token === undefined) {
    throw new TypeError("Expected a checked configuration");
  }
  const services = Object.entries(config.services ?? {}).map(([name, { type, local, remotePort }]) => {
    return { name, kind: type, local, ...defined("remotePort", remotePort) };
  });
  return {
    options: {
      server: config.server,
      token,
      services,
      ...defined("tunnelId", config.tunnelId),
      ...(tls === undefined ? {} : { tls: { ...tls, ...defined("serverName", config.tls?.serverName) } }),
      limits: compact(config.limits ?? {}),
    },
    ...program,
  };
}

/**
 * Says in a few words why a file cannot be read; the runtimes' own texts differ.
 *
 * @param error What the attempt threw.
 */
export function explainFileError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const name = error instanceof Error ? error.name : "";
  if (code === "ENOENT" || name === "NotFound") return "there is no such file";
  if (code === "EISDIR" || name === "IsADirectory") return "it is a directory";
  if (code === "EACCES" || name === "PermissionDenied") return "this user may not read it";
  if (name === "NotCapable") return "this program was started without the permission to read it";
  return error instanceof Error ? error.message : String(error);
}
