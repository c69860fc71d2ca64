/**
 * Where a request goes: target and `Host` read together, once, so that routing and every policy go by the same.
 *
 * @module
 */
import type { FieldFacts } from "./field_parser.ts";
import { HOST } from "./header_names.ts";
import { type HostAndPort, parseHostAndPort } from "./host.ts";
import { HttpError, shown } from "./http_error.ts";

/** What is known about where a request goes. */
export interface ResolvedTarget extends HostAndPort {
  /** In origin form, or `*`. */
  readonly target: string;
}

const SLASH = 0x2f;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * Resolves a target.
 *
 * @param raw As it came.
 * @param request Its method and fields.
 * @throws {HttpError} 400 when the target has another form, or Host is missing, doubled, not a host, or another one than that
 * of the target
 */
export function resolveTarget(raw: string, request: { method: string; facts: FieldFacts }): ResolvedTarget {
  const { method, facts } = request;
  const value = facts.values[HOST];
  const count = facts.counts[HOST]!;
  if (value === undefined || count !== 1) {
    throw new HttpError(400, "host", `Refuse a request with ${count} Host fields`);
  }
  const parsed = parseHostAndPort(value);
  if (parsed === undefined) throw new HttpError(400, "host", `Refuse the Host ${shown(value)}`);
  const { host, port } = parsed;
  if (raw.charCodeAt(0) === SLASH) return { target: raw, host, port };
  if (raw === "*") {
    if (method !== "OPTIONS") throw new HttpError(400, "target", `Refuse the target * with ${shown(method)}`);
    return { target: raw, host, port };
  }
  return { target: absolute(raw, method, parsed), host, port };
}

/** Makes origin form out of absolute form. */
function absolute(raw: string, method: string, expected: HostAndPort): string {
  const scheme = schemeOf(raw);
  if (scheme === undefined) throw new HttpError(400, "target", `Refuse the target ${shown(raw)}`);
  const start = scheme.length + "://".length;
  let end = start;
  while (end < raw.length && raw[end] !== "/" && raw[end] !== "?") end++;
  const authority = parseHostAndPort(raw.slice(start, end));
  if (authority === undefined) throw new HttpError(400, "target", `Refuse the target ${shown(raw)}`);
  const ports = DEFAULT_PORTS[scheme];
  if (authority.host !== expected.host || (authority.port ?? ports) !== (expected.port ?? ports)) {
    throw new HttpError(400, "host", `Refuse the target ${shown(raw)} beside Host ${shown(expected.host)}`);
  }
  const rest = raw.slice(end);
  if (rest === "") return method === "OPTIONS" ? "*" : "/";
  return rest.startsWith("?") ? `/${rest}` : rest;
}

function schemeOf(raw: string): "http" | "https" | undefined {
  const start = raw.slice(0, "https://".length).toLowerCase();
  if (start === "https://") return "https";
  return start.startsWith("http://") ? "http" : undefined;
}
