/**
 * One request and its response, from the visitor to the local service and back: where it goes, what is changed, and what the
 * visitor is told when something fails.
 *
 * @module
 */
import { describeError } from "../../errors.ts";
import { type ForwardedRequest, forwardRequest } from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";
import { HttpError } from "../../http/http_error.ts";
import { isRequestId, newRequestId } from "../../http/request_id.ts";
import type { RequestHead, ResponseHead } from "../../http/types.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { RequestResult } from "../../plugins/chain.ts";
import type { HttpRouting } from "../../tunnel/http_ingress.ts";
import { changeHeaders } from "./header_changes.ts";
import { countOutcome, type Failure, FAILURE_OF_SERVICE, FAILURES } from "./outcomes.ts";
import { pluginRequest, PluginSteps } from "./plugin_steps.ts";
import { wantsHttp2 } from "./http2_choice.ts";
import type { HttpPort } from "./port.ts";
import { RequestSide } from "./request_side.ts";
import { type ResponseOwner, ResponseSide } from "./response_side.ts";
import type { HttpSettings } from "./settings.ts";
import { type BackFailure, type BackOwner, type BodyForm, type Front, NO_SOURCE } from "./sides.ts";

type Found = Extract<HttpRouting, { state: "found" }>;

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
/** What of the memory for slow readers may be used before new requests are refused. */
const FULL_MEMORY = 0.8;

/** What an exchange waits for. */
export type ExchangeWait =
  /** The rest of the request. */
  | "request"
  /** The beginning of the response. */
  | "response"
  /** The rest of the response. */
  | "body"
  | "nothing";

/**
 * A request on its way. A front makes one for each request and calls `start`; then it hands on the body once the exchange is
 * `open`, which it is at once or when the front's `requestMore` is called.
 */
export class Exchange implements BackOwner, ResponseOwner {
  readonly request: RequestHead;
  /** Names the request in answers and logs. */
  readonly id: string;
  /** Whether the server has named it, so that nobody else knows the name. */
  readonly #ownId: boolean;
  readonly #port: HttpPort;
  readonly #settings: HttpSettings;
  readonly #front: Front;
  readonly #request: RequestSide;
  readonly #response: ResponseSide;
  #target: Found | undefined;
  #forwarded: ForwardedRequest | undefined;
  #plugins: PluginSteps | undefined;
  #retried = false;
  #over = false;

  /** @param port What exchanges share. @param front The visitor. @param request What it asks for. */
  constructor(port: HttpPort, front: Front, request: RequestHead) {
    this.#port = port;
    this.#front = front;
    const settings = this.#settings = front.settings;
    this.request = request;
    const given = front.trusted ? request.headers.get("x-request-id") : undefined;
    this.#ownId = given === undefined || !isRequestId(given);
    this.id = this.#ownId || given === undefined ? newRequestId() : given;
    this.#request = new RequestSide(request, front);
    this.#response = new ResponseSide({ settings, front, request, requestId: this.id, owner: this });
  }

  /** Whether pieces of the request's body are taken. */
  get open(): boolean {
    return this.#request.back !== undefined;
  }

  /** Whether the visitor has sent the whole request. */
  get requestEnded(): boolean {
    return this.#request.ended;
  }

  /** How pieces of the request's body are to come. */
  get requestForm(): BodyForm {
    return this.#request.form;
  }

  /** What is waited for. */
  get waitsFor(): ExchangeWait {
    if (this.#over || this.#response.ended) return "nothing";
    if (this.#response.status !== 0) return "body";
    return this.#request.ended ? "response" : "request";
  }

  /** Finds out where the request goes, and opens the way. */
  start(): void {
    const { routes, environment } = this.#port;
    const { redirectToPort, plugins } = this.#settings;
    const { host, target } = this.request;
    if (redirectToPort !== undefined) return this.#redirect(redirectToPort);
    const routing = routes.route(host, target);
    if (routing.state === "unknown") return this.fail("unknown_host");
    if (routing.state === "away") return this.fail("client_away");
    const { memory } = environment;
    if (memory.usedBytes > memory.limitBytes * FULL_MEMORY) return this.fail("overloaded");
    this.#target = routing;
    const { plugins: wanted } = routing.policy;
    const chain = plugins?.chain({ service: routing.service ?? routing.tunnelId, host, wanted });
    if (chain === undefined) {
      this.#forwarded = this.#recalled(routing) ?? this.#changed(routing);
      return this.#open(false);
    }
    const forwarded = this.#forwarded = this.#made(routing);
    const seen = pluginRequest(this.request, {
      forwarded,
      routing,
      front: this.#front,
      settings: this.#settings,
      id: this.id,
    });
    this.#plugins = this.#request.plugins = this.#response.plugins = new PluginSteps(
      chain,
      seen,
      environment.clock,
    );
    this.#plugins.request((result) => {
      forwarded.target = seen.target;
      this.#admitted(result, forwarded);
    });
  }

  /** See {@linkcode Back.requestPiece}. */
  requestPiece(buffer: Uint8Array, start: number, headroom: boolean): boolean {
    return this.#request.piece(buffer, start, headroom);
  }

  /** The request is complete. */
  requestEnd(trailers?: HeaderList): void {
    this.#request.end(trailers);
  }

  /** What the front has said may leave. */
  requestFlush(): void {
    this.#request.back?.flush();
  }

  /** The request's body breaks the rules, or is too large. */
  requestBroken(error: HttpError): void {
    if (this.#over) return;
    this.#port.environment.counters.add("http_protocol_errors", { label: error.rule });
    this.#refuse(error.status, "bad_request");
  }

  /** The visitor has not sent the rest of its request, or does not take the response. */
  visitorTimedOut(): void {
    this.fail("visitor_timeout");
  }

  /** The local service has not begun its response in time. */
  serviceTimedOut(): void {
    this.fail("service_timeout");
  }

  /** The visitor is gone. */
  visitorGone(): void {
    this.#request.drop();
    this.#response.drop();
    this.#end("visitor_gone");
  }

  /** Everything of the response has left. */
  delivered(): void {
    const { back, ended } = this.#request;
    if (ended) {
      this.#request.back = undefined;
      back?.release();
    } else this.#request.drop();
    this.#end("complete");
  }

  /** See {@linkcode Front.requestMore}. */
  requestMore(): void {
    this.#request.more();
  }

  /** An interim response came. */
  interim(head: ResponseHead): void {
    this.#response.interim(head, (this.#target as Found).policy.responseHeaders);
  }

  /** The final response has begun. @returns how its body is to come */
  responded(head: ResponseHead): BodyForm {
    return this.#response.fromService(head, (this.#target as Found).policy.responseHeaders);
  }

  /** A piece of the response's body. */
  responsePiece(piece: Uint8Array, slab: Slab | undefined): void {
    const { back } = this.#request;
    if (back !== undefined) this.#response.piece(piece, slab, back);
  }

  /** The end of a body that came as it is on the wire. */
  responseTail(tail: Uint8Array): void {
    this.#response.piece(tail, undefined, NO_SOURCE);
  }

  /** The response is complete. */
  responseEnd(trailers: HeaderList | undefined): void {
    this.#response.end(trailers);
  }

  /** What the back has said may leave. */
  responseFlush(): void {
    this.#response.flush();
  }

  /** The service speaks WebSocket from now on. */
  switched(head: ResponseHead): void {
    this.#response.switched(head, (this.#target as Found).policy.responseHeaders);
  }

  /** Both directions of what was switched are over. */
  switchedOver(): void {
    this.#request.back = undefined;
    if (!this.#response.ended) this.#response.end(undefined);
    this.#response.flush();
  }

  /** The back is over before the response is. */
  failed(failure: BackFailure, error: unknown): void {
    const { back, begun, ended } = this.#request;
    this.#request.back = undefined;
    if (this.#over || back === undefined) return;
    if (error !== undefined) this.#log(failure, error);
    if (error instanceof HttpError) {
      this.#port.environment.counters.add("http_protocol_errors", { label: error.rule });
    }
    const again = failure === "lost" && back.reused && !this.#retried && !begun && ended &&
      this.#response.status === 0 && REPEATABLE.has(this.request.method);
    if (!again) return this.fail(FAILURE_OF_SERVICE[failure]);
    this.#retried = true;
    this.#open(true);
  }

  /** A plugin failed over the response. */
  pluginFailed(error: unknown): void {
    if (error !== undefined) this.#log("plugin_failed", error);
    this.fail("plugin_failed");
  }

  /** Tells the visitor of a failure; one whose response has begun is cut off. */
  fail(failure: Failure): void {
    this.#refuse(FAILURES[failure].status, failure);
  }

  #made({ policy: { rewriteHost } }: Found): ForwardedRequest {
    const { address, scheme, trusted } = this.#front;
    const requestId = this.id;
    return forwardRequest(this.request, { address, scheme, trusted, rewriteHost, requestId });
  }

  #recalled({ policy }: Found): ForwardedRequest | undefined {
    return this.#ownId ? this.#front.memory?.recall(this.request, policy, this.id) : undefined;
  }

  #changed(routing: Found): ForwardedRequest {
    const { policy } = routing;
    const forwarded = this.#made(routing);
    changeHeaders(forwarded.headers, policy.requestHeaders);
    if (this.#ownId) this.#front.memory?.learn(this.request, policy, { forwarded, id: this.id });
    return forwarded;
  }

  /** The plugins have looked at the request. */
  #admitted(result: RequestResult, forwarded: ForwardedRequest): void {
    if (this.#over || result.kind === "over") return;
    if (result.kind === "failed") return this.fail("plugin_failed");
    if (result.kind === "answer") return this.#response.ofPlugin(result.answer);
    // The service's own wishes come last: its host is one that a plugin of the server knows nothing of.
    changeHeaders(forwarded.headers, (this.#target as Found).policy.requestHeaders);
    if (result.bodies.length > 0 && forwarded.framing.kind !== "none") {
      this.#forwarded = { ...forwarded, framing: { kind: "chunked" } };
      this.#request.change(result.bodies, (error) => this.pluginFailed(error));
    }
    this.#open(false);
    this.#front.requestMore();
  }

  #open(fresh: boolean): void {
    const target = this.#target as Found;
    const request = this.#request;
    try {
      const { session, service } = target;
      const { origins, http2Origins } = this.#port;
      const back = (wantsHttp2(this.request, target.policy) ? http2Origins : origins).take(session.session, {
        service,
        fresh,
      });
      request.back = back;
      back.begin(this, this.#forwarded as ForwardedRequest, request.form);
      // A visitor may have sent all while plugins were thinking; and one that sent no body is asked for none again.
      if (!request.ended) return;
      back.requestEnd(undefined);
      back.flush();
    } catch (error) {
      this.#log("no_stream", error);
      this.fail("no_stream");
    }
  }

  #refuse(status: number, failure: Failure): void {
    if (this.#over) return;
    this.#request.drop();
    if (!this.#response.drop()) {
      this.#front.abort();
      return this.#end(failure);
    }
    this.#port.environment.counters.add("http_failed", { label: failure });
    const retryAfter = FAILURES[failure].retryAfterS;
    this.#response.own(status, {
      fields: retryAfter === undefined ? [] : [["retry-after", String(retryAfter)]],
      // What is left of a request that was given up is not waited for.
      keepAlive: failure !== "visitor_timeout" && failure !== "bad_request",
    });
  }

  #redirect(port: number): void {
    const { host, target } = this.request;
    const authority = port === 443 ? host : `${host}:${port}`;
    const location = `https://${authority}${target === "*" ? "/" : target}`;
    this.#response.own(308, { fields: [["location", location]], keepAlive: true });
  }

  #end(outcome: Failure | "complete"): void {
    if (this.#over) return;
    this.#over = true;
    const { status } = this.#response;
    const complete = outcome === "complete";
    countOutcome(this.#port.environment.counters, complete ? status : 0, outcome);
    // An answer to a request without body may be out before its end has been told.
    const whole = this.#request.ended || this.request.framing.kind === "none";
    this.#plugins?.end(status, complete && whole);
  }

  #log(what: string, error: unknown): void {
    this.#port.logger.debug("Request {id} to {host}: {what}: {error}", {
      id: this.id,
      host: this.request.host,
      what,
      error: describeError(error),
    });
  }
}
