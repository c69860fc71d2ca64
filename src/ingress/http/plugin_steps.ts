/**
 * An exchange as its plugins see it.
 *
 * @module
 */
import { isIP } from "node:net";
import type { Clock } from "../../clock.ts";
import type { ForwardedRequest } from "../../http/forward.ts";
import type { RequestHead } from "../../http/types.ts";
import type { PluginChain, PluginRun, RequestResult, ResponseResult } from "../../plugins/chain.ts";
import type { PluginRequest, PluginResponse } from "../../plugins/types.ts";
import { spawn } from "../../spawn.ts";
import type { HttpRouting } from "../../tunnel/http_ingress.ts";
import type { HttpSettings } from "./settings.ts";
import type { Front } from "./sides.ts";

/** Leads one exchange through a chain. What is to be done next is done at once where the plugins answer at once. */
export class PluginSteps {
  /** Whether nobody wants to see the response. */
  readonly ignoresResponses: boolean;
  /** Bytes of the request's body. */
  requestBytes = 0;
  /** Bytes of the response's body. */
  responseBytes = 0;
  readonly #run: PluginRun;
  readonly #clock: Clock;
  readonly #startedAt: number;
  #from: PluginResponse["from"] | undefined;

  /** @param chain The plugins. @param request What they see. @param clock Tells how long it takes. */
  constructor(chain: PluginChain, request: PluginRequest, clock: Clock) {
    this.ignoresResponses = chain.ignoresResponses;
    this.#run = chain.begin(request);
    this.#clock = clock;
    this.#startedAt = clock.now();
  }

  /** The request comes to the plugins. @param next Called with what they make of it. */
  request(next: (result: RequestResult) => void): void {
    whenKnown(this.#run.request(), next);
  }

  /** A response comes to the plugins. @param next Called with what they make of it. */
  response(response: PluginResponse, next: (result: ResponseResult) => void): void {
    this.#from = response.from;
    whenKnown(this.#run.response(response), next);
  }

  /** Who made the response that nobody wants to see. */
  answeredBy(from: PluginResponse["from"]): void {
    this.#from = from;
  }

  /** It is over. @param status 0 when the visitor got none. @param complete Whether both bodies arrived whole. */
  end(status: number, complete: boolean): void {
    this.#run.end({
      status: status === 0 ? undefined : status,
      from: status === 0 ? undefined : this.#from,
      complete,
      durationMs: this.#clock.now() - this.#startedAt,
      requestBytes: this.requestBytes,
      responseBytes: this.responseBytes,
    });
  }
}

/** What plugins see of a request. */
export function pluginRequest(
  head: RequestHead,
  options: {
    readonly id: string;
    readonly forwarded: ForwardedRequest;
    readonly routing: Extract<HttpRouting, { readonly state: "found" }>;
    readonly front: Front;
    readonly settings: HttpSettings;
  },
): PluginRequest {
  const { id, forwarded, routing, front, settings } = options;
  const { address, scheme, trusted } = front;
  return {
    id,
    method: head.method,
    version: head.version,
    target: forwarded.target,
    host: head.host,
    scheme: trusted ? toldScheme(head) ?? scheme : scheme,
    headers: forwarded.headers,
    visitor: trusted ? toldAddress(head, settings) ?? address : address,
    service: routing.service ?? routing.tunnelId,
    tunnelId: routing.tunnelId,
  };
}

/** The last address in what trusted proxies tell that is none of theirs. */
function toldAddress(head: RequestHead, settings: HttpSettings): string | undefined {
  const told = head.headers.getAll("x-forwarded-for").join(",").split(",").map((part) => part.trim());
  let found: string | undefined;
  for (const text of told.reverse()) {
    const address = withoutPort(text);
    if (isIP(address) === 0) break;
    found = address;
    if (!settings.isTrusted(address)) break;
  }
  return found;
}

/** Some proxies tell the port too: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const [, ipv4, ipv6] = /^(?:([0-9.]+):[0-9]+|\[([^\]]+)\](?::[0-9]+)?)$/.exec(text) ?? [];
  return ipv4 ?? ipv6 ?? text;
}

function toldScheme(head: RequestHead): "http" | "https" | undefined {
  const told = head.headers.get("x-forwarded-proto")?.toLowerCase();
  return told === "http" || told === "https" ? told : undefined;
}

function whenKnown<Result>(result: Result | Promise<Result>, next: (result: Result) => void): void {
  if (!(result instanceof Promise)) return next(result);
  spawn(async () => next(await result), () => {}); // A chain never rejects.
}
