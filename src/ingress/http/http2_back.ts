/**
 * One request to a local service that speaks HTTP/2.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from "node:http2";
import type { ForwardedRequest } from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";
import { HttpError } from "../../http/http_error.ts";
import { readHttp2Trailers } from "../../http/http2_request.ts";
import { readHttp2Response } from "../../http/http2_response.ts";
import type { ResponseHead } from "../../http/types.ts";
import { requestFields, textsOf, trailerFields } from "./http2_fields.ts";
import type { Http2Link } from "./http2_link.ts";
import type { Back, BackFailure, BackOwner } from "./sides.ts";

/** Bytes of a response that may wait for the visitor before the service is stopped. */
const WAITING_BYTES = 64 * 1024;

/** A stream of an HTTP/2 connection to a service. */
export class Http2Back implements Back {
  readonly takesWire = false;
  readonly reused: boolean;
  readonly #link: Http2Link;
  #stream: ClientHttp2Stream | undefined;
  #exchange: BackOwner | undefined;
  #requestTrailers: HeaderList | undefined;
  #requestEnded = false;
  /** The piece that came before the service had shown that it speaks HTTP/2; the next one waits for it. */
  #early: Buffer | undefined;
  #trailers: HeaderList | undefined;
  #head: ResponseHead | undefined;
  #bodyBytes = 0;
  /** Whether the exchange has the whole response. */
  #complete = false;
  /** Bytes that the visitor has not taken yet. */
  #waitingBytes = 0;
  #over = false;

  /** @param link With room for a request. */
  constructor(link: Http2Link) {
    this.#link = link;
    this.reused = link.requests > 0;
  }

  /** @inheritdoc */
  begin(exchange: BackOwner, request: ForwardedRequest): void {
    this.#exchange = exchange;
    const endStream = request.framing.kind === "none";
    // Without having been told of trailers, services do not expect any.
    const waitForTrailers = !endStream && request.headers.has("trailer");
    const fields = requestFields(request);
    this.#link.join(this, () => this.#start(fields, { endStream, waitForTrailers }));
  }

  #start(fields: OutgoingHttpHeaders, options: { endStream: boolean; waitForTrailers: boolean }): void {
    if (this.#over) return;
    try {
      this.#listen(this.#stream = this.#link.request(fields, options));
    } catch (error) {
      return this.lost("broken", error);
    }
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined) this.#send(early);
    if (this.#requestEnded) this.#stream.end();
  }

  #listen(stream: ClientHttp2Stream): void {
    stream.on("error", () => {}); // `close` follows.
    stream.on("wantTrailers", () => {
      if (!stream.destroyed) stream.sendTrailers(trailerFields(this.#requestTrailers));
    });
    stream.on(
      "headers",
      (_, flags, ...raw: unknown[]) => this.#heard(() => this.#interim(textsOf(raw[0]), flags)),
    );
    stream.on(
      "response",
      (_, flags, ...raw: unknown[]) => this.#heard(() => this.#response(textsOf(raw[0]), flags)),
    );
    stream.on("trailers", (_, __, ...raw: unknown[]) => {
      this.#heard(() => this.#trailers = readHttp2Trailers(textsOf(raw[0])));
    });
    stream.on("close", () => this.lost("lost"));
  }

  /** @inheritdoc */
  requestPiece(buffer: Uint8Array, start: number): boolean {
    // A copy: until HTTP/2 has sent it, the memory would be lent beyond the exchange's end.
    const piece = Buffer.from(buffer.subarray(start));
    if (this.#stream === undefined) this.#early = piece;
    else this.#send(piece);
    return false;
  }

  /** @inheritdoc */
  requestEnd(trailers: HeaderList | undefined): void {
    this.#requestTrailers = trailers;
    this.#requestEnded = true;
    this.#stream?.end();
  }

  /** @inheritdoc */
  flush(): void {
    // HTTP/2 gathers by itself.
  }

  /** @inheritdoc */
  consumed(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes < WAITING_BYTES) this.#stream?.resume();
  }

  /** @inheritdoc */
  abort(): void {
    this.#finish();
    this.#stream?.close(constants.NGHTTP2_CANCEL);
  }

  /** @inheritdoc */
  release(): void {
    this.#finish();
  }

  /** The stream is over, or its connection is. May be called again. */
  lost(failure: BackFailure, error?: unknown): void {
    const exchange = this.#exchange;
    this.#finish();
    if (!this.#complete) exchange?.failed(failure, error);
  }

  #send(piece: Buffer): void {
    this.#stream?.write(piece, (error) => {
      if (error === undefined || error === null) this.#exchange?.requestMore();
    });
  }

  /** Nothing more is told to the exchange. */
  #finish(): void {
    this.#exchange = undefined;
    if (this.#over) return;
    this.#over = true;
    this.#link.left(this, this.#stream?.id);
  }

  /** What a service says is dealt with; what breaks the rules ends the request. */
  #heard(deal: () => void): void {
    if (this.#exchange === undefined) return;
    try {
      deal();
    } catch (error) {
      this.#stream?.close(constants.NGHTTP2_PROTOCOL_ERROR);
      this.lost("broken", error);
    }
  }

  #read(raw: readonly string[], flags: number): ResponseHead {
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const method = this.#exchange?.request.method ?? "GET";
    return readHttp2Response(raw, { ended, method, limits: this.#link.headLimits });
  }

  #interim(raw: readonly string[], flags: number): void {
    const head = this.#read(raw, flags);
    if (head.status < 200) this.#exchange?.interim(head);
  }

  #response(raw: readonly string[], flags: number): void {
    const head = this.#head = this.#read(raw, flags);
    this.#exchange?.responded(head);
    this.#exchange?.responseFlush();
    // Not before: on Deno, what comes together with the head would be told of first.
    this.#stream?.on("data", (piece: Uint8Array) => this.#heard(() => this.#piece(piece)));
    this.#stream?.on("end", () => this.#heard(() => this.#ended()));
  }

  #piece(piece: Uint8Array): void {
    const { framing } = this.#head ?? {};
    if (framing === undefined || framing.kind === "none") {
      if (this.#exchange?.request.method === "HEAD" || framing === undefined) return;
      throw new HttpError(502, "content_length", "Refuse a body where none may be");
    }
    this.#bodyBytes += piece.length;
    this.#checkLength(false);
    this.#waitingBytes += piece.length;
    if (this.#waitingBytes >= WAITING_BYTES) this.#stream?.pause();
    this.#exchange?.responsePiece(piece, undefined);
    this.#exchange?.responseFlush();
  }

  #ended(): void {
    const exchange = this.#exchange;
    // A reset looks like an end to some readers of HTTP/2.
    if (this.#head === undefined || !this.#link.hasEnded(this.#stream?.id)) return;
    this.#checkLength(true);
    this.#complete = true;
    exchange?.responseEnd(this.#trailers);
    exchange?.responseFlush();
  }

  #checkLength(ended: boolean): void {
    const framing = this.#head?.framing;
    if (framing?.kind !== "length") return;
    if (this.#bodyBytes > framing.bytes || (ended && this.#bodyBytes < framing.bytes)) {
      const got = `${this.#bodyBytes} bytes under content-length ${framing.bytes}`;
      throw new HttpError(502, "content_length", `Refuse a response of ${got}`);
    }
  }
}
