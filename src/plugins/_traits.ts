/**
 * The same plugin under another name, or with another answer to its failures.
 *
 * @module
 */
import type { Plugin } from "./types.ts";

/** What can be changed about a plugin from outside. */
export interface Traits {
  readonly name?: string;
  readonly failOpen?: boolean;
}

/** A plugin that hands every call on. */
export function withTraits(plugin: Plugin, traits: Traits): Plugin {
  const { name, guards = false, failOpen = false } = plugin;
  return {
    name,
    guards,
    failOpen,
    ...traits,
    // Called on the plugin itself, which may be of a class with private fields.
    ...(plugin.onRequest === undefined ? {} : { onRequest: (request) => plugin.onRequest?.(request) }),
    ...(plugin.onResponse === undefined
      ? {}
      : { onResponse: (response, request) => plugin.onResponse?.(response, request) }),
    ...(plugin.onEnd === undefined ? {} : { onEnd: (outcome, request) => plugin.onEnd?.(outcome, request) }),
    ...(plugin.close === undefined ? {} : { close: () => plugin.close?.() }),
  };
}
