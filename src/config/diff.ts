/**
 * What has changed between two configurations, as far as a program that runs is concerned. Pure.
 *
 * @module
 */
import { isSame } from "../is_same.ts";
import { isSameFactory } from "../plugins/create_plugins.ts";
import type { PluginFactory } from "../plugins/types.ts";
import { RESTART_LIMITS } from "../tunnel/live_limits.ts";
import type { ClientOptions, ServerOptions } from "../tunnel/options.ts";
import type { LoadedConfig } from "./load.ts";
import type { ResolvedConfig } from "./resolve.ts";
import type { Role } from "./schema.ts";

/** Something that has changed. */
export type ConfigChange =
  | {
    readonly type:
      | "token_added"
      | "token_changed"
      | "token_removed"
      | "key_added"
      | "key_changed"
      | "key_removed"
      | "service_added"
      | "service_changed"
      | "service_removed";
    readonly name: string;
  }
  | {
    readonly type: "limits_changed";
    /** Those that count at once, or from the next session on. */
    readonly names: readonly string[];
  }
  | {
    readonly type: "rules_changed";
    /** Keys of the configuration. */
    readonly names: readonly string[];
  }
  | { readonly type: "certificates_changed"; readonly of: "clients" | "visitors" }
  | {
    readonly type: "needs_restart";
    /** Keys of the configuration. */
    readonly names: readonly string[];
  };

/** A configuration, and what it comes to. */
export interface Configured<R extends Role> {
  readonly loaded: LoadedConfig<R>;
  readonly resolved: ResolvedConfig<R extends "server" ? ServerOptions : ClientOptions>;
}

interface Named {
  readonly name: string;
}

/**
 * Compares two configurations of a server.
 *
 * @param before What runs.
 * @param after What is wanted.
 */
export function diffServer(before: Configured<"server">, after: Configured<"server">): ConfigChange[] {
  const old = before.resolved.options;
  const now = after.resolved.options;
  const rules: string[] = (["allowPorts", "publicHost"] as const).filter((name) =>
    !isSame(old[name], now[name])
  );
  const live = new Set([
    "tokens",
    "keys",
    "token",
    "tokenFile",
    "allowPorts",
    "publicHost",
    "limits",
    "http",
  ]);
  const { names, restart } = limitChanges(
    old.limits,
    now.limits,
    (name) => RESTART_LIMITS.has(name),
  );
  const restarts = [...topLevel(before.loaded, after.loaded, live), ...restart];
  const http = httpChanges(before, after);
  rules.push(...http.rules);
  restarts.push(...http.restart);
  return [
    ...namedChanges("token", old.tokens, now.tokens),
    ...namedChanges("key", old.keys ?? [], now.keys ?? []),
    ...list("limits_changed", names),
    ...list("rules_changed", rules),
    ...(restarts.includes("tls") ? [] : certificates("clients", old.tls, now.tls)),
    ...certificates("visitors", old.http?.https?.certificates, now.http?.https?.certificates),
    ...list("needs_restart", restarts),
  ];
}

/**
 * Compares two configurations of a client.
 *
 * @param before What runs.
 * @param after What is wanted.
 */
export function diffClient(before: Configured<"client">, after: Configured<"client">): ConfigChange[] {
  const old = before.resolved.options;
  const now = after.resolved.options;
  const live = new Set(["services", "limits", "token", "tokenFile", "keyFile"]);
  const { restart } = limitChanges(old.limits, now.limits, () => true);
  const restarts = [...topLevel(before.loaded, after.loaded, live), ...restart];
  if (old.token !== now.token) restarts.push("token");
  if (old.privateKey !== now.privateKey) restarts.push("keyFile");
  return [
    ...namedChanges("service", old.services, now.services),
    ...(restarts.includes("tls") ? [] : certificates("clients", filesOf(old.tls), filesOf(now.tls))),
    ...list("needs_restart", restarts),
  ];
}

/**
 * Puts a change into words.
 *
 * @param change The change.
 */
export function describeChange(change: ConfigChange): string {
  switch (change.type) {
    case "limits_changed":
      return `Limits changed: ${change.names.join(", ")}`;
    case "rules_changed":
      return `Rules changed: ${change.names.join(", ")}`;
    case "certificates_changed":
      return `Certificates for ${change.of} changed`;
    case "needs_restart":
      return `Not before a restart: ${change.names.join(", ")}`;
    default: {
      const [what = "", how = ""] = change.type.split("_");
      return `${what.charAt(0).toUpperCase()}${what.slice(1)} ${change.name} was ${how}`;
    }
  }
}

function namedChanges(
  what: "token" | "key" | "service",
  before: readonly Named[],
  after: readonly Named[],
): ConfigChange[] {
  const changes: ConfigChange[] = [];
  const old = new Map(before.map((one) => [one.name, one]));
  for (const one of after) {
    const { name } = one;
    if (!old.has(name)) changes.push({ type: `${what}_added`, name });
    else if (!isSame(old.get(name), one)) changes.push({ type: `${what}_changed`, name });
    old.delete(name);
  }
  for (const name of old.keys()) changes.push({ type: `${what}_removed`, name });
  return changes;
}

function limitChanges(
  before: object | undefined,
  after: object | undefined,
  needsRestart: (name: string) => boolean,
): { readonly names: string[]; readonly restart: string[] } {
  const old = new Map<string, unknown>(Object.entries(before ?? {}));
  const now = new Map<string, unknown>(Object.entries(after ?? {}));
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter((name) =>
    old.get(name) !== now.get(name)
  );
  return {
    names: changed.filter((name) => !needsRestart(name)),
    restart: changed.filter(needsRestart).map((name) => `limits.${name}`),
  };
}

/** Keys whose values differ and that nobody takes live. */
function topLevel(
  before: LoadedConfig<Role>,
  after: LoadedConfig<Role>,
  live: ReadonlySet<string>,
): string[] {
  const old = new Map<string, unknown>(Object.entries(before.config));
  const now = new Map<string, unknown>(Object.entries(after.config));
  const names = new Set([...old.keys(), ...now.keys()]);
  return [...names].filter((name) => !live.has(name) && !isSame(old.get(name), now.get(name)));
}

/** Keys of HTTP whose values differ. Ports are bound at the start; certificates are told of by themselves. */
function httpChanges(
  before: Configured<"server">,
  after: Configured<"server">,
): { readonly rules: string[]; readonly restart: string[] } {
  const [old, now] = [before, after].map(({ resolved, loaded }) => ({
    ports: resolved.options.http,
    keys: keysOf(loaded.config.http, "http"),
    // What a file holds counts too, where it is named by a plugin.
    plugins: resolved.options.http?.plugins,
  }));
  if (old === undefined || now === undefined) return { rules: [], restart: [] };
  // Without a port there is nothing that could take rules.
  if (old.ports === undefined || now.ports === undefined) {
    return { rules: [], restart: old.ports === now.ports ? [] : ["http"] };
  }
  const changed = new Set(
    [...new Set([...old.keys.keys(), ...now.keys.keys()])].filter((name) =>
      !isSame(old.keys.get(name), now.keys.get(name))
    ),
  );
  if (!samePlugins(old.plugins, now.plugins)) changed.add("http.plugins");
  const names = [...changed];
  // A port that is not there yet, or not for long, takes no rules.
  const lacksHttps = (old.ports.https === undefined) !== (now.ports.https === undefined);
  const isPort = (name: string): boolean =>
    name === "http.bind" || name === "http.https.bind" || (lacksHttps && name.startsWith("http.https."));
  return {
    rules: names.filter((name) => !isPort(name)),
    restart: portNames(names.filter(isPort), lacksHttps),
  };
}

function portNames(names: readonly string[], lacksHttps: boolean): string[] {
  if (!lacksHttps) return [...names];
  return [...names.filter((name) => name === "http.bind"), "http.https"];
}

/** The values of a mapping by their keys, those of HTTPS one by one and without its certificates. */
function keysOf(mapping: object | undefined, prefix: string): Map<string, unknown> {
  const keys = new Map<string, unknown>();
  for (const [name, value] of Object.entries(mapping ?? {})) {
    if (name === "https" && typeof value === "object") {
      for (const entry of keysOf(value, `${prefix}.https`)) keys.set(...entry);
    } else if (name !== "certificates" && value !== undefined) keys.set(`${prefix}.${name}`, value);
  }
  return keys;
}

function samePlugins(
  old: Readonly<Record<string, PluginFactory>> = {},
  now: Readonly<Record<string, PluginFactory>> = {},
): boolean {
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])];
  return names.every((name) => {
    const [before, after] = [old[name], now[name]];
    return before !== undefined && after !== undefined && isSameFactory(before, after);
  });
}

function filesOf(tls: ClientOptions["tls"]): unknown {
  return tls === undefined ? undefined : { cert: tls.cert, key: tls.key, ca: tls.ca };
}

function certificates(of: "clients" | "visitors", before: unknown, after: unknown): ConfigChange[] {
  // Whether there is TLS at all is decided at the start.
  if (before === undefined || after === undefined || isSame(before, after)) return [];
  return [{ type: "certificates_changed", of }];
}

function list(
  type: "limits_changed" | "rules_changed" | "needs_restart",
  names: readonly string[],
): ConfigChange[] {
  return names.length === 0 ? [] : [{ type, names }];
}
