/**
 * What the clients of a token or key may do. Pure.
 *
 * @module
 */
import { covers } from "./http_hosts.ts";
import { isAllowed } from "./ports.ts";
import type { PortRange, ScopeOptions, ServiceKind } from "./scope_options.ts";

/** A service that a client asks for, or has. */
export interface ScopedService {
  readonly name: string;
  readonly kind: ServiceKind;
  /** Its public port; undefined while it has none, or for one over HTTP. */
  readonly port?: number | undefined;
  /** Its hosts and patterns, canonical; none for one over TCP. */
  readonly hosts?: readonly string[];
}

/**
 * Why a service is not permitted.
 *
 * @param scope What is permitted.
 * @param service What is asked for.
 * @returns the reason for people, or undefined when it is permitted
 *
 * @example
 * ```ts
 * import { scopeRefusal } from "./scope.ts";
 *
 * console.log(scopeRefusal({ services: ["web*"] }, { name: "web1", kind: "tcp" })); // undefined
 * console.log(scopeRefusal({ services: ["web*"] }, { name: "ssh", kind: "tcp" })); // Service name ssh is not permitted …
 * ```
 */
export function scopeRefusal(scope: ScopeOptions, service: ScopedService): string | undefined {
  const { name, kind, port, hosts = [] } = service;
  if (scope.kinds !== undefined && !scope.kinds.includes(kind)) {
    return `Services of kind ${kind} are not permitted, only ${scope.kinds.join(", ")}`;
  }
  if (scope.services !== undefined && !scope.services.some((pattern) => matchesName(pattern, name))) {
    return `Service name ${name} is not permitted, only ${scope.services.join(", ")}`;
  }
  if (scope.ports !== undefined && port !== undefined && !isAllowed(port, scope.ports)) {
    return `Port ${port} is not permitted, only ${scope.ports.map(rangeText).join(", ")}`;
  }
  const allowed = scope.hosts;
  const refused = hosts.find((host) => allowed?.some((pattern) => covers(pattern, host)) === false);
  return refused === undefined ? undefined : `Host ${refused} is not permitted, only ${allowed?.join(", ")}`;
}

/** Whether `*` in the pattern can stand for something that makes it the name. */
export function matchesName(pattern: string, name: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return name === pattern;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) {
    return false;
  }
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

/** The ports that are in both; those of `ranges` when nothing else is said. */
export function commonPorts(
  ranges: readonly PortRange[],
  other: readonly PortRange[] | undefined,
): readonly PortRange[] {
  if (other === undefined) return ranges;
  const common = ranges.flatMap((a) =>
    other.map((b) => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) }))
  );
  return common.filter(({ from, to }) => from <= to);
}

/** Why the server does not allow a port; undefined when it does. */
export function portRefusal(port: number, allowed: readonly PortRange[]): string | undefined {
  if (isAllowed(port, allowed)) return undefined;
  return `Port ${port} is not allowed by the server, which allows ${allowed.map(rangeText).join(", ")}`;
}

/** As people write it. */
export function rangeText({ from, to }: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`;
}
