/**
 * The plugins of a server in the course of time.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import { spawn } from "../spawn.ts";
import { closePlugins, createPlugins, isSameFactory } from "./create_plugins.ts";
import { PluginRegistry, type PluginUse } from "./registry.ts";
import type { Plugin, PluginFactory, PreparedPlugins } from "./types.ts";

/** What plugins are made with. */
export interface PluginKeeperOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: Counters;
}

/** What a server wants of plugins. */
export interface WantedPlugins extends PluginUse {
  /** Makers, by name. @default none */
  readonly plugins?: Readonly<Record<string, PluginFactory>>;
}

interface Made {
  readonly factory: PluginFactory;
  readonly plugin: Plugin;
}

interface Retired {
  readonly registry: PluginRegistry;
  /** Plugins of it that no later registry has. */
  readonly gone: readonly Plugin[];
}

/**
 * Makes plugins, and others in place of them. One that is wanted as it was stays, with what it has counted and learned. One that
 * is not wanted any more is closed when the last request is over that it sees.
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { Counters } from "../observe/counters.ts";
 * import { requestLog } from "./log.ts";
 * import { PluginKeeper } from "./plugin_keeper.ts";
 *
 * const keeper = new PluginKeeper({ clock: systemClock, logger: loggerOrDefault(), counters: new Counters() });
 * const made = await keeper.prepare({ plugins: { log: requestLog() }, use: ["log"] }, 5000);
 * made.take();
 * console.log(keeper.registry?.names); // Set { "log" }
 * await keeper.close();
 * ```
 */
export class PluginKeeper {
  readonly #options: PluginKeeperOptions;
  #made: ReadonlyMap<string, Made> = new Map();
  #registry: PluginRegistry | undefined;
  /** Oldest first. */
  #retired: Retired[] = [];
  #closed = false;

  /** @param options What plugins are made with. */
  constructor(options: PluginKeeperOptions) {
    this.#options = options;
  }

  /** The plugins in use; undefined when there are none. */
  get registry(): PluginRegistry | undefined {
    return this.#registry;
  }

  /**
   * Makes what is wanted and is not there yet. Nothing changes before it is taken; one at a time.
   *
   * @param wanted Makers, and which requests they see.
   * @param timeoutMs How long a hook may take.
   * @throws {TunnelError} `CONFIG` when one cannot be made
   * @throws {TypeError} when a name in `use` or `services` is that of no plugin
   */
  async prepare(wanted: WantedPlugins, timeoutMs: number): Promise<PreparedPlugins> {
    const { plugins = {}, use = [], services = {} } = wanted;
    const missing = Object.entries(plugins).filter(([name, factory]) =>
      this.#kept(name, factory) === undefined
    );
    const fresh = await createPlugins(Object.fromEntries(missing), this.#options);
    const discard = (): Promise<void> => closePlugins(fresh.values(), this.#options);
    const made = new Map<string, Made>();
    for (const [name, factory] of Object.entries(plugins)) {
      const plugin = fresh.get(name);
      const one = plugin === undefined ? this.#kept(name, factory) : { factory, plugin };
      if (one !== undefined) made.set(name, one);
    }
    try {
      const all = new Map([...made].map(([name, { plugin }]) => [name, plugin]));
      const registry = new PluginRegistry(all, { ...this.#options, timeoutMs, use, services });
      return { names: registry.names, take: () => this.#take(made, registry), discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  /** Closes every plugin, whoever still uses it. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const gone = this.#retired.flatMap((one) => one.gone);
    this.#retired = [];
    await closePlugins([...gone, ...[...this.#made.values()].map(({ plugin }) => plugin)], this.#options);
    this.#made = new Map();
  }

  #kept(name: string, factory: PluginFactory): Made | undefined {
    const made = this.#made.get(name);
    return made !== undefined && isSameFactory(made.factory, factory) ? made : undefined;
  }

  #take(made: ReadonlyMap<string, Made>, registry: PluginRegistry): void {
    const before = this.#registry;
    const now = new Set([...made.values()].map(({ plugin }) => plugin));
    const gone = [...this.#made.values()].map(({ plugin }) => plugin).filter((plugin) => !now.has(plugin));
    this.#made = made;
    this.#registry = made.size === 0 ? undefined : registry;
    if (before !== undefined) {
      this.#retired.push({ registry: before, gone });
      before.onIdle(() => this.#sweep());
    }
    if (this.#closed) spawn(() => this.close(), () => {}); // The server has stopped meanwhile.
    else this.#sweep();
  }

  /** A plugin may be in several registries: they are left in the order in which they came. */
  #sweep(): void {
    while (this.#retired[0]?.registry.idle === true) {
      const { gone } = this.#retired.shift() as Retired;
      spawn(() => closePlugins(gone, this.#options), () => {}); // Never rejects.
    }
  }
}
