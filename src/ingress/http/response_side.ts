/**
 * The response of an exchange on its way to the visitor: of the local service, of a plugin, or the server's own.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import {
  type ForwardedResponse,
  forwardResponse,
  framingOfStatus,
  passesInterim,
} from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";
import type { HeaderField, RequestHead, ResponseHead } from "../../http/types.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { ResponseResult } from "../../plugins/chain.ts";
import type { PluginAnswer, PluginResponse } from "../../plugins/types.ts";
import { changeHeaders, type HeaderChanges } from "./header_changes.ts";
import { ownAnswer } from "./own_answer.ts";
import type { PluginSteps } from "./plugin_steps.ts";
import { ResponseDetour } from "./response_detour.ts";
import type { HttpSettings } from "./settings.ts";
import { type BodyForm, type Front, NO_SOURCE, type PieceSource } from "./sides.ts";

/** Who is told of what goes wrong on the way. */
export interface ResponseOwner {
  /** A plugin failed over the response: nothing of it may go on. */
  pluginFailed(error: unknown): void;
}

/** Options of a {@linkcode ResponseSide}. */
export interface ResponseSideOptions {
  readonly settings: HttpSettings;
  readonly front: Front;
  readonly request: RequestHead;
  readonly requestId: string;
  readonly owner: ResponseOwner;
}

/** Leads responses to a front, through the plugins that want to see them. */
export class ResponseSide {
  /** What else sees the response. */
  plugins: PluginSteps | undefined;
  readonly #options: ResponseSideOptions;
  readonly #front: Front;
  readonly #request: RequestHead;
  #detour: ResponseDetour | undefined;
  #status = 0;
  #ended = false;

  /** @param options Where from and where to. */
  constructor(options: ResponseSideOptions) {
    this.#options = options;
    this.#front = options.front;
    this.#request = options.request;
  }

  /** The status that the visitor was told; 0 before. */
  get status(): number {
    return this.#status;
  }

  /** Whether the whole response was given to the front, or will be without anybody's doing. */
  get ended(): boolean {
    return this.#ended;
  }

  /** An interim response of the service, without the fields that are not to be seen. */
  interim(head: ResponseHead, { remove }: HeaderChanges): void {
    if (!passesInterim(head, this.#request)) return;
    const response = forwardResponse(head, { request: this.#request, keepAlive: true });
    changeHeaders(response.headers, { remove, set: [] });
    this.#front.interim(response);
  }

  /** The response of the service begins. @returns how its body is to come */
  fromService(head: ResponseHead, changes: HeaderChanges): BodyForm {
    const response = forwardResponse(head, { request: this.#request, keepAlive: this.#front.keepAlive });
    changeHeaders(response.headers, changes);
    const seen = this.#isSeen;
    const wire = !seen && head.framing.kind === "chunked" && response.framing.kind === "chunked" &&
      this.#front.takesWire;
    const form = wire ? "wire" : "payload";
    this.#begin(response, form, "service");
    return form;
  }

  /** The server's own page. */
  own(
    status: number,
    options: { readonly fields: readonly HeaderField[]; readonly keepAlive: boolean },
  ): void {
    const { response, body } = ownAnswer(status, {
      request: this.#request,
      requestId: this.#options.requestId,
      keepAlive: options.keepAlive && this.#front.keepAlive,
      fields: options.fields,
    });
    this.#whole(response, body, "server");
  }

  /** A plugin's answer. */
  ofPlugin(answer: PluginAnswer): void {
    const { response, body } = ownAnswer(answer.status, {
      request: this.#request,
      requestId: this.#options.requestId,
      keepAlive: this.#front.keepAlive,
      fields: [],
      answer,
    });
    this.#whole(response, body, "plugin");
  }

  /** The service speaks WebSocket from now on. */
  switched(head: ResponseHead, changes: HeaderChanges): void {
    const response = forwardResponse(head, { request: this.#request, keepAlive: false });
    changeHeaders(response.headers, changes);
    this.#status = 101;
    this.plugins?.answeredBy("service");
    this.#front.switchProtocols(response);
  }

  /** A piece of the body. */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void {
    if (this.plugins !== undefined) this.plugins.responseBytes += piece.length;
    (this.#detour ?? this.#front).piece(piece, slab, source);
  }

  /** The response is complete. */
  end(trailers: HeaderList | undefined): void {
    this.#ended = true;
    (this.#detour ?? this.#front).endResponse(trailers);
  }

  /** What was said may leave. */
  flush(): void {
    (this.#detour ?? this.#front).flush();
  }

  /** Nothing more of a response that plugins are looking at goes on. @returns whether the visitor can be told something else */
  drop(): boolean {
    this.#detour?.abort();
    this.#detour = undefined;
    if (this.#status === 0) this.#ended = false;
    return this.#status === 0;
  }

  get #isSeen(): boolean {
    return this.plugins !== undefined && !this.plugins.ignoresResponses;
  }

  #whole(response: ForwardedResponse, body: Uint8Array | undefined, from: PluginResponse["from"]): void {
    this.#begin(response, "payload", from);
    if (body !== undefined) this.piece(body, undefined, NO_SOURCE);
    this.end(undefined);
    this.flush();
  }

  #begin(response: ForwardedResponse, form: BodyForm, from: PluginResponse["from"]): void {
    const { plugins } = this;
    if (plugins === undefined || !this.#isSeen) {
      plugins?.answeredBy(from);
      return this.#respond(response, form);
    }
    const { owner } = this.#options;
    const detour = this.#detour = new ResponseDetour(this.#front, (error) => owner.pluginFailed(error));
    const seen: PluginResponse = { status: response.status, headers: response.headers, from };
    plugins.response(seen, (result) => {
      if (this.#detour === detour) this.#known(response, seen, result);
    });
  }

  /** The plugins have looked at the head. */
  #known(response: ForwardedResponse, { status }: PluginResponse, result: ResponseResult): void {
    if (result.kind === "over") return;
    if (result.kind === "failed") return this.#options.owner.pluginFailed(undefined);
    const changed = status !== response.status;
    const reason = changed ? STATUS_CODES[status] ?? "" : response.reason;
    const framed = framingOfStatus(response.framing, { request: this.#request, status });
    const hadBody = response.framing.kind !== "none";
    const bodies = hadBody && framed.kind !== "none" ? result.bodies : [];
    const framing = bodies.length === 0 || framed.kind !== "length"
      ? framed
      : { kind: response.visitorVersion === "1.0" ? "until_close" as const : "chunked" as const };
    const keepAlive = response.keepAlive && framing.kind !== "until_close";
    try {
      this.#respond({ ...response, status, reason, framing, keepAlive }, "payload");
    } catch (error) {
      return this.#options.owner.pluginFailed(error);
    }
    this.#detour?.go(bodies, hadBody && framed.kind === "none");
  }

  #respond(response: ForwardedResponse, form: BodyForm): void {
    const { hsts } = this.#options.settings;
    if (hsts !== undefined) response.headers.set("strict-transport-security", hsts);
    this.#front.respond(response, form); // Throws when something in it cannot stand in a head.
    this.#status = response.status;
  }
}
