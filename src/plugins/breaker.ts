/**
 * Spares a service that fails.
 *
 * @module
 */
import { refuseUntil } from "./_answers.ts";
import { RecentMap } from "./_recent_map.ts";
import type {
  Plugin,
  PluginContext,
  PluginFactory,
  PluginRequest,
  PluginResponse,
  RequestOutcome,
  RequestVerdict,
} from "./types.ts";

/** Options of {@linkcode circuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Failures within `windowMs` that open the circuit, 1 to 1000. @default 5 */
  readonly failures?: number;
  /** In milliseconds. @default 10000 */
  readonly windowMs?: number;
  /** How long the circuit stays open before one request tries again, in milliseconds. @default 10000 */
  readonly openMs?: number;
}

/** Services that are told apart; beyond it, the one that was used longest ago counts as sound again. */
export const MAX_CIRCUITS = 1_000;
/** While one request tries, others are asked to come again so soon. */
const PROBE_WAIT_MS = 1_000;
/** What the server says itself when a service cannot be reached, breaks the rules or takes too long. */
const UNREACHABLE: ReadonlySet<number> = new Set([502, 504]);

interface Circuit {
  /** Times of the latest failures, at most as many as open it. */
  failures: number[];
  /** Until when it is open; undefined when it is closed. */
  openUntil: number | undefined;
  /** The request that tries again. */
  probe: PluginRequest | undefined;
}

/**
 * Answers 503 with `Retry-After` in place of a service that has failed several times: it could not be reached, broke the rules, took
 * too long, or answered with 5xx. After a while one request at a time tries again, and its success closes the circuit. Each service of
 * each tunnel has a circuit of its own.
 *
 * @param options When the circuit opens and for how long.
 * @throws {RangeError} for numbers that cannot be
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { circuitBreaker } from "./breaker.ts";
 *
 * const make = circuitBreaker({ failures: 3, openMs: 5000 });
 * const plugin = await make({ name: "breaker", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.name);
 * ```
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): PluginFactory {
  const { failures = 5, windowMs = 10_000, openMs = 10_000 } = options;
  if (!Number.isInteger(failures) || failures < 1 || failures > 1000) {
    throw new RangeError(`Cannot open after ${failures} failures`);
  }
  if (!(windowMs > 0)) throw new RangeError(`Cannot count failures within ${windowMs} ms`);
  if (!(openMs > 0)) throw new RangeError(`Cannot stay open for ${openMs} ms`);
  return (context) => new CircuitBreaker(context, { failures, windowMs, openMs });
}

class CircuitBreaker implements Plugin {
  readonly name: string;
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #context: PluginContext;
  readonly #circuits = new RecentMap<string, Circuit>(MAX_CIRCUITS);
  /** Requests under way whose end is not known yet. */
  readonly #pending = new WeakMap<PluginRequest, Circuit>();

  constructor(context: PluginContext, options: Required<CircuitBreakerOptions>) {
    this.name = context.name;
    this.#context = context;
    this.#options = options;
  }

  onRequest(request: PluginRequest): RequestVerdict {
    const circuit = this.#circuitOf(request);
    if (circuit.openUntil !== undefined) {
      const waitMs = circuit.openUntil - this.#context.clock.now();
      if (waitMs > 0) return refuseUntil(503, waitMs);
      if (circuit.probe !== undefined) return refuseUntil(503, PROBE_WAIT_MS);
      circuit.probe = request;
    }
    this.#pending.set(request, circuit);
    return undefined;
  }

  onResponse(response: PluginResponse, request: PluginRequest): undefined {
    if (response.from === "service") this.#settle(request, response.status >= 500 ? "failure" : "success");
    else if (response.from === "plugin") this.#settle(request, "unknown");
    else this.#settle(request, UNREACHABLE.has(response.status) ? "failure" : "unknown");
  }

  /** For requests that have no response: the visitor left, for instance. */
  onEnd(_outcome: RequestOutcome, request: PluginRequest): void {
    this.#settle(request, "unknown");
  }

  #circuitOf({ tunnelId, service }: PluginRequest): Circuit {
    const key = `${tunnelId}\n${service}`;
    let circuit = this.#circuits.get(key);
    if (circuit === undefined) {
      this.#circuits.set(key, circuit = { failures: [], openUntil: undefined, probe: undefined });
    }
    return circuit;
  }

  #settle(request: PluginRequest, end: "failure" | "success" | "unknown"): void {
    const circuit = this.#pending.get(request);
    if (circuit === undefined) return;
    this.#pending.delete(request);
    const isProbe = circuit.probe === request;
    if (isProbe) circuit.probe = undefined;
    if (end === "failure") this.#failed(circuit, { request, isProbe });
    else if (end === "success" && isProbe) {
      circuit.openUntil = undefined;
      circuit.failures = [];
      this.#log("closed", request);
    }
  }

  #failed(circuit: Circuit, { request, isProbe }: { request: PluginRequest; isProbe: boolean }): void {
    const { failures, windowMs, openMs } = this.#options;
    const now = this.#context.clock.now();
    if (isProbe) {
      circuit.openUntil = now + openMs;
      return;
    }
    if (circuit.openUntil !== undefined) return; // Sent before it opened.
    circuit.failures.push(now);
    if (circuit.failures.length > failures) circuit.failures.shift();
    const [first = now] = circuit.failures;
    if (circuit.failures.length < failures || now - first > windowMs) return;
    circuit.failures = [];
    circuit.openUntil = now + openMs;
    this.#log("open", request);
  }

  #log(state: "open" | "closed", { service, tunnelId }: PluginRequest): void {
    this.#context.logger.warn("Circuit {plugin} of {service} in tunnel {tunnelId} is {state}", {
      plugin: this.name,
      service,
      tunnelId,
      state,
    });
  }
}
