/**
 * Heads of requests that come by HTTP/2 (RFC 9113, section 8), with the same rules as those of HTTP/1.1: what a service behind us
 * could read otherwise than we do is refused.
 *
 * @module
 */
import { isFieldValue, isToken, TARGET, trimSpaces } from "./bytes.ts";
import { mayTrail } from "./field_kinds.ts";
import { declaredLength } from "./framing.ts";
import { DEFAULT_HEAD_LIMITS, type HeadLimits } from "./head_limits.ts";
import { type HeaderField, HeaderList } from "./header_list.ts";
import { parseHostAndPort } from "./host.ts";
import { HttpError, shown } from "./http_error.ts";
import { expectsContinue } from "./request_facts.ts";
import { MAX_METHOD_BYTES } from "./request_head.ts";
import { MAX_TRAILER_BYTES, MAX_TRAILERS } from "./trailer_reader.ts";
import type { BodyFraming, RequestHead } from "./types.ts";

/** Options of {@linkcode readHttp2Request}. */
export interface Http2RequestOptions {
  /** Whether the stream ends with the head. */
  readonly ended: boolean;
  /** Overrides of {@linkcode DEFAULT_HEAD_LIMITS}. */
  readonly limits?: Partial<HeadLimits>;
}

/** What a field costs beyond its bytes (RFC 9113, section 6.5.2). */
const FIELD_OVERHEAD_BYTES = 32;
const PSEUDO = [":method", ":scheme", ":authority", ":path"] as const;
/** Belong to a connection of HTTP/1.1 (RFC 9113, section 8.2.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Reads a head.
 *
 * @param raw Names and values in turn, as they came.
 * @param options What else is known.
 * @throws {HttpError} when the request must not be served
 */
export function readHttp2Request(raw: readonly string[], options: Http2RequestOptions): RequestHead {
  const limits = { ...DEFAULT_HEAD_LIMITS, ...options.limits };
  const { pseudo, fields } = split(raw, limits);
  const method = methodOf(pseudo.get(":method"));
  const scheme = pseudo.get(":scheme");
  if (scheme !== "http" && scheme !== "https") {
    throw new HttpError(400, "start_line", `Refuse the scheme ${shown(scheme ?? "")}`);
  }
  const target = targetOf(pseudo.get(":path"), method, limits);
  const headers = new HeaderList(fields);
  const { host, port } = hostOf(pseudo.get(":authority"), headers);
  const framing = framingOf(headers, options.ended);
  return {
    method,
    target,
    version: "2",
    host,
    port,
    headers,
    framing,
    keepAlive: true,
    expectsContinue: expectsContinue(headers.get("expect"), { version: "2", framing }),
    upgradesToWebSocket: false,
  };
}

/** Those of the fields behind a body that may go on. @param raw Names and values in turn @throws {HttpError} when there are too many */
export function readHttp2Trailers(raw: readonly string[]): HeaderList {
  const fields: HeaderField[] = [];
  let bytes = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const field = checkedField(raw[at] ?? "", raw[at + 1] ?? "");
    bytes += field[0].length + field[1].length;
    if (mayTrail(field[0])) fields.push(field);
  }
  if (bytes > MAX_TRAILER_BYTES || raw.length / 2 > MAX_TRAILERS) {
    throw new HttpError(431, "trailer_too_large", `Refuse ${raw.length / 2} trailers of ${bytes} bytes`);
  }
  return new HeaderList(fields);
}

/** Parts pseudo fields, which must come first and once, from others, and joins cookies. */
function split(
  raw: readonly string[],
  limits: HeadLimits,
): { readonly pseudo: ReadonlyMap<string, string>; readonly fields: HeaderField[] } {
  const pseudo = new Map<string, string>();
  const fields: HeaderField[] = [];
  const cookies: string[] = [];
  let bytes = 0;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    bytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    if (name.startsWith(":")) {
      const known = PSEUDO.some((known) => known === name);
      if (!known || pseudo.has(name) || fields.length + cookies.length > 0) {
        throw new HttpError(400, "field", `Refuse the pseudo field ${shown(name)}`);
      }
      pseudo.set(name, value);
      continue;
    }
    const field = checkedField(name, value);
    if (name === "cookie") cookies.push(field[1]);
    else fields.push(field);
  }
  if (bytes > limits.maxHeadBytes) {
    throw new HttpError(431, "head_too_large", `Refuse a head of ${bytes} bytes`);
  }
  // The crumbs of a cookie are one field (RFC 9113, section 8.2.3).
  if (cookies.length > 0) fields.push(["cookie", cookies.join("; ")]);
  if (fields.length > limits.maxFields) {
    throw new HttpError(431, "too_many_fields", `Refuse a head of ${fields.length} fields`);
  }
  return { pseudo, fields };
}

function checkedField(name: string, value: string): HeaderField {
  if (!isToken(name) || name !== name.toLowerCase()) {
    throw new HttpError(400, "field", `Refuse the field name ${shown(name)}`);
  }
  if (!isFieldValue(value)) throw new HttpError(400, "bad_byte", `Refuse the value of ${shown(name)}`);
  if (CONNECTION_FIELDS.has(name) || (name === "te" && value.toLowerCase() !== "trailers")) {
    throw new HttpError(400, "connection", `Refuse the field ${name} in HTTP/2`);
  }
  return [name, trimSpaces(value)];
}

function methodOf(method = ""): string {
  if (method.length > MAX_METHOD_BYTES) {
    throw new HttpError(501, "method", `Refuse a method of ${method.length} bytes`);
  }
  if (method === "CONNECT") throw new HttpError(405, "method", "Refuse CONNECT");
  if (!isToken(method)) throw new HttpError(400, "method", `Refuse the method ${shown(method)}`);
  return method;
}

function targetOf(path = "", method: string, limits: HeadLimits): string {
  if (path.length > limits.maxTargetBytes) {
    throw new HttpError(414, "target_too_long", `Refuse a target of ${path.length} bytes`);
  }
  if (path === "*" && method === "OPTIONS") return path;
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code > 0x7f || TARGET[code] === 0) {
      throw new HttpError(400, "target", `Refuse a target with character ${code}`);
    }
  }
  if (!path.startsWith("/")) throw new HttpError(400, "target", `Refuse the target ${shown(path)}`);
  return path;
}

/** From `:authority`, from `Host`, or from both where they say the same. */
function hostOf(
  authority: string | undefined,
  headers: HeaderList,
): { readonly host: string; readonly port: number | undefined } {
  const named = headers.getAll("host");
  const text = authority ?? named[0];
  const parsed = text === undefined ? undefined : parseHostAndPort(text);
  if (text === undefined || parsed === undefined || named.length > 1) {
    throw new HttpError(400, "host", `Refuse the host ${shown(text ?? "")}`);
  }
  const [beside] = named;
  if (beside !== undefined) {
    const other = parseHostAndPort(beside);
    if (other?.host !== parsed.host || other.port !== parsed.port) {
      throw new HttpError(400, "host", `Refuse :authority ${shown(text)} beside Host ${shown(beside)}`);
    }
  } else headers.append("host", text);
  return parsed;
}

function framingOf(headers: HeaderList, ended: boolean): BodyFraming {
  const bytes = declaredLength(headers, "visitor");
  if (bytes === undefined) return { kind: ended ? "none" : "chunked" };
  if (ended && bytes > 0) {
    throw new HttpError(400, "content_length", `Refuse content-length ${shown(String(bytes))}`);
  }
  return { kind: "length", bytes };
}
