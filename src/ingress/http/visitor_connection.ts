/**
 * A visitor that speaks HTTP/1.1: one request after the other.
 *
 * @module
 */
import { encodeErrorResponse } from "../../http/error_page.ts";
import type { ForwardedResponse } from "../../http/forward.ts";
import { ForwardMemory } from "../../http/forward_memory.ts";
import type { HeaderList } from "../../http/header_list.ts";
import type { HttpError } from "../../http/http_error.ts";
import { newRequestId } from "../../http/request_id.ts";
import type { RequestHead } from "../../http/types.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { Connection, ConnectionHandler } from "../../runtime/types.ts";
import { overdue, type VisitorPhase } from "./deadlines.ts";
import { Exchange } from "./exchange.ts";
import type { HttpPort } from "./port.ts";
import { type ReaderHost, RequestReader } from "./request_reader.ts";
import { ResponseWriter } from "./response_writer.ts";
import type { HttpSettings } from "./settings.ts";
import type { BodyForm, Front, PieceSource } from "./sides.ts";
import { Waiting } from "./waiting.ts";

/** Bytes that are read and thrown away so that a visitor that still sends can be answered. */
export const MAX_DISCARDED_BYTES = 64 * 1024;
/** One visitor. */
export class VisitorConnection implements ConnectionHandler, Front, ReaderHost {
  readonly address: string;
  readonly memory = new ForwardMemory();
  /** The port it came to. */
  readonly port: HttpPort;
  readonly #connection: Connection;
  readonly #onClosed: (visitor: VisitorConnection) => void;
  readonly #reader: RequestReader;
  readonly #writer: ResponseWriter;
  readonly #waiting = new Waiting();
  /** Whether it is trusted, and by which settings: it is asked for each request. */
  #trust: { readonly by: HttpSettings; readonly trusted: boolean } | undefined;
  #phase: VisitorPhase = "head";
  #requests = 0;
  #exchange: Exchange | undefined;
  /** Whether the visitor has ended its direction. */
  #inputEnded = false;
  /** Of what is switched: whether this side has ended its direction, and whether both have. */
  #outputEnded = false;
  #bothEnded = false;
  /** Whether the visitor was told to send its body. */
  #continued = false;
  #responseEnded = false;
  /** What the response says about the connection. */
  #keepAlive = false;
  #bytesTaken = 0;

  /** @param connection Not started yet. @param port What it shares. @param onClosed Called once, when the socket is closed. */
  constructor(connection: Connection, port: HttpPort, onClosed: (visitor: VisitorConnection) => void) {
    const { environment } = port;
    this.#connection = connection;
    this.port = port;
    this.#onClosed = onClosed;
    this.address = connection.remote.hostname;
    this.#reader = new RequestReader(this, { environment, settings: () => port.settings });
    this.#writer = new ResponseWriter(connection, environment.pool, () => this.#written());
    connection.start(this);
  }

  /** @inheritdoc */
  get scheme(): "http" | "https" {
    return this.port.scheme;
  }

  /** @inheritdoc */
  get settings(): HttpSettings {
    return this.#reader.settings;
  }

  /** @inheritdoc */
  get trusted(): boolean {
    const { settings } = this;
    if (settings === this.#trust?.by) return this.#trust.trusted;
    const trusted = settings.isTrusted(this.address);
    this.#trust = { by: settings, trusted };
    return trusted;
  }

  /** @inheritdoc */
  get takesWire(): boolean {
    return this.#exchange?.request.version !== "1.0";
  }

  /** @inheritdoc */
  get keepAlive(): boolean {
    const { httpMaxRequests } = this.settings.limits;
    const { broken } = this.#reader;
    if (this.#inputEnded || broken || this.port.stopping || this.#requests >= httpMaxRequests) {
      return false;
    }
    const exchange = this.#exchange;
    if (exchange?.request.keepAlive !== true) return false;
    if (exchange.requestEnded) return true;
    // What it still sends has to be read before its next request, if it sends it at all.
    if (exchange.request.expectsContinue && !this.#continued) return false;
    return this.#reader.remaining <= MAX_DISCARDED_BYTES;
  }

  /** Nobody waits for its next request any more. */
  leave(): void {
    if (this.#phase === "head" && this.#reader.idle) this.#connection.close();
  }

  /** @inheritdoc */
  space(): Uint8Array {
    return this.#reader.space();
  }

  /** @inheritdoc */
  data(chunk: Uint8Array): boolean {
    // A head has its time as a whole, and so has what is thrown away at the end.
    if (!this.#reader.headStarted && this.#phase !== "closing") this.#waiting.moved();
    this.#reader.arrived(chunk);
    this.#exchange?.requestFlush();
    if (this.#reader.discardedBytes > MAX_DISCARDED_BYTES) this.#connection.close();
    return this.#reader.wantsMore;
  }

  /** @inheritdoc */
  end(): void {
    this.#inputEnded = true;
    const exchange = this.#exchange;
    if (this.#phase === "switched") {
      this.#bothEnded = this.#outputEnded;
      exchange?.requestEnd();
      exchange?.requestFlush();
    } else if (this.#phase === "exchange" && exchange?.requestEnded === false) {
      this.#connection.reset();
    } else if (this.#phase !== "exchange" && this.#phase !== "closing") this.#finish();
    // Else the response is still wanted: only this direction has ended.
  }

  /** @inheritdoc */
  drain(): void {
    this.#writer.drained();
  }

  /** @inheritdoc */
  close(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#phase = "closing";
    if (this.#bothEnded) exchange?.delivered();
    else exchange?.visitorGone();
    this.#writer.close();
    this.#reader.close();
    this.#onClosed(this);
  }

  /** @inheritdoc */
  requestHead(head: RequestHead): void {
    this.#requests++;
    this.#phase = "exchange";
    this.#continued = this.#responseEnded = false;
    const exchange = this.#exchange = new Exchange(this.port, this, head);
    exchange.start();
  }

  /** @inheritdoc */
  bodyForm(): BodyForm | undefined {
    return this.#exchange?.open === true ? this.#exchange.requestForm : undefined;
  }

  /** @inheritdoc */
  requestPiece(buffer: Uint8Array, start: number, headroom: boolean): boolean {
    return this.#exchange?.requestPiece(buffer, start, headroom) ?? true;
  }

  /** @inheritdoc */
  requestEnd(trailers: HeaderList | undefined): void {
    this.#waiting.moved();
    if (this.#phase === "discard") this.#next();
    else this.#exchange?.requestEnd(trailers);
  }

  /** @inheritdoc */
  requestBroken(error: HttpError): void {
    if (this.#exchange !== undefined) return this.#exchange.requestBroken(error);
    if (this.#phase === "closing") return;
    const { counters } = this.port.environment;
    counters.add("http_protocol_errors", { label: error.rule });
    // The request was answered already: a second answer would be taken for that of the next one.
    if (this.#phase === "discard") return this.#finish();
    counters.add("http_requests", { label: error.status >= 500 ? "5xx" : "4xx" });
    this.#refuse(error.status);
  }

  /** @inheritdoc */
  interim(response: ForwardedResponse): void {
    if (response.status === 100) this.#continued = true;
    this.#writer.head(response, "payload");
    this.#waiting.moved();
  }

  /** @inheritdoc */
  respond(response: ForwardedResponse, form: BodyForm): void {
    this.#keepAlive = response.keepAlive;
    this.#writer.head(response, form);
    this.#waiting.moved();
  }

  /** @inheritdoc */
  switchProtocols(response: ForwardedResponse): void {
    this.#keepAlive = false;
    this.#phase = "switched";
    this.#writer.head(response, "payload");
    this.#reader.through();
    if (this.#inputEnded) this.#exchange?.requestEnd();
    this.#exchange?.requestFlush();
    this.#resume();
  }

  /** @inheritdoc */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void {
    this.#writer.piece(piece, slab, source);
  }

  /** @inheritdoc */
  endResponse(trailers: HeaderList | undefined): void {
    this.#writer.end(trailers);
    this.#responseEnded = true;
  }

  /** @inheritdoc */
  flush(): void {
    this.#writer.flush();
  }

  /** @inheritdoc */
  abort(): void {
    this.#exchange = undefined;
    this.#phase = "closing";
    this.#connection.reset();
  }

  /** @inheritdoc */
  requestMore(): void {
    this.#waiting.moved();
    this.#reader.returned();
    this.#exchange?.requestFlush();
    this.#resume();
  }

  /** A round of the port's timer is over. */
  sweep(elapsedMs: number): void {
    const { bytesTaken } = this.#connection;
    if (bytesTaken !== this.#bytesTaken) this.#waiting.moved();
    this.#bytesTaken = bytesTaken;
    this.#waiting.passed(elapsedMs);
    const { settings } = this.#reader.idle ? this.port : this;
    const late = overdue({
      phase: this.#phase,
      ms: this.#waiting.ms,
      wantsHead: this.#requests === 0 || this.#reader.headStarted,
      waitsFor: this.#exchange?.waitsFor ?? "nothing",
      visitorsTurn: this.#exchange?.open === true && !this.#reader.lent,
      mayBeGone: !this.#writer.empty || this.#inputEnded,
    }, settings.limits);
    if (late === "head") this.#headTimedOut();
    else if (late === "visitor") this.#exchange?.visitorTimedOut();
    else if (late === "service") this.#exchange?.serviceTimedOut();
    else if (late === "linger") this.#connection.close();
  }

  #headTimedOut(): void {
    if (!this.#reader.headStarted) return this.#connection.close();
    const { counters } = this.port.environment;
    counters.add("http_protocol_errors", { label: "timeout" });
    counters.add("http_requests", { label: "4xx" });
    this.#refuse(408);
  }

  /** Answers what is no request, and closes. */
  #refuse(status: number): void {
    this.#reader.ignore();
    this.#waiting.moved();
    this.#writer.raw(encodeErrorResponse(status, { requestId: newRequestId() }));
    this.#responseEnded = true;
    this.#keepAlive = false;
    this.#writer.flush();
  }

  /** Everything that was said is with the kernel. */
  #written(): void {
    if (!this.#responseEnded || this.#phase === "closing") return;
    this.#responseEnded = false;
    const exchange = this.#exchange;
    if (this.#phase === "switched") {
      this.#outputEnded = true;
      this.#bothEnded = this.#inputEnded;
      return this.#connection.closeWrite();
    }
    this.#exchange = undefined;
    const ended = exchange?.requestEnded ?? false;
    exchange?.delivered();
    this.#reader.reclaim();
    if (!this.#keepAlive) return this.#finish();
    if (ended) return this.#next();
    this.#phase = "discard";
    this.#waiting.moved();
    this.#reader.discard();
    this.#resume();
  }

  #next(): void {
    if (this.#inputEnded || this.port.stopping) return this.#finish();
    this.#phase = "head";
    this.#waiting.moved();
    this.#reader.next();
    this.#exchange?.requestFlush();
    this.#resume();
  }

  /** Ends this side, and reads what still comes so that the kernel does not throw away what was written. */
  #finish(): void {
    this.#phase = "closing";
    this.#waiting.moved();
    this.#reader.ignore();
    this.#connection.closeWrite();
    this.#resume();
  }

  #resume(): void {
    if (this.#reader.wantsMore) this.#connection.resume();
  }
}
