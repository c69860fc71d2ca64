/**
 * Which host and path belong to whom. Pure: canonical names in, holders out.
 *
 * A host, or a pattern such as `*.example.com`, belongs to one owner; its paths may lead to several of the owner's services. A
 * host below a pattern belongs to whoever had it first: it can be taken out of one's own pattern, not out of another owner's.
 *
 * @module
 */
import { isAmbiguous, isBelow, pathOf, resolvePath } from "./http_paths.ts";

/** Bytes of the longest host, and so more than what stands behind a `*`. */
const MAX_SUFFIX = 253;

/** What is asked for together. */
export interface RouteClaim<Holder> {
  /** Canonical hosts and patterns, each once. */
  readonly hosts: readonly string[];
  /** Canonical beginnings of paths, each once. */
  readonly paths: readonly string[];
  /** Who asks; compared as text. */
  readonly owner: string;
  /** Where requests go. One holder has one claim. */
  readonly holder: Holder;
}

/** Why a claim was refused. */
export interface RouteConflict {
  /** The host that was asked for. */
  readonly host: string;
  /** What stands against it, the same host or a pattern above it. */
  readonly by: string;
  /** The path, where the host is the claimant's own and another of its services has the path. */
  readonly path: string | undefined;
}

/** A host or pattern that somebody has. */
interface HostEntry<Holder> {
  readonly owner: string;
  /** Longest path first. */
  readonly routes: Route<Holder>[];
}

/** A path that leads somewhere. */
interface Route<Holder> {
  readonly path: string;
  /** The same in lower case. */
  readonly folded: string;
  readonly holder: Holder;
}

/**
 * Finds the holder of a request.
 *
 * @example
 * ```ts
 * import { HttpRouter } from "./http_router.ts";
 *
 * const router = new HttpRouter<string>();
 * router.claim({ hosts: ["app.example.com"], paths: ["/"], owner: "ann", holder: "web" });
 * router.claim({ hosts: ["app.example.com"], paths: ["/api"], owner: "ann", holder: "api" });
 * console.log(router.find("app.example.com", "/api/users?page=2")); // "api"
 * ```
 */
export class HttpRouter<Holder> {
  readonly #exact = new Map<string, HostEntry<Holder>>();
  /** By what stands behind the `*`, the dot included. */
  readonly #wildcards = new Map<string, HostEntry<Holder>>();
  /** How many of these have a length, so that a host of a hundred labels does not cost a hundred searches. */
  readonly #wildcardsOfLength = new Uint32Array(MAX_SUFFIX + 1);
  readonly #claims = new Map<Holder, RouteClaim<Holder>>();

  /** Hosts and patterns that somebody has. */
  get size(): number {
    return this.#exact.size + this.#wildcards.size;
  }

  /**
   * Claims hosts and paths, in place of what the holder had. All or nothing: when it is refused, the holder keeps what it had.
   *
   * @returns why not, or undefined when it was done
   */
  claim(claim: RouteClaim<Holder>): RouteConflict | undefined {
    const before = this.#claims.get(claim.holder);
    if (before !== undefined) this.#remove(before);
    const conflict = this.#conflict(claim);
    const now = conflict === undefined ? claim : before;
    if (now !== undefined) this.#add(now);
    return conflict;
  }

  /** Gives up what a holder has. */
  release(holder: Holder): void {
    const claim = this.#claims.get(holder);
    if (claim !== undefined) this.#remove(claim);
  }

  /**
   * Finds the holder of a request: by the host itself, else by the longest pattern above it; then by the longest path. A host
   * that somebody has is never looked for above it.
   *
   * @param host Canonical.
   * @param target Path and query, or `*`.
   * @returns undefined as well when services could read the path as one of another holder
   */
  find(host: string, target: string): Holder | undefined {
    const entry = this.#exact.get(host) ?? this.#above(host)?.entry;
    if (entry === undefined) return undefined;
    const { routes } = entry;
    const only = routes.length === 1 ? routes[0] : undefined;
    if (only?.path === "/") return only.holder;
    const path = pathOf(target);
    const found = longest(routes, path);
    const read = isAmbiguous(path) ? resolvePath(path) : path;
    if (found === undefined || read === undefined) return undefined;
    const other = read === path ? found : longest(routes, read);
    if (other?.holder !== found.holder) return undefined;
    // Many services take `/Admin` for `/admin`: that is another service's path as well.
    const folded = read.toLowerCase();
    const elsewhere = routes.some((route) =>
      route.holder !== found.holder && route.path.length > other.path.length && isBelow(folded, route.folded)
    );
    return elsewhere ? undefined : found.holder;
  }

  /** The longest pattern that covers a host, or a narrower pattern. */
  #above(host: string): { readonly pattern: string; readonly entry: HostEntry<Holder> } | undefined {
    if (this.#wildcards.size === 0) return undefined;
    for (let dot = host.indexOf(".", 1); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      if (!this.#wildcardsOfLength[host.length - dot]) continue;
      const suffix = host.slice(dot);
      const entry = this.#wildcards.get(suffix);
      if (entry !== undefined) return { pattern: `*${suffix}`, entry };
    }
    return undefined;
  }

  #conflict({ hosts, paths, owner }: RouteClaim<Holder>): RouteConflict | undefined {
    for (const host of hosts) {
      const entry = this.#entry(host);
      if (entry === undefined) {
        const above = this.#above(host);
        if (above !== undefined && above.entry.owner !== owner) {
          return { host, by: above.pattern, path: undefined };
        }
        continue;
      }
      if (entry.owner !== owner) return { host, by: host, path: undefined };
      const path = paths.find((wanted) => entry.routes.some((route) => route.path === wanted));
      if (path !== undefined) return { host, by: host, path };
    }
    return undefined;
  }

  #entry(host: string): HostEntry<Holder> | undefined {
    return host.startsWith("*.") ? this.#wildcards.get(host.slice(1)) : this.#exact.get(host);
  }

  #add(claim: RouteClaim<Holder>): void {
    const { hosts, paths, owner, holder } = claim;
    this.#claims.set(holder, claim);
    for (const host of hosts) {
      let entry = this.#entry(host);
      if (entry === undefined) {
        entry = { owner, routes: [] };
        if (host.startsWith("*.")) {
          this.#wildcards.set(host.slice(1), entry);
          this.#countWildcard(host, 1);
        } else this.#exact.set(host, entry);
      }
      for (const path of paths) entry.routes.push({ path, folded: path.toLowerCase(), holder });
      entry.routes.sort((a, b) => b.path.length - a.path.length);
    }
  }

  #countWildcard(pattern: string, by: number): void {
    const length = pattern.length - 1;
    this.#wildcardsOfLength[length] = (this.#wildcardsOfLength[length] ?? 0) + by;
  }

  #remove({ hosts, holder }: RouteClaim<Holder>): void {
    this.#claims.delete(holder);
    for (const host of hosts) {
      const routes = this.#entry(host)?.routes;
      if (routes === undefined) continue;
      const kept = routes.filter((route) => route.holder !== holder);
      routes.splice(0, routes.length, ...kept);
      if (kept.length > 0) continue;
      if (host.startsWith("*.")) {
        this.#wildcards.delete(host.slice(1));
        this.#countWildcard(host, -1);
      } else this.#exact.delete(host);
    }
  }
}

function longest<Holder>(routes: readonly Route<Holder>[], path: string): Route<Holder> | undefined {
  for (const route of routes) if (isBelow(path, route.path)) return route;
  return undefined;
}
