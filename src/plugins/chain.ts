/**
 * Leads a request through plugins, its response back through the same ones, and tells them of the end.
 *
 * As long as every hook answers at once, so does the chain: no promise is made. What a hook does wrong, by throwing, by
 * taking too long or by answering what cannot be, is the plugin's failure and nobody else's.
 *
 * @module
 */
import type { CancelTimer, Clock } from "../clock.ts";
import { describeError, TunnelError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { Counters } from "../observe/counters.ts";
import { type CheckedAnswer, checkRequestVerdict, checkResponseVerdict, Snapshot } from "./_verdict.ts";
import type { BodyTransform, Plugin, PluginRequest, PluginResponse, RequestOutcome } from "./types.ts";

/** How many requests are on their way through chains. */
export interface RunCount {
  running: number;
  /** Called whenever none is any more. */
  onNone: () => void;
}

/** What chains share. */
export interface PluginChainOptions {
  /** How long a hook may take. */
  readonly timeoutMs: number;
  /** Measures it. */
  readonly clock: Clock;
  /** Told of failures. */
  readonly logger: Logger;
  /** Told of runs that begin and end. @default nobody is */
  readonly uses?: RunCount;
  /** Counts `plugin_failures` and `plugin_answers`, by the plugin's name. */
  readonly counters: Counters;
}

/** What the plugins make of a request. */
export type RequestResult =
  /** It goes on, with these changes of its body, to be applied in order. */
  | { readonly kind: "go_on"; readonly bodies: readonly BodyTransform[] }
  /** A plugin answers it. */
  | { readonly kind: "answer"; readonly answer: CheckedAnswer; readonly plugin: string }
  /** A plugin failed: 500, the server's own page. */
  | { readonly kind: "failed"; readonly plugin: string }
  /** {@linkcode PluginRun.end} was called meanwhile: nobody waits any more. */
  | { readonly kind: "over" };

/** What the plugins make of a response. */
export type ResponseResult = Exclude<RequestResult, { readonly kind: "answer" }>;

/**
 * Plugins in the order in which requests see them. Made once for a service, used for all its requests.
 *
 * @example
 * ```ts
 * import { HeaderList } from "../http/header_list.ts";
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { Counters } from "../observe/counters.ts";
 * import { PluginChain } from "./chain.ts";
 *
 * const chain = new PluginChain([{ name: "closed", onRequest: () => ({ answer: { status: 403 } }) }], {
 *   timeoutMs: 5000,
 *   clock: systemClock,
 *   logger: loggerOrDefault(),
 *   counters: new Counters(),
 * });
 * const run = chain.begin({
 *   id: "1", method: "GET", target: "/", host: "app.example.com", scheme: "https", version: "1.1",
 *   headers: new HeaderList(), visitor: "192.0.2.1", service: "web", tunnelId: "box",
 * });
 * console.log(await run.request()); // { kind: "answer", answer: { status: 403 }, plugin: "closed" }
 * ```
 */
export class PluginChain {
  /** The plugins, in the order of requests. */
  readonly plugins: readonly Plugin[];
  /** Whether no plugin has a hook for responses, so that {@linkcode PluginRun.response} need not be called. */
  readonly ignoresResponses: boolean;
  readonly #options: PluginChainOptions;

  /** @param plugins In the order of requests. @param options What chains share. */
  constructor(plugins: readonly Plugin[], options: PluginChainOptions) {
    this.plugins = plugins;
    this.ignoresResponses = plugins.every((plugin) => plugin.onResponse === undefined);
    this.#options = options;
  }

  /** Begins with a request. Nothing is called before {@linkcode PluginRun.request}. */
  begin(request: PluginRequest): PluginRun {
    if (this.#options.uses !== undefined) this.#options.uses.running++;
    return new PluginRun(this.plugins, request, this.#options);
  }
}

/** One request on its way through a chain: `request` once, then `response` (again after it failed), then `end`. */
export class PluginRun {
  readonly #plugins: readonly Plugin[];
  readonly #request: PluginRequest;
  readonly #options: PluginChainOptions;
  #bodies: BodyTransform[] = [];
  /** How many plugins the request has reached. */
  #reached = 0;
  /** The plugin that the response comes to next; -1 after the last. */
  #back: number | undefined;
  #over = false;
  #stopWaiting: (() => void) | undefined;

  /** @param plugins In order. @param request Changed by the plugins. @param options Deadline and who hears of failures. */
  constructor(plugins: readonly Plugin[], request: PluginRequest, options: PluginChainOptions) {
    this.#plugins = plugins;
    this.#request = request;
    this.#options = options;
  }

  /** Leads the request through the plugins. Never throws, never rejects. */
  request(): RequestResult | Promise<RequestResult> {
    while (this.#reached < this.#plugins.length && !this.#over) {
      const plugin = this.#plugins[this.#reached++]!;
      if (plugin.onRequest === undefined) continue;
      const before = new Snapshot(this.#request, plugin);
      let verdict: unknown;
      try {
        verdict = plugin.onRequest(this.#request);
        if (isPromise(verdict)) return this.#requestLater(plugin, before, verdict);
        const answer = this.#takeRequestVerdict(plugin, before, verdict);
        if (answer !== undefined) return answer;
      } catch (error) {
        if (!this.#goesOn(plugin, "onRequest", error)) return { kind: "failed", plugin: plugin.name };
        before.restore();
      }
    }
    return this.#over ? { kind: "over" } : { kind: "go_on", bodies: this.#bodies };
  }

  /**
   * Leads a response back through the plugins that the request has reached. After `failed` it may be called again with the server's
   * own page: the plugins that have not seen a response yet then see that one.
   */
  response(response: PluginResponse): ResponseResult | Promise<ResponseResult> {
    this.#back ??= this.#reached - 1;
    this.#bodies = [];
    return this.#responseOn(response);
  }

  /** Tells every plugin that the request has reached how it ended. Later calls do nothing. Never throws. */
  end(outcome: RequestOutcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopWaiting?.();
    for (let index = this.#reached - 1; index >= 0; index--) {
      const plugin = this.#plugins[index]!;
      try {
        plugin.onEnd?.(outcome, this.#request);
      } catch (error) {
        this.#failed(plugin, "onEnd", error);
      }
    }
    const { uses } = this.#options;
    if (uses !== undefined && --uses.running === 0) uses.onNone();
  }

  async #requestLater(
    plugin: Plugin,
    before: Snapshot,
    pending: PromiseLike<unknown>,
  ): Promise<RequestResult> {
    try {
      const verdict = await this.#inTime(pending);
      if (this.#over) return { kind: "over" };
      const answer = this.#takeRequestVerdict(plugin, before, verdict);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (this.#over) return { kind: "over" };
      if (!this.#goesOn(plugin, "onRequest", error)) return { kind: "failed", plugin: plugin.name };
      before.restore();
    }
    return await this.request();
  }

  #takeRequestVerdict(plugin: Plugin, before: Snapshot, verdict: unknown): RequestResult | undefined {
    const checked = checkRequestVerdict(verdict, this.#request, before);
    if (checked === undefined) return undefined;
    if ("body" in checked) return void this.#bodies.push(checked.body);
    this.#options.counters.add("plugin_answers", { label: plugin.name });
    return { kind: "answer", answer: checked.answer, plugin: plugin.name };
  }

  #responseOn(response: PluginResponse): ResponseResult | Promise<ResponseResult> {
    while (this.#back !== undefined && this.#back >= 0 && !this.#over) {
      const plugin = this.#plugins[this.#back--]!;
      if (plugin.onResponse === undefined) continue;
      const before = new Snapshot(response, plugin);
      try {
        const verdict: unknown = plugin.onResponse(response, this.#request);
        if (isPromise(verdict)) return this.#responseLater(plugin, { response, before, pending: verdict });
        this.#takeResponseVerdict(response, before, verdict);
      } catch (error) {
        if (!this.#goesOn(plugin, "onResponse", error)) return { kind: "failed", plugin: plugin.name };
        before.restore();
      }
    }
    return this.#over ? { kind: "over" } : { kind: "go_on", bodies: this.#bodies };
  }

  async #responseLater(
    plugin: Plugin,
    { response, before, pending }: {
      readonly response: PluginResponse;
      readonly before: Snapshot;
      readonly pending: PromiseLike<unknown>;
    },
  ): Promise<ResponseResult> {
    try {
      const verdict = await this.#inTime(pending);
      if (this.#over) return { kind: "over" };
      this.#takeResponseVerdict(response, before, verdict);
    } catch (error) {
      if (this.#over) return { kind: "over" };
      if (!this.#goesOn(plugin, "onResponse", error)) return { kind: "failed", plugin: plugin.name };
      before.restore();
    }
    return await this.#responseOn(response);
  }

  #takeResponseVerdict(response: PluginResponse, before: Snapshot, verdict: unknown): void {
    const checked = checkResponseVerdict(verdict, response, before);
    if (checked !== undefined) this.#bodies.push(checked.body);
  }

  /** What a hook answers, unless the deadline or the request's end comes first; what it answers afterwards goes nowhere. */
  #inTime(pending: PromiseLike<unknown>): Promise<unknown> {
    const { clock, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const late = new TunnelError("TIMEOUT", `No answer for ${timeoutMs} ms`);
      const cancel: CancelTimer = clock.setTimer(() => reject(late), timeoutMs);
      this.#stopWaiting = () => {
        cancel();
        resolve(undefined);
      };
      pending.then((verdict) => {
        cancel();
        resolve(verdict);
      }, (error: unknown) => {
        cancel();
        reject(error);
      });
    });
  }

  /** Notes a failure. @returns whether the request goes on */
  #goesOn(plugin: Plugin, hook: string, error: unknown): boolean {
    this.#failed(plugin, hook, error);
    return plugin.failOpen === true && plugin.guards !== true;
  }

  #failed(plugin: Plugin, hook: string, error: unknown): void {
    this.#options.counters.add("plugin_failures", { label: plugin.name });
    this.#options.logger.error("Plugin {plugin} failed in {hook} for request {id} to {service}: {error}", {
      plugin: plugin.name,
      hook,
      id: this.#request.id,
      service: this.#request.service,
      error: describeError(error),
    });
  }
}

/** A hook of a program in JavaScript may answer anything. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
