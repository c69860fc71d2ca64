/**
 * A visitor that speaks HTTP/2: many requests at once.
 *
 * @module
 */
// As a whole: a base program older than `performServerHandshake` must not fail before anybody speaks HTTP/2.
import * as http2 from "node:http2";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import { errorPage } from "../../http/error_page.ts";
import { checkDeclaredLength } from "../../http/framing.ts";
import { FrameMeter } from "../../http/http2_frames.ts";
import { readHttp2Request } from "../../http/http2_request.ts";
import { HttpError } from "../../http/http_error.ts";
import { newRequestId } from "../../http/request_id.ts";
import type { RequestHead } from "../../http/types.ts";
import { TokenBucket } from "../../mux/token_bucket.ts";
import type { Connection, ConnectionHandler } from "../../runtime/types.ts";
import { canonicalHost } from "../../http/host.ts";
import { LINGER_MS } from "./deadlines.ts";
import { textsOf } from "./http2_fields.ts";
import { Http2Front, type Http2FrontHost } from "./http2_front.ts";
import { Http2Input } from "./http2_input.ts";
import { Http2Socket } from "./http2_socket.ts";
import type { HttpPort } from "./port.ts";
import type { Visitor } from "./visitor.ts";
import { Waiting } from "./waiting.ts";

/** Frames that ask for an answer or change nothing, of one connection: at once, and again with each second. */
export const CONTROL_FRAMES = { burst: 1_000, perSecond: 200 };
/** `WINDOW_UPDATE`s of one connection; those who read much send many. */
export const WINDOW_UPDATES = { burst: 10_000, perSecond: 10_000 };
/** Requests of one connection that end before their response does, whoever ends them (rapid reset). */
export const CANCELLED = { burst: 200, perSecond: 33 };
/** Bytes that a visitor may send of one request before the service takes them. */
const STREAM_WINDOW_BYTES = 256 * 1024;

/** One visitor. */
export class Http2Visitor implements Visitor, Http2FrontHost {
  readonly address: string;
  readonly port: HttpPort;
  /** What the connection is to be started with. */
  readonly handler: ConnectionHandler;
  readonly #connection: Connection;
  readonly #onClosed: (visitor: Http2Visitor) => void;
  readonly #serverName: string | undefined;
  readonly #socket: Http2Socket;
  readonly #session: ServerHttp2Session;
  readonly #meter: FrameMeter;
  readonly #cancelled: TokenBucket;
  readonly #fronts = new Set<Http2Front>();
  readonly #idle = new Waiting();
  readonly #writing = new Waiting();
  #written: (() => void) | undefined;
  #requests = 0;
  #bytesTaken = 0;
  #wantsMore = true;
  /** Whether the visitor begins no more requests. */
  #goingAway = false;
  #leaving = false;
  #over = false;

  /** @param connection To be started with `handler`. @param port What it shares. @param onClosed Called once, when the socket is closed. */
  constructor(connection: Connection, port: HttpPort, onClosed: (visitor: Http2Visitor) => void) {
    this.#connection = connection;
    this.port = port;
    this.#onClosed = onClosed;
    this.address = connection.remote.hostname;
    this.#serverName = connection.serverName === undefined ? undefined : canonicalHost(connection.serverName);
    const { clock } = port.environment;
    const now = (): number => clock.now();
    this.#cancelled = new TokenBucket(CANCELLED, now);
    this.#meter = new FrameMeter({
      controlFrames: new TokenBucket(CONTROL_FRAMES, now),
      windowUpdates: new TokenBucket(WINDOW_UPDATES, now),
      maxHeadBytes: port.settings.limits.httpMaxHeadBytes,
      preface: true,
      pass: (bytes) => this.#wantsMore = this.#socket.deliver(bytes),
      onGoAway: () => this.#goingAway = true,
    });
    this.#socket = new Http2Socket({
      resume: () => connection.resume(),
      write: (bytes, sent) => {
        if (connection.write(bytes)) sent();
        else this.#written = sent;
      },
      closeWrite: () => connection.closeWrite(),
      close: (error) => error === undefined ? connection.close() : connection.reset(),
    });
    this.handler = this.#makeHandler();
    this.#session = this.#begin();
  }

  /** @inheritdoc */
  leave(): void {
    if (this.#leaving || this.#over) return;
    this.#leaving = true;
    this.#idle.moved();
    this.#session.close();
  }

  /** @inheritdoc */
  sweep(elapsedMs: number): void {
    for (const front of [...this.#fronts]) front.sweep(elapsedMs);
    const { bytesTaken } = this.#connection;
    if (bytesTaken !== this.#bytesTaken || !this.#socket.writing) this.#writing.moved();
    this.#bytesTaken = bytesTaken;
    this.#writing.passed(elapsedMs);
    const { httpBodyIdleTimeoutMs, httpHeadTimeoutMs, httpKeepAliveMs } = this.port.settings.limits;
    if (this.#writing.ms >= httpBodyIdleTimeoutMs) return this.#connection.reset();
    if (this.#fronts.size > 0) return this.#idle.moved();
    this.#idle.passed(elapsedMs);
    const { ms } = this.#idle;
    if (this.#leaving) {
      if (ms >= LINGER_MS) this.#socket.destroy();
    } else if (ms >= (this.#requests === 0 ? httpHeadTimeoutMs : httpKeepAliveMs)) this.leave();
  }

  /** @inheritdoc */
  hasEnded(id: number): boolean {
    return this.#meter.hasEnded(id);
  }

  /** @inheritdoc */
  left(front: Http2Front, whole: boolean): void {
    this.#fronts.delete(front);
    this.#meter.forget(front.id);
    this.#idle.moved();
    if (!whole && !this.#cancelled.take()) this.#tooMuch("cancelled");
    else if (this.#goingAway && this.#fronts.size === 0) this.leave();
  }

  #makeHandler(): ConnectionHandler {
    const input = new Http2Input();
    const socket = this.#socket;
    return {
      space: () => input.space(),
      data: (chunk) => {
        if (this.#over) return true;
        this.#wantsMore = true;
        const limit = this.#meter.push(input.own(chunk));
        if (limit !== undefined) this.#tooMuch(limit);
        else if (this.#goingAway && this.#fronts.size === 0) this.leave();
        return this.#wantsMore;
      },
      end: () => {
        // HTTP/2 takes no notice of it; yet whoever ends its side like this is gone.
        socket.deliverEnd();
        this.#session.destroy();
      },
      drain: () => {
        const written = this.#written;
        this.#written = undefined;
        written?.();
      },
      close: () => {
        this.#over = true;
        for (const front of [...this.#fronts]) front.close();
        socket.deliverClose();
        this.#session.destroy();
        this.#onClosed(this);
      },
    };
  }

  #begin(): ServerHttp2Session {
    const { limits } = this.port.settings;
    const session = http2.performServerHandshake(this.#socket, {
      maxHeaderListPairs: limits.httpMaxHeaders + PSEUDO_FIELDS + COOKIE_CRUMBS,
      settings: {
        maxConcurrentStreams: limits.httpMaxStreams,
        maxHeaderListSize: limits.httpMaxHeadBytes,
        initialWindowSize: STREAM_WINDOW_BYTES,
        enablePush: false,
      },
    });
    session.on("error", () => this.#socket.destroy());
    session.on("close", () => this.#socket.destroy());
    session.on("stream", (stream, _, flags, ...raw: unknown[]) => {
      // Before anything else: an error that nobody hears of would be the end of the process.
      stream.on("error", () => {});
      // It is told of late: the visitor may have reset it already.
      if (stream.destroyed) {
        if (!this.#cancelled.take()) this.#tooMuch("cancelled");
        return;
      }
      const ended = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      this.#request(stream, textsOf(raw[0]), ended);
    });
    return session;
  }

  #request(stream: ServerHttp2Stream, raw: readonly string[], ended: boolean): void {
    this.#requests++;
    this.#idle.moved();
    const { headLimits, limits } = this.port.settings;
    let head: RequestHead;
    try {
      head = readHttp2Request(raw, { ended, limits: headLimits });
      checkDeclaredLength(head.framing, limits.httpMaxBodyBytes);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.port.environment.counters.add("http_protocol_errors", { label: error.rule });
      return this.#refuse(stream, error.status);
    }
    if (this.#isMisdirected(head)) return this.#refuse(stream, 421);
    const front = new Http2Front(stream, this, head);
    this.#fronts.add(front);
    front.start();
    if (this.#requests >= limits.httpMaxRequests) this.leave();
  }

  /**
   * Browsers send requests for several hosts by one connection, if its certificate covers them. One that is not served here
   * may be served where its own name leads.
   */
  #isMisdirected({ host, target }: RequestHead): boolean {
    return this.#serverName !== undefined && host !== this.#serverName &&
      this.port.routes.route(host, target).state === "unknown";
  }

  /** Answers what reaches no service. */
  #refuse(stream: ServerHttp2Stream, status: number): void {
    this.port.environment.counters.add("http_requests", { label: status >= 500 ? "5xx" : "4xx" });
    if (!this.#cancelled.take()) return this.#tooMuch("cancelled");
    stream.on("close", () => this.#meter.forget(stream.id ?? 0));
    stream.on("finish", () => stream.close(http2.constants.NGHTTP2_NO_ERROR));
    const requestId = newRequestId();
    const { contentType, body } = errorPage(status, { requestId });
    stream.respond({
      ":status": status,
      "content-type": contentType,
      "content-length": body.length,
      "cache-control": "no-store",
      "x-request-id": requestId,
    });
    stream.end(body);
    stream.resume();
  }

  #tooMuch(limit: string): void {
    if (this.#over) return;
    this.#over = true;
    this.port.environment.counters.add("limits_hit", { label: `http2_${limit}` });
    this.#session.destroy(undefined, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#connection.close();
  }
}

/** `:method`, `:scheme`, `:authority` and `:path`. */
const PSEUDO_FIELDS = 4;
/** Browsers send each cookie by itself; joined, they count as one field. */
const COOKIE_CRUMBS = 100;
