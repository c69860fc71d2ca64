/**
 * Who gets as far as the handshake, and whose token is good.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { addressGroup } from "../http/ip_address.ts";
import { Admission, type AdmissionLimits } from "./admission.ts";
import { AddressPenalties } from "./authenticator.ts";
import type { Grant } from "./grant.ts";
import { type Credentials, Grants } from "./grants.ts";

/** Options of {@linkcode Doorkeeper}. */
export interface DoorkeeperOptions extends Credentials {
  readonly clock: Clock;
  readonly limits: AdmissionLimits;
}

/** Counts those that have not said who they are, checks tokens, and shuts addresses out that guess. */
export class Doorkeeper {
  /** The tokens and keys. */
  readonly grants: Grants;
  readonly #penalties: AddressPenalties;
  readonly #admission: Admission;

  /**
   * @param options Tokens, keys and limits.
   * @throws {TypeError} for tokens and keys that cannot be used
   */
  constructor({ clock, tokens, keys, limits }: DoorkeeperOptions) {
    this.grants = new Grants({ clock, tokens, keys });
    this.#penalties = new AddressPenalties(clock);
    this.#admission = new Admission(limits);
  }

  /** Connections that have not authenticated. */
  get unauthenticated(): number {
    return this.#admission.total;
  }

  /** Lets a connection from this address in. @returns gives its place back; undefined: refused */
  enter(address: string): (() => void) | undefined {
    return this.#admission.enter(addressGroup(address));
  }

  /** Whether handshakes from this address are refused for now. */
  isShutOut(address: string): boolean {
    return this.#penalties.isShutOut(addressGroup(address));
  }

  /** The token, or undefined when there is no such token. Counts failures by address. */
  checkToken(token: string, address: string): Grant | undefined {
    const grant = this.grants.ofToken(token);
    if (grant === undefined) this.failed(address);
    return grant;
  }

  /** Somebody at this address has presented what is wrong. */
  failed(address: string): void {
    this.#penalties.failed(addressGroup(address));
  }
}
