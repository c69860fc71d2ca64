/**
 * What a plugin is: code of the server's owner that sees the heads of HTTP messages before the local service or the visitor
 * does.
 *
 * @module
 */
import type { HeaderList } from "../http/header_list.ts";

/** A request as plugins see it. */
export interface PluginRequest {
  /** Names the request in answers and logs. */
  readonly id: string;
  readonly method: string;
  /** Path and query, beginning with `/`; may be changed, and must stay so. */
  target: string;
  /** Canonical host, as routing has read it. */
  readonly host: string;
  readonly scheme: "http" | "https";
  /** May be changed. Framing, Host and hop-by-hop fields are set by the server afterwards, whatever is done to them here. */
  readonly headers: HeaderList;
  /** Address of the visitor's socket, or of what a trusted proxy in front has told. */
  readonly visitor: string;
  /** Name of the service. */
  readonly service: string;
  /** Id of the tunnel that serves it. */
  readonly tunnelId: string;
}

/** A response as plugins see it. */
export interface PluginResponse {
  /** 200 to 599; may be changed. */
  status: number;
  /** May be changed, with the same bounds as those of a request. */
  readonly headers: HeaderList;
  /** Who made it: the local service, a plugin, or the server itself (an error page). */
  readonly from: "service" | "plugin" | "server";
}

/** An answer that a plugin gives instead of the local service. */
export interface PluginAnswer {
  /** 200 to 599. */
  readonly status: number;
  readonly headers?: HeaderList;
  /** @default empty; for `status` of 400 and more without a body, the server's own page in the form the visitor accepts */
  readonly body?: string | Uint8Array;
}

/** Bytes of a body on their way. */
export type BodyTransform = TransformStream<Uint8Array, Uint8Array>;

/** What a plugin says to a request: nothing to let it go on, an answer of its own, or a change of its body. */
export type RequestVerdict = undefined | { readonly answer: PluginAnswer } | { readonly body: BodyTransform };
/** What a plugin says to a response: nothing to let it go on, or a change of its body. */
export type ResponseVerdict = undefined | { readonly body: BodyTransform };

/** How a request ended; for logs and for plugins that count. */
export interface RequestOutcome {
  /** Status that the visitor got; undefined when it got none. */
  readonly status: number | undefined;
  readonly from: PluginResponse["from"] | undefined;
  /** Whether both bodies arrived whole. */
  readonly complete: boolean;
  /** Milliseconds from the request's head to the end of the response. */
  readonly durationMs: number;
  /** Bytes of the request's body and of the response's. */
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/**
 * A plugin. Its hooks are called for every request of the services that name it, in the order of the configuration for
 * requests, the other way round for responses. A hook that can answer at once should not return a promise.
 *
 * A hook that throws, or takes longer than the server's `pluginTimeoutMs`, is logged and counted. Then the request is answered
 * with 500; but where `failOpen` is true, it goes on as if the plugin had said nothing.
 */
export interface Plugin {
  /** Names it in logs and metrics. */
  readonly name: string;
  /** Whether requests go on when the plugin fails. Never true for a plugin that keeps visitors out. @default false */
  readonly failOpen?: boolean;
  onRequest?(request: PluginRequest): RequestVerdict | Promise<RequestVerdict>;
  onResponse?(response: PluginResponse, request: PluginRequest): ResponseVerdict | Promise<ResponseVerdict>;
  /** Called exactly once for every request that `onRequest` was called for. Must not throw. */
  onEnd?(outcome: RequestOutcome, request: PluginRequest): void;
  /** The server stops, or the configuration no longer names the plugin. */
  close?(): void | Promise<void>;
}
