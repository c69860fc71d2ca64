/**
 * A service over HTTP as its client describes it, in the metadata of a registration and back.
 *
 * @module
 */
import { parseHostAndPort, parseHostPattern } from "../http/host.ts";
import { RESERVED_FIELDS } from "../http/reserved_fields.ts";
import { MAX_METADATA, MAX_METADATA_BYTES } from "../wire/limits.ts";
import type { HeaderChanges, HttpPolicy } from "./http_ingress.ts";
import { canonicalPrefix } from "./http_paths.ts";
import {
  type HeaderRules,
  HTTP_SERVICE_PROTOCOLS,
  type HttpServiceOptions,
  type HttpServiceProtocol,
} from "./options.ts";

/** What a registration asks for, checked, in canonical form. */
export interface HttpRegistration {
  /** Empty for the service's name below the server's domain. */
  readonly hosts: readonly string[];
  /** At least one. */
  readonly paths: readonly string[];
  readonly policy: HttpPolicy;
}

const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^(?:[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?$/;
const PLUGIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/;

/** Whether a rule may be about a header field of this name. */
export function isRuleName(name: string): boolean {
  return FIELD_NAME.test(name) && !RESERVED_FIELDS.has(name.toLowerCase());
}

/** Whether a rule may set a header field to this value: printable ASCII without spaces around it. */
export function isRuleValue(value: string): boolean {
  return FIELD_VALUE.test(value);
}

/** Whether a plugin can have this name. */
export function isPluginName(name: string): boolean {
  return PLUGIN_NAME.test(name);
}

/** Whether `Host` can be rewritten to this: a host, with a port if need be. */
export function isRewriteHost(text: string): boolean {
  return parseHostAndPort(text) !== undefined;
}

/**
 * Describes a service for a registration.
 *
 * @throws {TypeError} when something in it cannot be, or when it is too much for a registration
 */
export function encodeHttpService(service: HttpServiceOptions): Map<string, string> {
  const metadata = new Map<string, string>();
  const list = (key: string, values: readonly string[] = []): void => {
    values.forEach((value, index) => metadata.set(`${key}.${index}`, value));
  };
  const rules = (key: string, { set = {}, remove = [] }: HeaderRules = {}): void => {
    for (const [name, value] of Object.entries(set)) {
      const field = `${key}_set.${name.toLowerCase()}`;
      if (metadata.has(field)) throw new TypeError(`Header rule ${JSON.stringify(name)} is given twice`);
      metadata.set(field, value);
    }
    list(`${key}_remove`, remove);
  };
  list("host", service.hosts);
  list("path", service.paths);
  if (service.rewriteHost !== undefined) metadata.set("rewrite_host", service.rewriteHost);
  if (service.protocol !== undefined) metadata.set("protocol", service.protocol);
  rules("request", service.requestHeaders);
  rules("response", service.responseHeaders);
  list("plugin", service.plugins);
  if (metadata.size > MAX_METADATA) {
    throw new TypeError(
      `Service ${service.name} has ${metadata.size} hosts, paths, header rules and plugins, ` +
        `which is more than the ${MAX_METADATA} that a registration can carry`,
    );
  }
  const encoder = new TextEncoder();
  for (const [key, value] of metadata) {
    if (encoder.encode(key + value).length <= MAX_METADATA_BYTES) continue;
    throw new TypeError(
      `Service ${service.name}: ${key} is longer than the ${MAX_METADATA_BYTES} bytes of a registration`,
    );
  }
  decodeHttpService(metadata);
  return metadata;
}

/**
 * Reads a registration's metadata. Keys that it does not know are left alone.
 *
 * @throws {TypeError} for what cannot be; the message says what, fit for a log
 */
export function decodeHttpService(metadata: ReadonlyMap<string, string>): HttpRegistration {
  const reader = new MetadataReader(metadata);
  const hosts = reader.list("host", "Host", parseHostPattern);
  const paths = reader.list("path", "Path", canonicalPrefix);
  const rewriteHost = metadata.get("rewrite_host");
  if (rewriteHost !== undefined && !isRewriteHost(rewriteHost)) refuse("Host for the service", rewriteHost);
  return {
    hosts,
    paths: paths.length === 0 ? ["/"] : paths,
    policy: {
      rewriteHost,
      protocol: protocolOf(metadata.get("protocol")),
      requestHeaders: reader.rules("request"),
      responseHeaders: reader.rules("response"),
      plugins: reader.list("plugin", "Plugin", (name) => isPluginName(name) ? name : undefined),
    },
  };
}

function protocolOf(text: string | undefined): HttpServiceProtocol {
  if (text === undefined) return "http1";
  return HTTP_SERVICE_PROTOCOLS.find((protocol) => protocol === text) ?? refuse("Protocol", text);
}

/** Reads the keys that come in numbers. */
class MetadataReader {
  readonly #metadata: ReadonlyMap<string, string>;

  constructor(metadata: ReadonlyMap<string, string>) {
    this.#metadata = metadata;
  }

  /** `key.0`, `key.1` and so on, each once. */
  list(key: string, what: string, canonical: (text: string) => string | undefined): string[] {
    const values = new Set<string>();
    for (let index = 0;; index++) {
      const text = this.#metadata.get(`${key}.${index}`);
      if (text === undefined) return [...values];
      const value = canonical(text) ?? refuse(what, text);
      if (values.has(value)) throw new TypeError(`${what} ${JSON.stringify(text)} is given twice`);
      values.add(value);
    }
  }

  rules(side: string): HeaderChanges {
    const set = new Map<string, string>();
    const start = `${side}_set.`;
    for (const [key, value] of this.#metadata) {
      if (!key.startsWith(start)) continue;
      const name = key.slice(start.length).toLowerCase();
      if (!isRuleName(name)) refuse("Header rule", name);
      if (!isRuleValue(value)) throw new TypeError(`The value of header rule ${name} is not possible`);
      set.set(name, value);
    }
    const remove = this.list(`${side}_remove`, "Header rule", (name) => {
      return isRuleName(name) ? name.toLowerCase() : undefined;
    });
    return { set: [...set], remove };
  }
}

function refuse(what: string, text: string): never {
  throw new TypeError(`${what} ${JSON.stringify(text.slice(0, 100))} is not possible`);
}
