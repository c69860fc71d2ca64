/**
 * Which service belongs to whom. A name belongs to an identity, not to a connection: when the connection is lost, the name
 * and its port are kept for a while, so that the same client finds them again and nobody else can take them.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";

/** Who a client is: the token it showed and the id it chose. */
export interface Identity {
  /** Name of the token. */
  readonly tokenName: string;
  readonly tunnelId: string;
}

/** A claimed service name. `Owner` is the session that serves it, `Binding` what visitors come in by. */
export interface Claim<Owner, Binding> {
  readonly name: string;
  readonly identity: Identity;
  /** The session that serves it; undefined while its client is away. */
  owner: Owner | undefined;
  /** Where visitors come in; undefined until it is bound. */
  binding: Binding | undefined;
}

/** Options of {@linkcode ServiceRegistry}. */
export interface ServiceRegistryOptions<Owner, Binding> {
  readonly clock: Clock;
  /** How long a claim without owner is kept. */
  readonly graceMs: number;
  /** Claims without owner that are kept for one token; beyond that the one that has waited longest is given up. */
  readonly maxOrphansPerToken: number;
  /** A claim is over for good: what was bound for it is to be freed. */
  readonly onReleased: (claim: Claim<Owner, Binding>) => void;
}

/** Claims in memory. */
export class ServiceRegistry<Owner, Binding> {
  readonly #options: ServiceRegistryOptions<Owner, Binding>;
  readonly #claims = new Map<string, Claim<Owner, Binding>>();
  /** Timers of the claims without owner; the one that has waited longest comes first. */
  readonly #expiries = new Map<string, CancelTimer>();

  /** @param options Clock, grace and who frees bindings. */
  constructor(options: ServiceRegistryOptions<Owner, Binding>) {
    this.#options = options;
  }

  /** All claims. */
  claims(): Iterable<Claim<Owner, Binding>> {
    return this.#claims.values();
  }

  /** Who has the name. */
  lookup(name: string): Claim<Owner, Binding> | undefined {
    return this.#claims.get(name);
  }

  /**
   * Claims a name for a session. The same identity takes its own claim over, with its binding.
   *
   * @returns the claim, or undefined when the name belongs to another identity
   */
  claim(name: string, identity: Identity, owner: Owner): Claim<Owner, Binding> | undefined {
    const existing = this.#claims.get(name);
    if (existing === undefined) {
      const claim = { name, identity, owner, binding: undefined };
      this.#claims.set(name, claim);
      return claim;
    }
    if (!sameIdentity(existing.identity, identity)) return undefined;
    this.#cancelExpiry(name);
    existing.owner = owner;
    return existing;
  }

  /** Claims of an identity, also those that nobody serves at the moment. */
  countOf(identity: Identity): number {
    let count = 0;
    for (const claim of this.#claims.values()) if (sameIdentity(claim.identity, identity)) count++;
    return count;
  }

  /**
   * The session of these claims was lost. They are kept for the grace, as many as may wait for one token. Claims of another
   * owner are left alone.
   */
  orphan(owner: Owner): void {
    const lost = this.#owned(owner);
    for (const claim of lost) {
      claim.owner = undefined;
      const cancel = this.#options.clock.setTimer(() => this.#remove(claim), this.#options.graceMs);
      this.#expiries.set(claim.name, cancel);
    }
    for (const tokenName of new Set(lost.map(({ identity }) => identity.tokenName))) {
      const orphans = this.#orphans((identity) => identity.tokenName === tokenName);
      const excess = Math.max(0, orphans.length - this.#options.maxOrphansPerToken);
      for (const claim of orphans.slice(0, excess)) this.#remove(claim);
    }
  }

  /** Gives up the claim of this identity that has waited longest for its client. @returns whether there was one */
  releaseOldestOrphan(of: Identity): boolean {
    const [oldest] = this.#orphans((identity) => sameIdentity(identity, of));
    if (oldest !== undefined) this.#remove(oldest);
    return oldest !== undefined;
  }

  /** Gives up the claims of a session. Claims of another owner are left alone. */
  release(owner: Owner): void {
    for (const claim of this.#owned(owner)) this.#remove(claim);
  }

  /** Gives up every claim of the clients of one token. */
  releaseToken(tokenName: string): void {
    for (const claim of [...this.#claims.values()]) {
      if (claim.identity.tokenName === tokenName) this.#remove(claim);
    }
  }

  /** Gives up a claim, whoever has it. */
  releaseClaim(claim: Claim<Owner, Binding>): void {
    if (this.#claims.get(claim.name) === claim) this.#remove(claim);
  }

  /** Gives up one claim, if `owner` still has it. */
  releaseOne(name: string, owner: Owner): void {
    const claim = this.#claims.get(name);
    if (claim?.owner === owner) this.#remove(claim);
  }

  /** Gives up every claim. */
  clear(): void {
    for (const claim of [...this.#claims.values()]) this.#remove(claim);
  }

  #owned(owner: Owner): Claim<Owner, Binding>[] {
    return [...this.#claims.values()].filter((claim) => claim.owner === owner);
  }

  #orphans(matches: (identity: Identity) => boolean): Claim<Owner, Binding>[] {
    const found: Claim<Owner, Binding>[] = [];
    for (const name of this.#expiries.keys()) {
      const claim = this.#claims.get(name);
      if (claim !== undefined && matches(claim.identity)) found.push(claim);
    }
    return found;
  }

  #remove(claim: Claim<Owner, Binding>): void {
    this.#cancelExpiry(claim.name);
    this.#claims.delete(claim.name);
    claim.owner = undefined;
    this.#options.onReleased(claim);
  }

  #cancelExpiry(name: string): void {
    this.#expiries.get(name)?.();
    this.#expiries.delete(name);
  }
}

/** Whether two identities are the same client. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.tokenName === b.tokenName && a.tunnelId === b.tunnelId;
}
