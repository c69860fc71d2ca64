/**
 * From a checked configuration to what the tunnel is told: the files it names are read, the secrets put in place.
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import { describeError } from "../errors.ts";
import { explainFileError } from "../explain_file_error.ts";
import type { SocketAddress } from "../runtime/types.ts";
import type { CertificateOptions, ClientOptions, ServerOptions, TlsFiles } from "../tunnel/options.ts";
import { TOKEN_EXPECTED, TOKEN_PATTERN } from "./fields.ts";
import type { LoadedConfig } from "./load.ts";
import { formatPath, type Path } from "./origin.ts";
import { compact, defined } from "./compact.ts";
import { ConfigError, type Problem } from "./problem.ts";
import { resolveHttp, resolveService } from "./resolve_http.ts";
import { resolveKey, resolveKeys, resolveTokens } from "./resolve_tokens.ts";
import { clientSpeaksTls, namesTlsFiles, resolveClientTls, serverSpeaksTls } from "./resolve_tls.ts";
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
  /** Reads the TLS files again; undefined when there are none. Rejects with a ConfigError when one cannot be used. */
  readonly readTls: (() => Promise<TlsFiles>) | undefined;
}

/** Options of {@linkcode resolveServer} and {@linkcode resolveClient}. */
export interface ResolveOptions {
  /** Reads a whole file as text. */
  readonly readTextFile: (path: string) => Promise<string>;
  /** Loads a module of a plugin, and returns what it exports. @default they cannot be loaded */
  readonly importModule?: (path: string) => Promise<unknown>;
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
  readonly #importModule: (path: string) => Promise<unknown>;

  constructor(loaded: LoadedConfig<Role>, options: ResolveOptions) {
    this.#loaded = loaded;
    this.#readTextFile = options.readTextFile;
    this.#importModule = options.importModule ?? cannotImport;
  }

  add(path: Path, message: string): void {
    const entry = this.#loaded.entries.find((candidate) => formatPath(candidate.path) === formatPath(path));
    this.problems.push({ origin: entry?.origin ?? { kind: "default" }, path, message });
  }

  /** The content of the file that the value at `path` names; undefined when it names none or cannot be read. */
  async read(path: Path, name: string | undefined): Promise<string | undefined> {
    if (name === undefined) return undefined;
    const file = this.locate(path, name);
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
    this.add(path, `Expected ${TOKEN_EXPECTED} in ${this.locate(path, name)}`);
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
  locate(path: Path, name: string): string {
    const entry = this.#loaded.entries.find((candidate) => formatPath(candidate.path) === formatPath(path));
    if (entry?.origin.kind !== "file" || isAbsolute(name)) return name;
    return join(dirname(entry.origin.file), name);
  }

  async readTls(
    tls: { cert?: string | undefined; key?: string | undefined; ca?: string | undefined } | undefined,
  ): Promise<TlsFiles> {
    const cert = await this.readPem(["tls", "cert"], tls?.cert, CERTIFICATE);
    const key = await this.readPem(["tls", "key"], tls?.key, PRIVATE_KEY);
    const ca = await this.readPem(["tls", "ca"], tls?.ca, CERTIFICATE);
    return { ...defined("cert", cert), ...defined("key", key), ...defined("ca", ca) };
  }

  /** A certificate and its key; undefined when one of the files cannot be used. */
  async readCertificate(
    path: Path,
    files: { readonly cert: string; readonly key: string },
  ): Promise<CertificateOptions | undefined> {
    const cert = await this.readPem([...path, "cert"], files.cert, CERTIFICATE);
    const key = await this.readPem([...path, "key"], files.key, PRIVATE_KEY);
    return cert === undefined || key === undefined ? undefined : { cert, key };
  }

  /** What the module exports that the value at `path` names; undefined when it cannot be loaded. */
  async importModule(path: Path, name: string): Promise<unknown> {
    const file = this.locate(path, name);
    try {
      return await this.#importModule(file);
    } catch (error) {
      this.add(path, `Cannot load ${file}: ${describeError(error)}`);
      return undefined;
    }
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

function cannotImport(): Promise<never> {
  return Promise.reject(new TypeError("Modules cannot be loaded here"));
}

/**
 * Whether a configuration names no token, so that it must come from elsewhere.
 *
 * @param loaded The configuration.
 */
export function lacksToken(loaded: LoadedConfig<Role>): boolean {
  const { config } = loaded;
  if (config.token !== undefined || config.tokenFile !== undefined) return false;
  return !("tokens" in config || "keys" in config || "keyFile" in config);
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
  const files = new FileReader(loaded, options);
  const tokens = await resolveTokens(config, files, options.token);
  const keys = resolveKeys(config);
  if (lacksToken(loaded) && options.token === undefined) files.add(["token"], NO_TOKEN);
  const speaksTls = serverSpeaksTls(config.tls);
  const tls = speaksTls ? await files.readTls(config.tls) : {};
  const stateDir = config.stateDir === undefined ? undefined : files.locate(["stateDir"], config.stateDir);
  const http = await resolveHttp(config.http, files);
  const program = await files.readProgram();
  files.finish();
  const { bind, tcpBind, serviceHost, publicHost, allowPorts } = config;
  return {
    options: {
      ...compact({ bind, tcpBind, serviceHost, publicHost, allowPorts }),
      tokens,
      ...(keys.length === 0 ? {} : { keys }),
      ...(speaksTls ? { tls } : {}),
      ...defined("stateDir", stateDir),
      ...defined("http", http),
      limits: compact(config.limits ?? {}),
    },
    readTls: tlsReader(loaded, { ...options, speaksTls }),
    ...program,
  };
}

/** Reads the TLS files again, whenever it is called. */
function tlsReader(
  loaded: LoadedConfig<Role>,
  options: ResolveOptions & { readonly speaksTls: boolean },
): (() => Promise<TlsFiles>) | undefined {
  const { tls } = loaded.config;
  if (!options.speaksTls || tls === undefined || !namesTlsFiles(tls)) return undefined;
  return async () => {
    const files = new FileReader(loaded, options);
    const read = await files.readTls(tls);
    files.finish();
    return read;
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
  const files = new FileReader(loaded, options);
  const token = config.token ?? await files.readToken(["tokenFile"], config.tokenFile) ?? options.token;
  if (lacksToken(loaded) && token === undefined) files.add(["token"], NO_TOKEN);
  const privateKey = await resolveKey(config, files);
  const speaksTls = clientSpeaksTls(config.tls);
  const tls = speaksTls ? resolveClientTls(config.tls, await files.readTls(config.tls)) : undefined;
  const program = await files.readProgram();
  files.finish();
  if (config.server === undefined) {
    throw new TypeError("Expected a checked configuration");
  }
  const services = Object.entries(config.services ?? {}).map(([name, service]) =>
    resolveService(name, service)
  );
  return {
    options: {
      server: config.server,
      ...compact({ token, privateKey }),
      services,
      ...defined("tunnelId", config.tunnelId),
      ...defined("serverOrder", config.serverOrder),
      ...defined("connections", config.connections),
      ...defined("directPool", config.directPool),
      ...defined("tls", tls),
      limits: compact(config.limits ?? {}),
    },
    readTls: tlsReader(loaded, { ...options, speaksTls }),
    ...program,
  };
}
