/**
 * Bounds how often visitors may come.
 *
 * A bucket of tokens is kept as one number: the time at which it would be full again (the generic cell rate algorithm). A bucket
 * that is full says nothing, so that forgetting it costs nothing either.
 *
 * @module
 */
import { hash } from "node:crypto";
import { isToken } from "../http/bytes.ts";
import { addressGroup } from "../http/ip_address.ts";
import { refuseUntil } from "./_answers.ts";
import { RecentMap } from "./_recent_map.ts";
import type { PluginFactory, PluginRequest, RequestVerdict } from "./types.ts";

/** Options of {@linkcode rateLimit}. */
export interface RateLimitOptions {
  /** Requests a second in the long run; may be a fraction. More than 0. */
  readonly perSecond: number;
  /** Requests at once. At least 1. @default `perSecond`, rounded up */
  readonly burst?: number;
  /**
   * Whose requests count together: those from one address (of IPv6, from one /64), those for one host, or those with the same value
   * of one header field; of each service of each tunnel by itself. @default "address"
   */
  readonly by?: "address" | "host" | { readonly header: string };
  /** How many are told apart; beyond it, who came longest ago is forgotten. @default 10000 */
  readonly maxKeys?: number;
}

const DEFAULT_MAX_KEYS = 10_000;
/** Longer keys are hashed, so that a key takes bounded memory. */
const MAX_KEY_LENGTH = 64;
/** Sums of fractions of milliseconds are not exact. */
const TOLERANCE_MS = 1e-6;

/**
 * Lets visitors come so often and no more; beyond that they get 429 with `Retry-After`.
 *
 * @param options How often, and whose requests count together.
 * @throws {RangeError} for numbers that cannot be
 * @throws {TypeError} for a header that cannot be
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { rateLimit } from "./rate_limit.ts";
 *
 * const make = rateLimit({ perSecond: 10, burst: 50 });
 * const plugin = await make({ name: "polite", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.name);
 * ```
 */
export function rateLimit(options: RateLimitOptions): PluginFactory {
  const { perSecond, by = "address", maxKeys = DEFAULT_MAX_KEYS } = options;
  if (!(perSecond > 0 && perSecond <= 1e6)) {
    throw new RangeError(`Cannot allow ${perSecond} requests a second`);
  }
  const burst = options.burst ?? Math.ceil(perSecond);
  if (!Number.isInteger(burst) || burst < 1) throw new RangeError(`Cannot allow ${burst} requests at once`);
  if (!Number.isInteger(maxKeys) || maxKeys < 1) {
    throw new RangeError(`Cannot tell ${maxKeys} visitors apart`);
  }
  const keyOf = keyFunction(by);
  const intervalMs = 1000 / perSecond;
  const creditMs = (burst - 1) * intervalMs;
  return ({ name, clock }) => {
    const fullAt = new RecentMap<string, number>(maxKeys);
    return {
      name,
      guards: true,
      onRequest(request): RequestVerdict {
        const now = clock.now();
        const key = boundedKey(request, keyOf(request));
        const full = Math.max(now, fullAt.get(key) ?? now);
        const waitMs = full - now - creditMs;
        if (waitMs > TOLERANCE_MS) return refuseUntil(429, waitMs - TOLERANCE_MS);
        fullAt.set(key, full + intervalMs);
        return undefined;
      },
    };
  };
}

function keyFunction(by: NonNullable<RateLimitOptions["by"]>): (request: PluginRequest) => string {
  if (by === "host") return ({ host }) => host;
  if (by === "address") return ({ visitor }) => addressGroup(visitor);
  const { header } = by;
  if (!isToken(header)) throw new TypeError(`Cannot name a header field ${JSON.stringify(header)}`);
  return ({ headers }) => headers.getAll(header).join("\n");
}

/** Never shared between services or tunnels, so that nobody uses up what is another's. */
function boundedKey({ tunnelId, service }: PluginRequest, key: string): string {
  const bounded = key.length <= MAX_KEY_LENGTH ? key : hash("sha256", key, "hex");
  return `${tunnelId}\n${service}\n${bounded}`;
}
