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

/**
 * What counts as one address. In IPv6 the smallest network that a host is given has 2^64 addresses, so all of it counts as
 * one; an IPv4 address inside IPv6 counts as what it is.
 *
 * @param hostname An address as the runtime reports it, with a zone or without
 * @returns the IPv4 address, or the /64 network of the IPv6 address; anything else as it came
 *
 * @example
 * ```ts
 * import { addressGroup } from "./admission.ts";
 *
 * console.log(addressGroup("2001:db8:0:1::42")); // 2001:db8:0:1::/64
 * console.log(addressGroup("::ffff:192.0.2.1")); // 192.0.2.1
 * ```
 */
export function addressGroup(hostname: string): string {
  const groups = groupsOf(hostname);
  if (groups === undefined) return hostname;
  const [sixth = 0, high = 0, low = 0] = groups.slice(5);
  if (sixth === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
  }
  return `${groups.slice(0, 4).map((group) => group.toString(16)).join(":")}::/64`;
}

/** The eight groups of an IPv6 address; undefined for anything else. */
function groupsOf(hostname: string): number[] | undefined {
  const [address = ""] = hostname.split("%");
  const halves = address.split("::");
  if (!address.includes(":") || halves.length > 2) return undefined;
  const [before = [], after = []] = halves.map(parseGroups);
  const missing = 8 - before.length - after.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...before, ...new Array<number>(missing).fill(0), ...after];
  return groups.some(Number.isNaN) ? undefined : groups;
}

/** Groups between colons; a dotted IPv4 address is two of them. What cannot be read is NaN. */
function parseGroups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    const dotted = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(group);
    if (dotted === null) return /^[0-9a-f]{1,4}$/i.test(group) ? parseInt(group, 16) : NaN;
    const [a = 0, b = 0, c = 0, d = 0] = dotted.slice(1).map(Number);
    return Math.max(a, b, c, d) > 255 ? NaN : [a << 8 | b, c << 8 | d];
  });
}
