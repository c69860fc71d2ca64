/**
 * What a plugin is: code of the server's owner that sees the heads of HTTP messages before the local service or the visitor
 * does.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { HeaderList } from "../http/header_list.ts";
import type { HeaderField } from "../http/types.ts";
import type { Logger } from "../log.ts";

/** A request as plugins see it. */
export interface PluginRequest {
  /** Names the request in answers and logs. */
  readonly id: string;
  /** In the case in which it came. */
  readonly method: string;
  /** Version of HTTP that the visitor speaks. */
  readonly version: "1.0" | "1.1" | "2";
  /** Path and query, beginning with `/`; may be changed, and must stay so. */
  target: string;
  /** Canonical host, as routing has read it. */
  readonly host: string;
  /** How the visitor reached the server, or the trusted proxy in front of it. */
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
  /** Its header fields, as pairs of name and value. @default none */
  readonly headers?: Iterable<HeaderField>;
  /** What it carries. @default empty; for `status` of 400 and more without a body, the server's own page in the form the visitor accepts */
  readonly body?: string | Uint8Array;
}

/** Changes the bytes of a body on their way: a `TransformStream`, a `CompressionStream`, or any two such streams. */
export interface BodyTransform {
  /** What comes out. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Where the body goes in. */
  readonly writable: WritableStream<Uint8Array<ArrayBuffer>>;
}

/** What a plugin says to a request: nothing to let it go on, an answer of its own, or a change of its body. */
export type RequestVerdict = undefined | { readonly answer: PluginAnswer } | { readonly body: BodyTransform };
/** What a plugin says to a response: nothing to let it go on, or a change of its body. */
export type ResponseVerdict = undefined | { readonly body: BodyTransform };

/** How a request ended; for logs and for plugins that count. */
export interface RequestOutcome {
  /** Status that the visitor got; undefined when it got none. */
  readonly status: number | undefined;
  /** Who made the response; undefined when there was none. */
  readonly from: PluginResponse["from"] | undefined;
  /** Whether both bodies arrived whole. */
  readonly complete: boolean;
  /** Milliseconds from the request's head to the end of the response. */
  readonly durationMs: number;
  /** Bytes of the request's body. */
  readonly requestBytes: number;
  /** Bytes of the response's body. */
  readonly responseBytes: number;
}

/**
 * A plugin. Its hooks are called for every request of the services that name it, in the order of the configuration for
 * requests, the other way round for responses. A hook that can answer at once should not return a promise.
 *
 * A hook that throws, or takes longer than the server's `pluginTimeoutMs`, is logged and counted. Then the request is answered
 * with 500; but where `failOpen` is true, it goes on as if the plugin had said nothing, with the head that it was given.
 */
export interface Plugin {
  /** Names it in logs and metrics. */
  readonly name: string;
  /** Whether it keeps visitors out. Then requests never go on when it fails, whatever `failOpen` says. @default false */
  readonly guards?: boolean;
  /** Whether requests go on when the plugin fails. @default false */
  readonly failOpen?: boolean;
  /** A request came. It may be changed. */
  onRequest?(request: PluginRequest): RequestVerdict | Promise<RequestVerdict>;
  /** A response goes to the visitor, also one of a plugin or the server. It may be changed. */
  onResponse?(response: PluginResponse, request: PluginRequest): ResponseVerdict | Promise<ResponseVerdict>;
  /**
   * Called exactly once for every request that came as far as this plugin, whether it has `onRequest` or not, and however the
   * request ended; last for the first plugin. Should not throw.
   */
  onEnd?(outcome: RequestOutcome, request: PluginRequest): void;
  /** The server stops, or the configuration no longer names the plugin. */
  close?(): void | Promise<void>;
}

/** What a plugin is made with. */
export interface PluginContext {
  /** The name that the configuration gives it. */
  readonly name: string;
  /** Tells time and sets timers. */
  readonly clock: Clock;
  /** Takes the log. */
  readonly logger: Logger;
}

/** Makes a plugin when the server starts. @throws whatever keeps it from working; the server then does not start */
export type PluginFactory = (context: PluginContext) => Plugin | Promise<Plugin>;

/** Plugins that are made, and not in use yet. */
export interface PreparedPlugins {
  /** Their names. */
  readonly names: ReadonlySet<string>;
  /** Puts them in place of those before. Those that are used no more are closed when their last request is over. */
  take(): void;
  /** Closes those that were made. */
  discard(): Promise<void>;
}
