/**
 * How many connections may be open before they have said who they are. Pure.
 *
 * @module
 */

/** Limits of {@linkcode Admission}. */
export interface AdmissionLimits {
  /** Over all addresses. */
  readonly maxUnauthenticated: number;
  /** From one address; for IPv6 from one network of 64 bits, see {@linkcode addressGroup}. */
  readonly maxUnauthenticatedPerAddress: number;
}

/** Counts connections that have not authenticated. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  /** @param limits How many. */
  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Connections that have not authenticated. */
  get total(): number {
    return this.#total;
  }

  /** Lets a connection in. @returns gives its place back, once however often it is called; undefined: refused */
  enter(address: string): (() => void) | undefined {
    const count = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.#limits.maxUnauthenticated) return undefined;
    if (count >= this.#limits.maxUnauthenticatedPerAddress) return undefined;
    this.#total++;
    this.#byAddress.set(address, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#total--;
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left === 0) this.#byAddress.delete(address);
      else this.#byAddress.set(address, left);
    };
  }
}
