/**
 * The plugins of a server, and which of them see the requests of a service.
 *
 * @module
 */
import { hostKeys, parseHostPattern } from "../http/host.ts";
import { PluginChain, type PluginChainOptions, type RunCount } from "./chain.ts";
import type { Plugin } from "./types.ts";

/** Which plugins see what, by the server's owner. */
export interface PluginUse {
  /** For every service, first. @default none */
  readonly use?: readonly string[];
  /**
   * For services by their names, for hosts, and for patterns such as `*.example.com`: those of the name come first, then those of
   * the host and of ever shorter patterns. @default none
   */
  readonly services?: Readonly<Record<string, { readonly use?: readonly string[] }>>;
}

/** Options of a {@linkcode PluginRegistry}. */
export interface PluginRegistryOptions extends PluginChainOptions, PluginUse {}

/** Where a request goes, as far as it decides which plugins see it. */
export interface PluginScope {
  /** Name of the service. */
  readonly service: string;
  /** Canonical host of the request. */
  readonly host: string;
  /** What the service's client has asked for. */
  readonly wanted: readonly string[];
}

/** Chains are made once for each list of names; clients can ask for many lists in the course of time. */
const MAX_CHAINS = 1_000;

/**
 * The plugins of a server.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { Counters } from "../observe/counters.ts";
 * import { createPlugins } from "./create_plugins.ts";
 * import { PluginRegistry } from "./registry.ts";
 * import { requestLog } from "./log.ts";
 *
 * const dependencies = { clock: systemClock, logger: loggerOrDefault() };
 * const plugins = await createPlugins({ log: requestLog() }, dependencies);
 * const registry = new PluginRegistry(plugins, {
 *   ...dependencies,
 *   counters: new Counters(),
 *   timeoutMs: 5000,
 *   use: ["log"],
 * });
 * const chain = registry.chain({ service: "web", host: "app.example.com", wanted: [] });
 * console.log(chain?.plugins.length); // 1
 * ```
 */
export class PluginRegistry {
  readonly #plugins: ReadonlyMap<string, Plugin>;
  readonly #options: PluginRegistryOptions;
  readonly #byName = new Map<string, readonly string[]>();
  readonly #usesHosts: boolean;
  readonly #uses: RunCount = { running: 0, onNone: () => {} };
  readonly #chains = new Map<string, PluginChain | undefined>();

  /**
   * @param plugins By name.
   * @param options Which see what, and what chains share.
   * @throws {TypeError} when a name of `options` is that of no plugin
   */
  constructor(plugins: ReadonlyMap<string, Plugin>, options: PluginRegistryOptions) {
    this.#plugins = plugins;
    this.#options = { ...options, uses: this.#uses };
    for (const [name, { use = [] }] of Object.entries(options.services ?? {})) {
      this.#add(name, use);
      // Requests come by the one spelling of their host: a guard that is named with another one must not be lost.
      const host = parseHostPattern(name);
      if (host !== undefined && host !== name) this.#add(host, use);
    }
    this.#usesHosts = [...this.#byName.keys()].some((name) => name.includes(".") || name.includes("["));
    const unknown = this.unknown([...options.use ?? [], ...[...this.#byName.values()].flat()]);
    if (unknown.length > 0) throw new TypeError(`Expected names of plugins but got ${unknown.join(", ")}`);
  }

  /** Names of the plugins, all of which services may ask for. */
  get names(): ReadonlySet<string> {
    return new Set(this.#plugins.keys());
  }

  /** Whether no request is on its way through the plugins. */
  get idle(): boolean {
    return this.#uses.running === 0;
  }

  /** Has somebody told whenever that is so again. */
  onIdle(told: () => void): void {
    this.#uses.onNone = told;
  }

  /** The names among `names` that no plugin has. */
  unknown(names: readonly string[]): string[] {
    return names.filter((name) => !this.#plugins.has(name));
  }

  /**
   * The plugins that see a request, each once: the server's choice for all, for the service, for the host, then the client's.
   *
   * @param scope Where it goes. Wanted names of no plugin are left out: the registration has refused them.
   * @returns undefined when there is none, so that nothing is to be done
   */
  chain(scope: PluginScope): PluginChain | undefined {
    if (this.#plugins.size === 0) return undefined;
    const names = this.#namesFor(scope);
    const key = names.join("\n");
    let chain = this.#chains.get(key);
    if (chain !== undefined || this.#chains.has(key)) return chain;
    const plugins = [...new Set(names)].map((name) => this.#plugins.get(name)).filter((one) =>
      one !== undefined
    );
    chain = plugins.length === 0 ? undefined : new PluginChain(plugins, this.#options);
    if (this.#chains.size >= MAX_CHAINS) this.#chains.clear();
    this.#chains.set(key, chain);
    return chain;
  }

  #add(name: string, use: readonly string[]): void {
    this.#byName.set(name, [...this.#byName.get(name) ?? [], ...use]);
  }

  #namesFor({ service, host, wanted }: PluginScope): readonly string[] {
    const { use = [] } = this.#options;
    const names = [...use, ...this.#byName.get(service) ?? []];
    if (this.#usesHosts) {
      for (const key of hostKeys(host)) if (key !== service) names.push(...this.#byName.get(key) ?? []);
    } else if (host !== service) names.push(...this.#byName.get(host) ?? []);
    return wanted.length === 0 ? names : [...names, ...wanted];
  }
}
