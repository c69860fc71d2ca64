/**
 * Where a server keeps what must survive a restart. Pure.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";

/** What the choice depends on. */
export interface StateDirectoryOptions {
  /** Reads an environment variable. */
  readonly environment: (name: string) => string | undefined;
  /** The user that runs the program: 0 is root; undefined when that is not known. */
  readonly userId: number | undefined;
}

const NAME = "ferrotunnel";

/**
 * The directory that is used when none is named: the one that systemd made for the service (`StateDirectory=`), root's, or
 * the user's own (XDG Base Directory Specification).
 *
 * @param options What the choice depends on.
 * @returns It, or undefined when the user has no home.
 *
 * @example
 * ```ts
 * import { defaultStateDirectory } from "./state_directory.ts";
 *
 * const environment = (name: string): string | undefined => name === "HOME" ? "/people/ada" : undefined;
 * console.log(defaultStateDirectory({ environment, userId: 1000 })); // /people/ada/.local/state/ferrotunnel
 * console.log(defaultStateDirectory({ environment, userId: 0 })); // /var/lib/ferrotunnel
 * ```
 */
export function defaultStateDirectory(options: StateDirectoryOptions): string | undefined {
  const { environment, userId } = options;
  const read = (name: string): string | undefined => environment(name) || undefined;
  // Several are separated by colons; the first is ours.
  const service = read("STATE_DIRECTORY")?.split(":")[0];
  if (service !== undefined) return service;
  if (userId === 0) return `/var/lib/${NAME}`;
  const state = read("XDG_STATE_HOME");
  // The specification has a relative one ignored.
  if (state !== undefined && isAbsolute(state)) return join(state, NAME);
  const home = read("HOME") ?? read("USERPROFILE");
  return home === undefined ? undefined : join(home, ".local", "state", NAME);
}
