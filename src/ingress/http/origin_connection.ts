/**
 * A stream to a local service that speaks HTTP/1.1: one exchange after the other.
 *
 * @module
 */
import { BodyScanner } from "../../http/body.ts";
import { encodeChunk, encodeLastChunk, LAST_CHUNK } from "../../http/chunk_encoder.ts";
import type { ForwardedRequest } from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";
import type { BodyFraming, ResponseHead } from "../../http/types.ts";
import type { HeadLimits } from "../../http/head_limits.ts";
import { ResponseHeadParser } from "../../http/response_head.ts";
import type { BufferPool } from "../../mux/buffer_pool.ts";
import type { Session } from "../../mux/session.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { MuxStream, StreamHandler } from "../../mux/stream.ts";
import type { CloseReason } from "../../wire/messages.ts";
import { failureOf } from "./outcomes.ts";
import { OriginSender } from "./origin_sender.ts";
import type { Back, BackFailure, BackOwner, BodyForm } from "./sides.ts";

/** What a stream needs of its pool. */
export interface OriginHost {
  readonly session: Session;
  readonly pool: BufferPool;
  readonly headLimits: Partial<HeadLimits>;
  /** Takes a stream that has carried an exchange. @returns false when there are enough */
  keep(origin: OriginConnection): boolean;
  /** The stream is over. */
  forget(origin: OriginConnection): void;
}

/** What a stream is doing. */
type State =
  | "idle"
  /** Waits for a response's head, or is in one. */
  | "head"
  | "body"
  /** The response is complete; the exchange is not over yet. */
  | "done"
  /** Another protocol is spoken. */
  | "switched"
  | "over";

/** A stream and what it carries at the moment. */
export class OriginConnection implements Back, StreamHandler {
  readonly takesWire = true;
  reused = false;
  /** How long it has been idle; kept by the pool. */
  idleMs = 0;
  readonly #stream: MuxStream;
  readonly #host: OriginHost;
  readonly #sender: OriginSender;
  readonly #parser: ResponseHeadParser;
  #exchange: BackOwner | undefined;
  #state: State = "idle";
  /** Of the response's body. */
  #framing: BodyFraming = NO_BODY;
  #form: BodyForm = "payload";
  #scanner: BodyScanner | undefined;
  /** Whether the service lets the stream be used again. */
  #reusable = false;
  #requestEnded = false;
  /** Whether pieces of the request have to be made chunks. */
  #chunks = false;

  /** @param stream Without a handler yet. @param host The pool. */
  constructor(stream: MuxStream, host: OriginHost) {
    this.#stream = stream;
    this.#host = host;
    this.#sender = new OriginSender(stream, host.pool, this);
    this.#parser = new ResponseHeadParser(host.headLimits);
    stream.attach(this);
  }

  /** Whether it waits for an exchange and can carry one. */
  get usable(): boolean {
    return this.#state === "idle" && !this.#stream.closed && !this.#stream.remoteEnded;
  }

  /** @inheritdoc */
  begin(exchange: BackOwner, request: ForwardedRequest, form: BodyForm): void {
    this.#parser.expect(exchange.request);
    this.#sender.head(request);
    this.#exchange = exchange;
    this.#state = "head";
    this.#scanner = undefined;
    this.#reusable = this.#requestEnded = false;
    this.#chunks = form === "payload" && request.framing.kind === "chunked";
  }

  /** @inheritdoc */
  requestPiece(buffer: Uint8Array, start: number, headroom: boolean): boolean {
    if (this.#state === "over") return true;
    if (!this.#chunks) return this.#sender.piece(buffer, start, headroom);
    this.#sender.own(encodeChunk(buffer.subarray(start)));
    return false;
  }

  /** @inheritdoc */
  requestEnd(trailers: HeaderList | undefined): void {
    if (this.#state === "over") return;
    this.#requestEnded = true;
    if (this.#chunks) this.#sender.own(trailers === undefined ? LAST_CHUNK : encodeLastChunk(trailers));
    if (this.#state === "switched") this.#sender.end();
  }

  /** @inheritdoc */
  flush(): void {
    this.#sender.flush();
  }

  /** @inheritdoc */
  abort(): void {
    this.#exchange = undefined;
    this.#over({ kind: "error", message: "The visitor left" });
  }

  /** @inheritdoc */
  release(): void {
    this.#exchange = undefined;
    if (this.#state !== "done") return;
    const stream = this.#stream;
    const clean = this.#reusable && this.#requestEnded && this.#sender.idle;
    if (!clean || stream.closed || stream.remoteEnded || !this.#host.session.open) return this.dispose();
    this.#state = "idle";
    this.reused = true;
    if (!this.#host.keep(this)) this.dispose();
  }

  /** Closes the stream. Nothing of it is wanted any more. */
  dispose(): void {
    this.#over({ kind: "normal" });
  }

  /** @inheritdoc */
  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  /** @inheritdoc */
  data(piece: Uint8Array, slab: Slab): void {
    let at = 0;
    let taken = 0;
    try {
      while (at < piece.length) {
        const exchange = this.#exchange;
        if (this.#state === "switched") {
          exchange?.responsePiece(at === 0 ? piece : piece.subarray(at), slab);
          break;
        }
        if (exchange === undefined || this.#state === "done") {
          // Bytes that nobody asked for: whatever they are, they must not meet the next request.
          taken += piece.length - at;
          this.#reusable = false;
          if (this.#state === "idle") this.dispose();
          break;
        }
        if (this.#state === "head") {
          const parsed = this.#parser.push(piece, at);
          const end = parsed?.end ?? piece.length;
          taken += end - at;
          at = end;
          if (parsed !== undefined) {
            this.#head(parsed.head, exchange);
            at = this.#wholeBody(parsed.head, { piece, at, slab });
          }
        } else {
          const scanner = this.#scanner ??= this.#newScanner();
          const next = scanner.scan(piece, at);
          const { pieceStart, pieceEnd } = scanner;
          taken += next - at - (pieceEnd - pieceStart);
          at = next;
          if (pieceEnd > pieceStart) exchange.responsePiece(piece.subarray(pieceStart, pieceEnd), slab);
          if (scanner.done) this.#bodyEnded(scanner, exchange);
        }
      }
    } catch (error) {
      taken += piece.length - at;
      this.#fail("broken", error);
    }
    if (taken > 0) this.#stream.consumed(taken);
    this.#exchange?.responseFlush();
  }

  /** @inheritdoc */
  end(): void {
    if (this.#state === "idle") return this.dispose();
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    if (this.#state === "switched") {
      exchange.responseEnd(undefined);
      exchange.responseFlush();
      return;
    }
    if (this.#state === "body" && this.#framing.kind === "until_close") {
      this.#reusable = false;
      this.#bodyEnded(this.#scanner, exchange);
      exchange.responseFlush();
      return;
    }
    if (this.#state === "head" || this.#state === "body") this.#fail("lost", undefined);
  }

  /** @inheritdoc */
  sendable(): void {
    this.#sender.sent();
  }

  /** The sender has room for the next piece. */
  requestMore(): void {
    this.#exchange?.requestMore();
  }

  /** @inheritdoc */
  accepted(): void {
    // Nothing waits for that: a request goes ahead of the answer, within the window.
  }

  /** @inheritdoc */
  close(reason: CloseReason | undefined): void {
    const state = this.#state;
    this.#state = "over";
    this.#sender.close();
    this.#host.forget(this);
    const exchange = this.#exchange;
    if (exchange === undefined || state === "done") return;
    this.#exchange = undefined;
    if (state === "switched" && (reason === undefined || reason.kind === "normal")) exchange.switchedOver();
    else exchange.failed(failureOf(reason), undefined);
  }

  #head(head: ResponseHead, exchange: BackOwner): void {
    if (head.status < 200) {
      if (head.status !== 101) return exchange.interim(head);
      this.#state = "switched";
      return exchange.switched(head);
    }
    this.#reusable = head.keepAlive;
    const form = exchange.responded(head);
    if (this.#exchange !== exchange) return; // Whoever was told has given up.
    if (head.framing.kind === "none") {
      this.#state = "done";
      return exchange.responseEnd(undefined);
    }
    this.#state = "body";
    this.#framing = head.framing;
    this.#form = form;
  }

  /** Most bodies come whole with their head, and need no scanner. @returns Index behind it; `at` for any other */
  #wholeBody(
    { framing }: ResponseHead,
    { piece, at, slab }: { readonly piece: Uint8Array; readonly at: number; readonly slab: Slab },
  ): number {
    const exchange = this.#exchange;
    if (this.#state !== "body" || exchange === undefined || framing.kind !== "length") return at;
    const end = at + framing.bytes;
    if (end > piece.length) return at;
    if (end > at) exchange.responsePiece(piece.subarray(at, end), slab);
    this.#state = "done";
    exchange.responseEnd(undefined);
    return end;
  }

  #newScanner(): BodyScanner {
    return new BodyScanner(this.#framing, {
      pieces: this.#form === "wire" ? "verbatim" : "payload",
      from: "service",
    });
  }

  #bodyEnded(scanner: BodyScanner | undefined, exchange: BackOwner): void {
    this.#state = "done";
    const tail = scanner?.tail;
    if (tail !== undefined) exchange.responseTail(tail);
    exchange.responseEnd(scanner?.trailers);
  }

  #fail(failure: BackFailure, error: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#over({ kind: "error", message: "The response cannot be used" });
    exchange?.failed(failure, error);
  }

  #over(reason: CloseReason): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#stream.reset(reason); // Calls `close`.
  }
}

const NO_BODY: BodyFraming = { kind: "none" };
