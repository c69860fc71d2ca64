/**
 * One request of a visitor that speaks HTTP/2.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, type ServerHttp2Stream } from "node:http2";
import { TunnelError } from "../../errors.ts";
import type { ForwardedResponse } from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";
import { HttpError } from "../../http/http_error.ts";
import { readHttp2Trailers } from "../../http/http2_request.ts";
import type { RequestHead } from "../../http/types.ts";
import type { Slab } from "../../mux/slabs.ts";
import { overdue } from "./deadlines.ts";
import { Exchange } from "./exchange.ts";
import { responseFields, textsOf, trailerFields } from "./http2_fields.ts";
import type { HttpPort } from "./port.ts";
import type { HttpSettings } from "./settings.ts";
import type { BodyForm, Front, PieceSource } from "./sides.ts";
import { Waiting } from "./waiting.ts";

/** The connection that a request came by. */
export interface Http2FrontHost {
  readonly address: string;
  readonly port: HttpPort;
  /** Whether the visitor has really ended a stream; a reset looks like an end to some readers of HTTP/2. */
  hasEnded(id: number): boolean;
  /** The stream is over. @param whole Whether the visitor got a whole response, and did not just leave */
  left(front: Http2Front, whole: boolean): void;
}

/** One stream of an HTTP/2 connection. */
export class Http2Front implements Front {
  /** Of the stream. */
  readonly id: number;
  readonly takesWire = false;
  readonly keepAlive = true;
  readonly settings: HttpSettings;
  readonly trusted: boolean;
  readonly #stream: ServerHttp2Stream;
  readonly #host: Http2FrontHost;
  readonly #waiting = new Waiting();
  readonly #head: RequestHead;
  #exchange: Exchange | undefined;
  /** Pieces of the request that nobody has taken, and the one that is lent. */
  #pieces: Uint8Array[] = [];
  #lent = false;
  #bodyBytes = 0;
  #inputEnded = false;
  #requestTrailers: HeaderList | undefined;
  #responseTrailers: HeaderList | undefined;
  #unsentBytes = 0;
  #responseEnded = false;
  /** Whether everything of the response was handed to HTTP/2, and taken. */
  #finished = false;
  #over = false;

  /** @param stream Just begun. @param host Its connection. @param head What it asks for. */
  constructor(stream: ServerHttp2Stream, host: Http2FrontHost, head: RequestHead) {
    this.id = stream.id ?? 0;
    this.#stream = stream;
    this.#host = host;
    this.#head = head;
    this.settings = host.port.settings;
    this.trusted = this.settings.isTrusted(host.address);
    // Errors are told by `close` too; whoever made it hears them, so that they are no surprise.
    stream.on("close", () => this.close());
    stream.on("finish", () => this.#written());
    stream.on("wantTrailers", () => {
      if (!stream.destroyed) stream.sendTrailers(trailerFields(this.#responseTrailers));
    });
  }

  /** @inheritdoc */
  get address(): string {
    return this.#host.address;
  }

  /** @inheritdoc */
  get scheme(): "http" | "https" {
    return this.#host.port.scheme;
  }

  /** Leads the request to its service. Called once. */
  start(): void {
    const stream = this.#stream;
    const exchange = this.#exchange = new Exchange(this.#host.port, this, this.#head);
    exchange.start();
    if (this.#over) return;
    if (this.#head.framing.kind === "none") {
      this.#inputEnded = true;
      exchange.requestEnd(undefined);
      exchange.requestFlush();
      stream.resume(); // So that its end is seen.
      return;
    }
    exchange.requestFlush(); // The head, before there is a body.
    stream.on("trailers", (_, __, ...raw: unknown[]) => this.#trailers(raw[0]));
    stream.on("data", (chunk: Uint8Array) => {
      this.#waiting.moved();
      this.#pieces.push(chunk);
      this.#pass();
    });
    stream.on("end", () => {
      if (!this.#host.hasEnded(this.id)) return this.close();
      this.#inputEnded = true;
      this.#pass();
    });
  }

  /** @inheritdoc */
  interim(response: ForwardedResponse): void {
    if (!this.#stream.destroyed) this.#stream.additionalHeaders(responseFields(response));
    this.#waiting.moved();
  }

  /** @inheritdoc */
  respond(response: ForwardedResponse, _form: BodyForm): void {
    this.#waiting.moved();
    if (this.#stream.destroyed) return;
    const { framing } = response;
    const { kind } = framing;
    // What has no body ends with its head: gRPC tells a failed call by that.
    const endStream = kind === "none" || (kind === "length" && framing.bytes === 0);
    // A length that is known is the whole of it; only without one there can be trailers.
    const waitForTrailers = kind === "chunked" || kind === "until_close";
    this.#finished = endStream;
    const options = { endStream, waitForTrailers, sendDate: false };
    this.#stream.respond(responseFields(response), options);
  }

  /** @inheritdoc */
  switchProtocols(): void {
    throw new TypeError("HTTP/2 has no switch of protocols");
  }

  /** @inheritdoc */
  piece(piece: Uint8Array, _slab: Slab | undefined, source: PieceSource): void {
    if (this.#stream.destroyed) return;
    const bytes = piece.length;
    this.#unsentBytes += bytes;
    // HTTP/2 keeps it until the visitor's window lets it go, longer than a slab may be held.
    this.#stream.write(Buffer.from(piece), (error) => {
      this.#unsentBytes -= bytes;
      this.#waiting.moved();
      if (error === undefined || error === null) source.consumed(bytes);
    });
  }

  /** @inheritdoc */
  endResponse(trailers: HeaderList | undefined): void {
    this.#responseEnded = true;
    this.#responseTrailers = trailers;
    this.#stream.end();
  }

  /** @inheritdoc */
  flush(): void {
    // HTTP/2 gathers by itself.
  }

  /** @inheritdoc */
  abort(): void {
    this.#exchange = undefined;
    // Only an error that a stream is destroyed with reaches the visitor as one.
    this.#stream.destroy(new TunnelError("CLOSED", "The response cannot be completed"));
  }

  /** @inheritdoc */
  requestMore(): void {
    this.#waiting.moved();
    this.#lent = false;
    this.#pass();
  }

  /** A round of the port's timer is over. */
  sweep(elapsedMs: number): void {
    this.#waiting.passed(elapsedMs);
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const late = overdue({
      phase: "exchange",
      ms: this.#waiting.ms,
      wantsHead: false,
      waitsFor: exchange.waitsFor,
      visitorsTurn: exchange.open && !this.#lent,
      mayBeGone: this.#unsentBytes > 0,
    }, this.settings.limits);
    if (late === "visitor") exchange.visitorTimedOut();
    else if (late === "service") exchange.serviceTimedOut();
  }

  /** The stream is over, or its connection is. May be called again. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#pieces = [];
    const exchange = this.#exchange;
    this.#exchange = undefined;
    const whole = this.#finished && this.#responseEnded &&
      this.#stream.rstCode === constants.NGHTTP2_NO_ERROR;
    if (whole) exchange?.delivered();
    else exchange?.visitorGone();
    this.#host.left(this, whole);
  }

  #written(): void {
    this.#finished = true;
    if (!this.#responseEnded || this.#over) return;
    // The visitor need not send the rest of what was answered already (RFC 9113, section 8.1).
    if (!this.#inputEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #trailers(raw: unknown): void {
    try {
      this.#requestTrailers = readHttp2Trailers(textsOf(raw));
    } catch (error) {
      this.#broken(error);
    }
  }

  /** Hands on what has come, as far as it is wanted. */
  #pass(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || this.#over) return;
    while (this.#pieces.length > 0 && exchange.open && !this.#lent) {
      const piece = this.#pieces.shift() as Uint8Array;
      this.#bodyBytes += piece.length;
      if (!this.#lengthHolds(false)) return;
      this.#lent = !exchange.requestPiece(piece, 0, false);
    }
    if (this.#pieces.length > 0 || this.#lent || !exchange.open) {
      this.#stream.pause();
    } else if (!this.#inputEnded) {
      this.#stream.resume();
    } else if (!exchange.requestEnded) {
      if (!this.#lengthHolds(true)) return;
      exchange.requestEnd(this.#requestTrailers);
    }
    exchange.requestFlush();
  }

  /** A service that is told a length must get as many bytes: others would be the next request. */
  #lengthHolds(ended: boolean): boolean {
    const { framing } = this.#head;
    const maxBodyBytes = this.settings.limits.httpMaxBodyBytes;
    const declared = framing.kind === "length" ? framing.bytes : undefined;
    if (maxBodyBytes > 0 && this.#bodyBytes > maxBodyBytes) {
      this.#broken(new HttpError(413, "body_too_large", `Refuse a body of over ${maxBodyBytes} bytes`));
    } else if (
      declared !== undefined && (this.#bodyBytes > declared || (ended && this.#bodyBytes < declared))
    ) {
      const got = `${this.#bodyBytes} bytes under content-length ${declared}`;
      this.#broken(new HttpError(400, "content_length", `Refuse a body of ${got}`));
    } else return true;
    return false;
  }

  #broken(error: unknown): void {
    if (!(error instanceof HttpError)) throw error;
    this.#pieces = [];
    this.#exchange?.requestBroken(error);
  }
}
