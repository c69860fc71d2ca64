/**
 * What a visitor sends, taken apart: heads, bodies, and what is to be thrown away.
 *
 * @module
 */
import { BodyScanner } from "../../http/body.ts";
import { checkDeclaredLength } from "../../http/framing.ts";
import type { HeaderList } from "../../http/header_list.ts";
import { HttpError } from "../../http/http_error.ts";
import { RequestHeadParser } from "../../http/request_head.ts";
import type { BodyFraming, RequestHead } from "../../http/types.ts";
import { HEADROOM_BYTES, ReadBuffer, type RelayEnvironment } from "../../tunnel/read_buffer.ts";
import type { HttpSettings } from "./settings.ts";
import type { BodyForm } from "./sides.ts";

/** The frame header that a stream may write in front of a piece. */
const FRAME_HEADER_BYTES = 10;

/** Who hears of it. */
export interface ReaderHost {
  /** A head came. */
  requestHead(head: RequestHead): void;
  /** How pieces of the body are to come; undefined while they cannot be taken yet. */
  bodyForm(): BodyForm | undefined;
  /** See `Back.requestPiece`. */
  requestPiece(buffer: Uint8Array, start: number, headroom: boolean): boolean;
  /** The request is complete. */
  requestEnd(trailers: HeaderList | undefined): void;
  /** The head or the body breaks the rules; nothing more can be read. */
  requestBroken(error: HttpError): void;
}

/** What is done with what comes. */
type Mode =
  /** Heads are read. */
  | "head"
  /** Goes on as the body of the request. */
  | "body"
  /** Waits: the response to the request before is not complete. */
  | "hold"
  /** The rest of the body is thrown away. */
  | "discard"
  /** Goes on as it is. */
  | "through"
  /** Everything is thrown away. */
  | "ignore";

/** Options of {@linkcode RequestReader}. */
export interface RequestReaderOptions {
  readonly environment: RelayEnvironment;
  /** What counts for requests that begin now. */
  readonly settings: () => HttpSettings;
}

/** Reads the requests of one connection. */
export class RequestReader {
  readonly #host: ReaderHost;
  readonly #options: RequestReaderOptions;
  readonly #reads: ReadBuffer;
  #parser: RequestHeadParser;
  #settings: HttpSettings;
  #mode: Mode = "head";
  #framing: BodyFraming = NO_BODY;
  #scanner: BodyScanner | undefined;
  /** Of what was read last, what lies from `#at` to `#end` is not dealt with. */
  #bytes: Uint8Array = NOTHING;
  #at = 0;
  #end = 0;
  /** Whether somebody still sends from `#bytes`. */
  #lent = false;
  #pumping = false;
  #discardedBytes = 0;
  #broken = false;

  /** @param host Who hears of it. @param options Bounds. */
  constructor(host: ReaderHost, options: RequestReaderOptions) {
    this.#host = host;
    this.#options = options;
    this.#reads = new ReadBuffer(options.environment, HEADROOM_BYTES);
    this.#settings = options.settings();
    this.#parser = new RequestHeadParser(this.#settings.headLimits);
  }

  /** What counts for the request that is read, or was read last. */
  get settings(): HttpSettings {
    return this.#settings;
  }

  /** Whether a head has begun to come. */
  get headStarted(): boolean {
    return this.#mode === "head" && this.#parser.started;
  }

  /** Whether it waits for the beginning of a request. */
  get idle(): boolean {
    return this.#mode === "head" && !this.#parser.started && this.#at === this.#end;
  }

  /** Whether the next bytes can be read. */
  get wantsMore(): boolean {
    return !this.#lent && this.#at === this.#end;
  }

  /** Whether what was read waits for the local service. */
  get lent(): boolean {
    return this.#lent;
  }

  /** Bytes of the body that are still to come; 0 when that is not known. */
  get remaining(): number {
    if (this.#scanner !== undefined) return this.#scanner.remaining ?? 0;
    return this.#framing.kind === "length" ? this.#framing.bytes : 0;
  }

  /** Whether what came breaks the rules, so that nothing behind it can be read. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Bytes that were thrown away. */
  get discardedBytes(): number {
    return this.#discardedBytes;
  }

  /** See `ConnectionHandler.space`. */
  space(): Uint8Array {
    return this.#reads.space(Infinity);
  }

  /** Takes what was read. */
  arrived(chunk: Uint8Array): void {
    const buffer = this.#reads.arrived(chunk.length);
    const start = buffer === undefined ? 0 : HEADROOM_BYTES;
    this.#bytes = buffer ?? chunk;
    this.#at = start;
    this.#end = start + chunk.length;
    this.pump();
  }

  /** The memory that was lent is free. */
  returned(): void {
    this.#lent = false;
    this.pump();
  }

  /** The exchange is over: memory that is still lent does not come back, and is left to the garbage collector. */
  reclaim(): void {
    if (!this.#lent) return;
    this.#reads.release(true);
    this.#lent = false;
  }

  /** The exchange is over: reads the next head. */
  next(): void {
    this.#mode = "head";
    this.#scanner = undefined;
    this.#framing = NO_BODY;
    this.#discardedBytes = 0;
    this.pump();
  }

  /** Throws the rest of the body away; `requestEnd` is called at its end. */
  discard(): void {
    this.#mode = "discard";
    this.pump();
  }

  /** From now on bytes go on as they are. */
  through(): void {
    this.#mode = "through";
    this.pump();
  }

  /** From now on everything is thrown away. */
  ignore(): void {
    this.#mode = "ignore";
    this.pump();
  }

  /** The connection is over. */
  close(): void {
    this.#mode = "ignore";
    this.#reads.release(this.#lent);
    this.#bytes = NOTHING;
    this.#at = this.#end = 0;
  }

  /** Deals with what was read, as far as it can be. Called from within itself, it leaves that to the call that is under way. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#step());
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#broken = true;
      this.#mode = "ignore";
      this.#at = this.#end;
      this.#host.requestBroken(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** @returns whether there may be more to do */
  #step(): boolean {
    switch (this.#mode) {
      case "head":
        return this.#readHead();
      case "body":
        return this.#readBody();
      case "through":
        return this.#passOn();
      case "discard":
        return this.#throwAwayBody();
      case "ignore":
        if (this.#lent) return false;
        this.#discardedBytes += this.#end - this.#at;
        this.#at = this.#end;
        return false;
      default:
        return false;
    }
  }

  #readHead(): boolean {
    if (this.#at === this.#end) return false;
    if (!this.#parser.started) this.#begin();
    const parsed = this.#parser.push(this.#bytes, this.#at, this.#end);
    if (parsed === undefined) {
      this.#at = this.#end;
      return false;
    }
    this.#at = parsed.end;
    const { framing } = parsed.head;
    checkDeclaredLength(framing, this.#settings.limits.httpMaxBodyBytes);
    this.#framing = framing;
    this.#mode = "body";
    this.#host.requestHead(parsed.head);
    return true;
  }

  /** A request keeps what counts when it begins. */
  #begin(): void {
    const settings = this.#options.settings();
    if (settings === this.#settings) return;
    this.#settings = settings;
    this.#parser = new RequestHeadParser(settings.headLimits);
  }

  #readBody(): boolean {
    if (this.#framing.kind === "none") return this.#ended(undefined);
    const form = this.#host.bodyForm();
    if (form === undefined || this.#lent) return false;
    const scanner = this.#scanner ??= new BodyScanner(this.#framing, {
      pieces: form === "wire" ? "verbatim" : "payload",
      from: "visitor",
      maxBodyBytes: this.#settings.limits.httpMaxBodyBytes,
    });
    if (scanner.done) {
      const { tail } = scanner;
      return this.#ended(scanner, tail);
    }
    if (this.#at === this.#end) return false;
    this.#at = scanner.scan(this.#bytes, this.#at, this.#end);
    if (scanner.pieceEnd > scanner.pieceStart) this.#hand(scanner.pieceStart, scanner.pieceEnd);
    return true;
  }

  #throwAwayBody(): boolean {
    if (this.#lent) return false;
    const scanner = this.#scanner ??= new BodyScanner(this.#framing, { pieces: "payload", from: "visitor" });
    if (scanner.done) return this.#ended(scanner);
    if (this.#at === this.#end) return false;
    const before = this.#at;
    this.#at = scanner.scan(this.#bytes, before, this.#end);
    this.#discardedBytes += this.#at - before;
    return true;
  }

  #passOn(): boolean {
    if (this.#lent || this.#at === this.#end) return false;
    const start = this.#at;
    this.#at = this.#end;
    this.#hand(start, this.#end);
    return false;
  }

  #hand(start: number, end: number): void {
    const bytes = this.#bytes;
    const whole = end === bytes.length ? bytes : bytes.subarray(0, end);
    this.#lent = !this.#host.requestPiece(whole, start, start >= FRAME_HEADER_BYTES);
  }

  #ended(scanner: BodyScanner | undefined, tail?: Uint8Array): boolean {
    this.#mode = "hold";
    if (tail !== undefined) this.#lent = !this.#host.requestPiece(tail, 0, false);
    this.#host.requestEnd(scanner?.trailers);
    return true;
  }
}

const NO_BODY: BodyFraming = { kind: "none" };
const NOTHING = new Uint8Array(0);
