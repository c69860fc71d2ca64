/**
 * Plugins that the server's owner has written: a module whose default export makes one.
 *
 * @module
 */
import { withTraits } from "./_traits.ts";
import type { Plugin, PluginContext, PluginFactory } from "./types.ts";

/** What a module with a plugin exports as `default`. */
export type PluginModule = (
  /** `options` of the configuration; empty when it has none. */
  options: Readonly<Record<string, unknown>>,
  /** Name, clock and log. */
  context: PluginContext,
) => Plugin | Promise<Plugin>;

/** Options of {@linkcode modulePlugin}. */
export interface ModulePluginOptions {
  /** What its file exports. */
  readonly module: unknown;
  /** Handed to it as they are. @default none */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Whether requests go on when it fails; never those of a plugin that guards. @default what the plugin says itself */
  readonly failOpen?: boolean;
}

const HOOKS = ["onRequest", "onResponse", "onEnd"] as const;

/**
 * Makes a plugin of a module.
 *
 * @param spec The module and what it is told.
 * @throws {TypeError} when its default export is no function
 */
export function modulePlugin(spec: ModulePluginOptions): PluginFactory {
  const { module, options = {}, failOpen } = spec;
  const make: unknown = typeof module === "object" && module !== null && "default" in module
    ? module.default
    : undefined;
  if (typeof make !== "function") {
    throw new TypeError("Expected a module whose default export is a function (options, context) => plugin");
  }
  return async (context) => {
    const plugin: unknown = await make(options, context);
    if (!isPlugin(plugin)) {
      throw new TypeError(`Its function made no plugin: an object with one of ${HOOKS.join(", ")}`);
    }
    return failOpen === undefined ? plugin : withTraits(plugin, { failOpen });
  };
}

function isPlugin(value: unknown): value is Plugin {
  if (typeof value !== "object" || value === null) return false;
  const fields = new Map<string, unknown>(HOOKS.map((hook) => [hook, Reflect.get(value, hook)]));
  const given = [...fields.values()].filter((field) => field !== undefined);
  return given.length > 0 && given.every((field) => typeof field === "function");
}
