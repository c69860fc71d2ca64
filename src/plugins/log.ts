/**
 * A line for each request.
 *
 * @module
 */
import type { HeaderList } from "../http/header_list.ts";
import type { Plugin, PluginContext, PluginFactory, PluginRequest, RequestOutcome } from "./types.ts";

/** How requests are logged. */
export const REQUEST_LOG_FORMATS = ["common", "json"] as const;

/** Options of {@linkcode requestLog}. */
export interface RequestLogOptions {
  /**
   * The "common" format of web servers, with host, milliseconds and request id behind it, or values by name, as JSON in a line.
   * @default "common"
   */
  readonly format?: "common" | "json";
  /** Takes each line, without its end; must not throw. @default the server's log, at level "info" */
  readonly write?: (line: string) => void;
  /** Header fields of requests that are logged; the values of those that carry secrets never are. @default none */
  readonly headers?: readonly string[];
  /** Names of parameters in the query whose values are not logged, beside those that usually carry secrets. @default none */
  readonly redactQuery?: readonly string[];
}

/** What stands in the place of a secret. */
export const REDACTED = "REDACTED";

const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-api-key",
  "x-auth-token",
  "x-csrf-token",
]);
const SECRET_PARAMETERS = [
  "access_token",
  "api_key",
  "apikey",
  "auth",
  "client_secret",
  "code",
  "id_token",
  "jwt",
  "key",
  "passwd",
  "password",
  "pwd",
  "refresh_token",
  "secret",
  "session",
  "sig",
  "signature",
  "token",
  "x-amz-credential",
  "x-amz-security-token",
  "x-amz-signature",
];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** What is known of a request before other plugins change it. */
interface Begin {
  readonly at: number;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Logs every request when it is over. Secrets are left out: the values of `Authorization`, cookies and the like, and those of
 * parameters such as `token` in the query. Nothing that a visitor sends can begin a line of its own or reach a terminal.
 *
 * @param options Form and place of the log.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { requestLog } from "./log.ts";
 *
 * const make = requestLog({ format: "json", write: (line) => console.log(line) });
 * const plugin = await make({ name: "log", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.failOpen); // true
 * ```
 */
export function requestLog(options: RequestLogOptions = {}): PluginFactory {
  return (context) => new RequestLog(context, options);
}

class RequestLog implements Plugin {
  readonly name: string;
  readonly failOpen = true;
  readonly #context: PluginContext;
  readonly #options: RequestLogOptions;
  readonly #headers: readonly string[];
  readonly #secretParameters: ReadonlySet<string>;
  readonly #begins = new WeakMap<PluginRequest, Begin>();

  constructor(context: PluginContext, options: RequestLogOptions) {
    this.name = context.name;
    this.#context = context;
    this.#options = options;
    this.#headers = (options.headers ?? []).map((name) => name.toLowerCase());
    const more = (options.redactQuery ?? []).map((name) => name.toLowerCase());
    this.#secretParameters = new Set([...SECRET_PARAMETERS, ...more]);
  }

  onRequest(request: PluginRequest): undefined {
    this.#begins.set(request, {
      at: this.#context.clock.wall(),
      target: redactQuery(request.target, this.#secretParameters),
      headers: pickHeaders(request.headers, this.#headers),
    });
  }

  onEnd(outcome: RequestOutcome, request: PluginRequest): void {
    const begin = this.#begins.get(request);
    if (begin === undefined) return;
    this.#begins.delete(request);
    const { write, format = "common" } = this.#options;
    const { logger } = this.#context;
    if (format === "common") {
      const line = commonLine(request, begin, outcome);
      if (write === undefined) logger.info("{line}", { line });
      else write(line);
      return;
    }
    const values = valuesOf(request, begin, outcome);
    if (write === undefined) logger.info("{method} {host}{target} from {visitor}: {status}", values);
    else write(escapeJson(JSON.stringify(values)));
  }
}

function valuesOf(request: PluginRequest, begin: Begin, outcome: RequestOutcome): Record<string, unknown> {
  const headers = Object.entries(begin.headers).map(([name, value]) => [name, escapeText(value)]);
  return {
    time: new Date(begin.at).toISOString(),
    id: escapeText(request.id),
    visitor: escapeText(request.visitor),
    scheme: request.scheme,
    host: escapeText(request.host),
    method: escapeText(request.method),
    target: escapeText(begin.target),
    version: request.version,
    service: request.service,
    tunnelId: request.tunnelId,
    status: outcome.status ?? null,
    from: outcome.from ?? null,
    complete: outcome.complete,
    durationMs: Math.round(outcome.durationMs * 10) / 10,
    requestBytes: outcome.requestBytes,
    responseBytes: outcome.responseBytes,
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
  };
}

function commonLine(request: PluginRequest, begin: Begin, outcome: RequestOutcome): string {
  const { visitor, method, version, host, id } = request;
  const call = `${escapeText(method)} ${escapeText(begin.target)} HTTP/${version}`;
  // Those who read such logs take a status of 0 for none.
  const counts = `${outcome.status ?? 0} ${outcome.responseBytes}`;
  const more = `${escapeText(host)} ${Math.round(outcome.durationMs)}ms ${escapeText(id)}`;
  const headers = Object.entries(begin.headers).map(([name, value]) => ` ${name}="${escapeText(value)}"`);
  return `${escapeText(visitor)} - - [${commonTime(begin.at)}] "${call}" ${counts} ${more}${
    headers.join("")
  }`;
}

function commonTime(epochMs: number): string {
  const date = new Date(epochMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  const time = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(":");
  return `${day}:${time} +0000`;
}

function pickHeaders(headers: HeaderList, names: readonly string[]): Record<string, string> {
  const picked: [string, string][] = [];
  for (const name of names) {
    if (!headers.has(name)) continue;
    picked.push([name, SECRET_HEADERS.has(name) ? REDACTED : headers.getAll(name).join(", ")]);
  }
  return Object.fromEntries(picked);
}

/** Replaces the values of secret parameters; everything else stays as it came. */
function redactQuery(target: string, secret: ReadonlySet<string>): string {
  const query = target.indexOf("?");
  if (query < 0) return target;
  const parts = target.slice(query + 1).split(/([&;])/).map((part) => {
    const equals = part.indexOf("=");
    if (equals < 0) return part;
    return secret.has(parameterName(part.slice(0, equals))) ? `${part.slice(0, equals)}=${REDACTED}` : part;
  });
  return target.slice(0, query + 1) + parts.join("");
}

/** As a service would read it: `%74oken` and `token[]` are `token` too. */
function parameterName(text: string): string {
  let name = text.replaceAll("+", " ");
  try {
    name = decodeURIComponent(name);
  } catch {
    // Not an escape sequence: the service sees it as it is.
  }
  return name.replace(/\[.*$/, "").trim().toLowerCase();
}

/** Printable ASCII stays; everything else, quotes and backslashes too, becomes `\xHH` as web servers write it. */
function escapeText(text: string): string {
  return text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** JSON leaves DEL, C1 and U+2028 as they are; as escapes they are still JSON. */
function escapeJson(json: string): string {
  return json.replace(/[\x7f-\x9f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
