/**
 * What comes after a dial that failed. Pure.
 *
 * @module
 */
import { TunnelError } from "../errors.ts";

/** A dial at once, one after a wait of at least so long, or none ever again. */
export type Verdict = "at_once" | "never" | { readonly atLeastMs: number };

/** Wait after another client took over, so that two do not evict each other without end. */
export const REPLACED_RETRY_MS = 30_000;
/** Waits after failures that time alone does not mend. */
const SLOW_RETRY_MS = 5_000;

/** Options of {@linkcode RetryPolicy}. */
export interface RetryPolicyOptions {
  /** How many servers there are. */
  readonly servers: number;
  /** The server that was dialled could not be reached. @returns whether all have been tried, so that it is time to wait */
  readonly nextServer: () => boolean;
}

/**
 * Judges failures.
 *
 * @example
 * ```ts
 * import { TunnelError } from "../errors.ts";
 * import { RetryPolicy } from "./retry_policy.ts";
 *
 * const policy = new RetryPolicy({ servers: 1, nextServer: () => true });
 * console.log(policy.failed(new TunnelError("CONNECTION", "Refused"), { searching: true })); // { atLeastMs: 0 }
 * console.log(policy.failed(new TunnelError("VERSION", "Too old"), { searching: true })); // "never"
 * ```
 */
export class RetryPolicy {
  readonly #options: RetryPolicyOptions;
  #everConnected = false;
  /** Failures in a row that time does not mend, each at another server. */
  #refusals = 0;

  /** @param options The servers. */
  constructor(options: RetryPolicyOptions) {
    this.#options = options;
  }

  /** The client has come to a server. */
  connected(): void {
    this.#everConnected = true;
    this.#refusals = 0;
  }

  /**
   * A dial failed.
   *
   * @param error Why.
   * @param options `searching`: whether the client is at no server yet; else it was one more connection to that server.
   */
  failed(error: unknown, { searching }: { readonly searching: boolean }): Verdict {
    const code = error instanceof TunnelError ? error.code : "CONNECTION";
    // Time does not mend a version; a token only after it was right once, for it may be being rotated.
    const final = code === "VERSION" || (code === "AUTHENTICATION" && !this.#everConnected);
    if (searching) {
      this.#refusals = final ? this.#refusals + 1 : 0;
      if (this.#refusals >= this.#options.servers) return "never";
      if (!this.#options.nextServer()) return "at_once";
    }
    if (code === "AUTHENTICATION" || code === "VERSION") return { atLeastMs: REPLACED_RETRY_MS };
    return { atLeastMs: code === "TAKEN" || code === "LIMIT" ? SLOW_RETRY_MS : 0 };
  }
}
