/**
 * Heads of HTTP messages as values, whichever version of HTTP they came by.
 *
 * @module
 */
import type { Lines } from "./field_lines.ts";
import type { HeaderList } from "./header_list.ts";

export type { HeaderField } from "./header_list.ts";

/** How the end of a body is told. */
export type BodyFraming =
  /** There is no body. */
  | { readonly kind: "none" }
  /** As many bytes as `Content-Length` says; 0 too, where the field was there. */
  | { readonly kind: "length"; readonly bytes: number }
  /** `Transfer-Encoding: chunked`. */
  | { readonly kind: "chunked" }
  /** Everything until the connection's end; of responses only. */
  | { readonly kind: "until_close" };

/** The head of a request after every check. */
export interface RequestHead {
  /** In the case in which it came. */
  readonly method: string;
  /** Path and query, beginning with `/`; `*` only with OPTIONS. Never a fragment, a scheme or an authority. */
  readonly target: string;
  /** "2" for HTTP/2. */
  readonly version: "1.0" | "1.1" | "2";
  /**
   * What routing and policies go by, and nothing else: the host in one canonical spelling, lower case, without port, without
   * the dot at its end; IPv6 in brackets in its shortest form.
   */
  readonly host: string;
  /** The port that the visitor named beside the host. */
  readonly port: number | undefined;
  /** All fields, in their order. */
  readonly headers: HeaderList;
  readonly framing: BodyFraming;
  /** Whether the visitor wants to use the connection again. */
  readonly keepAlive: boolean;
  /** Whether the visitor waits for `100 Continue` before it sends the body. */
  readonly expectsContinue: boolean;
  /** Whether it asks for a change to the WebSocket protocol. */
  readonly upgradesToWebSocket: boolean;
}

/** The head of a response after every check. */
export interface ResponseHead {
  /** 100 to 999. */
  readonly status: number;
  /** May be empty. */
  readonly reason: string;
  readonly version: "1.0" | "1.1" | "2";
  /** All fields, in their order. */
  readonly headers: HeaderList;
  /**
   * The fields that go on to a visitor, where they may be written as they came. @default undefined: they are to be found
   * among `headers`
   */
  readonly endToEnd?: Lines | undefined;
  readonly framing: BodyFraming;
  /** Whether the connection may carry another request after this response. */
  readonly keepAlive: boolean;
}
