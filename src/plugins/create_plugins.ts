/**
 * From what a configuration says about plugins to plugins.
 *
 * @module
 */
import { describeError, TunnelError } from "../errors.ts";
import { isSame } from "../is_same.ts";
import { basicAuth, type BasicAuthOptions } from "./basic.ts";
import { circuitBreaker, type CircuitBreakerOptions } from "./breaker.ts";
import { headers, type HeadersOptions } from "./headers.ts";
import { ipFilter, type IpFilterOptions } from "./ip.ts";
import { requestLog, type RequestLogOptions } from "./log.ts";
import { modulePlugin } from "./module.ts";
import { withTraits } from "./_traits.ts";
import { rateLimit, type RateLimitOptions } from "./rate_limit.ts";
import { tokenAuth, type TokenAuthOptions } from "./token.ts";
import type { Plugin, PluginContext, PluginFactory } from "./types.ts";

/** What a configuration says of one plugin. */
export type PluginSpec =
  | (TokenAuthOptions & { readonly type: "token" })
  | (BasicAuthOptions & { readonly type: "basic" })
  | (IpFilterOptions & { readonly type: "ip" })
  | (RateLimitOptions & { readonly type: "rateLimit" })
  | (CircuitBreakerOptions & { readonly type: "breaker" })
  | (Omit<RequestLogOptions, "write"> & { readonly type: "log" })
  | (HeadersOptions & { readonly type: "headers" })
  /** A module of the server's owner. */
  | {
    readonly type: "module";
    /** What its file exports, loaded already. */
    readonly module: unknown;
    /** Handed to it as they are. */
    readonly options?: Readonly<Record<string, unknown>>;
    /** Whether requests go on when it fails. @default what the plugin says itself */
    readonly failOpen?: boolean;
  };

/**
 * Makes the factory of a plugin.
 *
 * @param spec What the configuration says.
 * @throws {TypeError | RangeError} when that cannot be
 */
export function pluginFactory(spec: PluginSpec): PluginFactory {
  const factory = factoryOf(spec);
  SPECS.set(factory, spec);
  return factory;
}

/** Whether two factories make the same plugin: they are one, or {@linkcode pluginFactory} has made both from the same. */
export function isSameFactory(one: PluginFactory, other: PluginFactory): boolean {
  const spec = SPECS.get(one);
  return one === other || (spec !== undefined && isSame(spec, SPECS.get(other)));
}

/** Beside the factories, not in them: specifications hold secrets. */
const SPECS = new WeakMap<PluginFactory, PluginSpec>();

function factoryOf(spec: PluginSpec): PluginFactory {
  switch (spec.type) {
    case "token":
      return tokenAuth(spec);
    case "basic":
      return basicAuth(spec);
    case "ip":
      return ipFilter(spec);
    case "rateLimit":
      return rateLimit(spec);
    case "breaker":
      return circuitBreaker(spec);
    case "log":
      return requestLog(spec);
    case "headers":
      return headers(spec);
    case "module":
      return modulePlugin(spec);
  }
}

/**
 * Makes plugins, one after the other. When one cannot be made, those before it are closed.
 *
 * @param factories By name.
 * @param dependencies What every plugin gets beside its name.
 * @returns By name.
 * @throws {TunnelError} code `CONFIG`, with the plugin's name in the message
 */
export async function createPlugins(
  factories: Readonly<Record<string, PluginFactory>>,
  dependencies: Omit<PluginContext, "name">,
): Promise<Map<string, Plugin>> {
  const plugins = new Map<string, Plugin>();
  for (const [name, make] of Object.entries(factories)) {
    try {
      plugins.set(name, nameIt(await make({ ...dependencies, name }), name));
    } catch (error) {
      await closePlugins(plugins.values(), dependencies);
      throw new TunnelError("CONFIG", `Cannot start the plugin ${name}: ${describeError(error)}`, {
        cause: error,
      });
    }
  }
  return plugins;
}

/** Closes plugins, all at once. What goes wrong is logged. */
export async function closePlugins(
  plugins: Iterable<Plugin>,
  { logger }: Omit<PluginContext, "name">,
): Promise<void> {
  await Promise.all([...plugins].map(async (plugin) => {
    try {
      await plugin.close?.();
    } catch (error) {
      logger.warn("Plugin {plugin} failed to close: {error}", {
        plugin: plugin.name,
        error: describeError(error),
      });
    }
  }));
}

/** In logs and metrics a plugin has the name that the server's owner knows it by. */
function nameIt(plugin: Plugin, name: string): Plugin {
  return plugin.name === name ? plugin : withTraits(plugin, { name });
}
