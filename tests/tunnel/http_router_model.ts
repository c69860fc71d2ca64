/**
 * The slow, obvious oracle of the router.
 *
 * @module
 */
import type { RouteClaim } from "../../src/tunnel/http_router.ts";

/** A list of everything that was claimed, searched from one end to the other. */
export class RouterModel {
  #claims: RouteClaim<string>[] = [];

  /** Distinct hosts and patterns. */
  get size(): number {
    return new Set(this.#claims.flatMap(({ hosts }) => hosts)).size;
  }

  /** @returns whether it was done */
  claim(claim: RouteClaim<string>): boolean {
    const others = this.#claims.filter(({ holder }) => holder !== claim.holder);
    for (const host of claim.hosts) {
      const same = others.filter(({ hosts }) => hosts.includes(host));
      if (same.some(({ owner }) => owner !== claim.owner)) return false;
      if (same.some(({ paths }) => paths.some((path) => claim.paths.includes(path)))) return false;
      if (same.length > 0) continue;
      const [above] = others.flatMap(({ owner, hosts }) => hosts.map((pattern) => ({ owner, pattern })))
        .filter(({ pattern }) => pattern.startsWith("*.") && host.endsWith(pattern.slice(1)))
        .sort((a, b) => b.pattern.length - a.pattern.length);
      if (above !== undefined && above.owner !== claim.owner) return false;
    }
    this.#claims = [...others, claim];
    return true;
  }

  release(holder: string): void {
    this.#claims = this.#claims.filter((claim) => claim.holder !== holder);
  }

  /** @param path Without anything that could be read in two ways. */
  find(host: string, path: string): string | undefined {
    const hosts = this.#claims.flatMap((claim) => claim.hosts);
    const [key] = hosts.includes(host) ? [host] : hosts
      .filter((pattern) => pattern.startsWith("*.") && host.endsWith(pattern.slice(1)))
      .sort((a, b) => b.length - a.length);
    const [found] = this.#claims.filter((claim) => key !== undefined && claim.hosts.includes(key))
      .flatMap(({ holder, paths }) => paths.map((prefix) => ({ holder, prefix })))
      .filter(({ prefix }) => `${path}/`.replace("//", "/").startsWith(prefix === "/" ? "/" : `${prefix}/`))
      .sort((a, b) => b.prefix.length - a.prefix.length);
    return found?.holder;
  }
}
