/**
 * Requests, outcomes and a context for plugins, on a clock that stands still.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HeaderList } from "../../src/http/header_list.ts";
import type { HeaderField } from "../../src/http/types.ts";
import type { LogProperties } from "../../src/log.ts";
import { Counters } from "../../src/observe/counters.ts";
import { PluginChain } from "../../src/plugins/chain.ts";
import type {
  Plugin,
  PluginFactory,
  PluginRequest,
  PluginResponse,
  RequestOutcome,
  RequestVerdict,
} from "../../src/plugins/types.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** What a logger was given. */
export interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly properties: LogProperties | undefined;
}

/** What plugins and chains run on. */
export class Bench {
  readonly clock = new FakeClock();
  readonly counters = new Counters();
  readonly records: LogRecord[] = [];
  readonly logger = {
    debug: this.#record("debug"),
    info: this.#record("info"),
    warn: this.#record("warn"),
    error: this.#record("error"),
  };

  /** A plugin of a factory. */
  async make(factory: PluginFactory, name = "it"): Promise<Plugin> {
    return await factory({ name, clock: this.clock, logger: this.logger });
  }

  /** A chain with a deadline of 5000 ms. */
  chain(...plugins: Plugin[]): PluginChain {
    const { clock, counters, logger } = this;
    return new PluginChain(plugins, { timeoutMs: 5_000, clock, counters, logger });
  }

  #record(level: string): (message: string, properties?: LogProperties) => void {
    return (message, properties) => void this.records.push({ level, message, properties });
  }
}

/** A request; `fields` are its header fields. */
export function requestOf(
  change: Partial<PluginRequest> & { readonly fields?: readonly HeaderField[] } = {},
): PluginRequest {
  const { fields = [], ...more } = change;
  return {
    id: "r1",
    method: "GET",
    version: "1.1",
    target: "/",
    host: "app.example.com",
    scheme: "https",
    headers: new HeaderList([...fields]),
    visitor: "192.0.2.1",
    service: "web",
    tunnelId: "box",
    ...more,
  };
}

/** A response of the local service. */
export function responseOf(status = 200, from: PluginResponse["from"] = "service"): PluginResponse {
  return { status, from, headers: new HeaderList() };
}

/** The end of a request. */
export function outcomeOf(change: Partial<RequestOutcome> = {}): RequestOutcome {
  return {
    status: 200,
    from: "service",
    complete: true,
    durationMs: 12.34,
    requestBytes: 0,
    responseBytes: 512,
    ...change,
  };
}

/** The status that a plugin answers with at once; undefined when it lets the request go on. */
export function statusOf(plugin: Plugin, request: PluginRequest): number | undefined {
  const verdict = plugin.onRequest?.(request);
  assert.ok(!(verdict instanceof Promise), "expected an answer at once");
  return statusIn(verdict);
}

/** The status in a verdict. */
export function statusIn(verdict: RequestVerdict): number | undefined {
  return verdict !== undefined && "answer" in verdict ? verdict.answer.status : undefined;
}

/** A header field of the answer that a plugin gives at once. */
export function answerField(plugin: Plugin, request: PluginRequest, name: string): string | undefined {
  const verdict = plugin.onRequest?.(request);
  assert.ok(verdict !== undefined && "answer" in verdict, "expected an answer at once");
  return headerOf(verdict.answer.headers, name);
}

function headerOf(headers: Iterable<HeaderField> = [], name: string): string | undefined {
  return new HeaderList([...headers]).get(name);
}
