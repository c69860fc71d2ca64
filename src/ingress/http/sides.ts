/**
 * The two sides of an exchange, a request and its response. In front is the visitor, in the back the local service; each may speak
 * any version of HTTP. An `Exchange` stands between them: it knows neither sockets nor streams, and they know nothing of
 * each other.
 *
 * Bodies go past it in pieces that are never copied for its sake. Where both sides speak HTTP/1.1 a chunked body passes with its
 * framing as it is ("wire"); otherwise pieces are payload, and each side does its own framing.
 *
 * @module
 */
import type { ForwardedRequest, ForwardedResponse } from "../../http/forward.ts";
import type { ForwardMemory } from "../../http/forward_memory.ts";
import type { HeaderList } from "../../http/header_list.ts";
import type { RequestHead, ResponseHead } from "../../http/types.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { HttpSettings } from "./settings.ts";

/** Who lent the memory of a piece of a response. */
export interface PieceSource {
  /** As many bytes of its pieces have left memory: there is room for as many more. */
  consumed(bytes: number): void;
}

/** For pieces whose memory nobody waits for. */
export const NO_SOURCE: PieceSource = { consumed: () => {} };

/** How the pieces of a body come. */
export type BodyForm =
  /** Payload alone; the receiver frames it. */
  | "payload"
  /** The bytes of HTTP/1.1's chunked framing, checked, its last chunk and trailers included. */
  | "wire";

/** The visitor, for one request. What it hears it calls on its exchange. */
export interface Front {
  /** Address of its socket. */
  readonly address: string;
  /** How it reached the server. */
  readonly scheme: "http" | "https";
  /** What counts for the request. */
  readonly settings: HttpSettings;
  /** Whether what it says about those behind it is believed. */
  readonly trusted: boolean;
  /** Whether it takes chunked bodies in their HTTP/1.1 framing. */
  readonly takesWire: boolean;
  /** What its last request was made into; undefined where its requests have nothing in common. */
  readonly memory?: ForwardMemory;
  /** Whether its connection can be used again after the response, as far as is known now. */
  readonly keepAlive: boolean;
  /** Passes an interim response (1xx, not 101) on. */
  interim(response: ForwardedResponse): void;
  /**
   * Begins the response. Pieces may follow, then `endResponse` or `abort`.
   *
   * @param response After every change.
   * @param form How the pieces come.
   */
  respond(response: ForwardedResponse, form: BodyForm): void;
  /** The service has switched to the WebSocket protocol: from now on pieces are its bytes, in both directions. */
  switchProtocols(response: ForwardedResponse): void;
  /**
   * A piece of the response's body. When its bytes have left memory, `source.consumed` is called.
   *
   * @param piece Not empty.
   * @param slab What it is a view of, to be retained if it is used after the call; undefined when it belongs to the front.
   * @param source Who lent it.
   */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void;
  /** The response is complete. With `wire` pieces the trailers were among them. Once all has left, `Exchange.delivered` is called. */
  endResponse(trailers: HeaderList | undefined): void;
  /** What was said since the last flush may leave; called at the end of each turn, so that it leaves together. */
  flush(): void;
  /** The response cannot be completed: the visitor must not take it for whole. */
  abort(): void;
  /** The back can take the next piece of the request's body, or the first. */
  requestMore(): void;
}

/** The local service, for one request. What it hears it calls on its exchange. */
export interface Back extends PieceSource {
  /** Whether it takes chunked bodies in their HTTP/1.1 framing. */
  readonly takesWire: boolean;
  /** Whether it has carried an exchange before: it may have died since without anybody's fault. */
  readonly reused: boolean;
  /**
   * Begins the request. Pieces may follow, then `requestEnd`.
   *
   * @param exchange Who hears of the response.
   * @param request After every change.
   * @param form How the pieces come.
   * @throws {TypeError} when something in the request cannot stand in a head
   */
  begin(exchange: BackOwner, request: ForwardedRequest, form: BodyForm): void;
  /**
   * A piece of the request's body.
   *
   * @param buffer Where it is, to its end.
   * @param start Where it begins; not the end of `buffer`.
   * @param headroom Whether the ten bytes before `start` may be overwritten.
   * @returns true when it was copied; false when `buffer` is lent until {@linkcode Front.requestMore}: no piece before that
   */
  requestPiece(buffer: Uint8Array, start: number, headroom: boolean): boolean;
  /** The request is complete. */
  requestEnd(trailers: HeaderList | undefined): void;
  /** What was said since the last flush may leave. */
  flush(): void;
  /** Nobody wants the response any more, or the rest of it. */
  abort(): void;
  /** The exchange is over, and every byte is where it belongs: it may carry another one, if it can. */
  release(): void;
}

/** What a back tells of the response; an `Exchange` is one. */
export interface BackOwner {
  /** What is answered. */
  readonly request: RequestHead;
  /** See {@linkcode Front.requestMore}. */
  requestMore(): void;
  /** An interim response (1xx, not 101). */
  interim(head: ResponseHead): void;
  /** The final response begins. @returns how its body is to come */
  responded(head: ResponseHead): BodyForm;
  /** A piece of its body; see {@linkcode Front.piece}. */
  responsePiece(piece: Uint8Array, slab: Slab | undefined): void;
  /** With `wire`: what is to follow the last piece. */
  responseTail(tail: Uint8Array): void;
  /** The response is complete. `Back.release` or `Back.abort` follows when it was delivered. */
  responseEnd(trailers: HeaderList | undefined): void;
  /** What was said may leave; called once for what came together. */
  responseFlush(): void;
  /** The service has switched to the WebSocket protocol: from now on pieces are its bytes, in both directions. */
  switched(head: ResponseHead): void;
  /** Both directions of what was switched are over. */
  switchedOver(): void;
  /** The response cannot come, or not to its end. Nothing is called on the back afterwards. */
  failed(failure: BackFailure, error: unknown): void;
}

/** What a back can fail with. */
export type BackFailure =
  /** The local service cannot be reached. */
  | "unreachable"
  /** It, or the way to it, is too slow. */
  | "timeout"
  /** The stream was lost, or the service closed it. */
  | "lost"
  /** It breaks the rules of HTTP. */
  | "broken";
