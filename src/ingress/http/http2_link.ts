/**
 * An HTTP/2 connection to a local service, inside one stream of the tunnel.
 *
 * @module
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import { FrameMeter } from "../../http/http2_frames.ts";
import type { HeadLimits } from "../../http/head_limits.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { MuxStream, StreamHandler } from "../../mux/stream.ts";
import type { CloseReason } from "../../wire/messages.ts";
import { Http2Socket } from "./http2_socket.ts";
import { failureOf } from "./outcomes.ts";
import type { BackFailure } from "./sides.ts";

/** Requests at once for a service that names no bound of its own. */
const MOST_REQUESTS = 100;
/** Bytes of one response that a service may send before the visitor takes them. */
const STREAM_WINDOW_BYTES = 256 * 1024;
/** Type of a SETTINGS frame, and where in a frame its type stands. */
const SETTINGS = 4;
const TYPE_AT = 3;
/** Services are trusted further than visitors: only what they send of heads is bounded. */
const UNBOUNDED = { take: () => true };

/** Options of an {@linkcode Http2Link}. */
export interface Http2LinkOptions {
  readonly headLimits: Partial<HeadLimits>;
  /** It takes no more requests. */
  readonly onOver: (link: Http2Link) => void;
  /** A request is over. */
  readonly onLeft: (link: Http2Link) => void;
}

/** Whoever has begun a request on a link. */
export interface LinkUser {
  /** The link is over, and the request with it. */
  lost(failure: BackFailure, error: unknown): void;
}

/** A connection that many requests share. */
export class Http2Link implements StreamHandler {
  /** Requests that it has carried. */
  requests = 0;
  /** How long it has been idle; kept by the pool. */
  idleMs = 0;
  readonly headLimits: Partial<HeadLimits>;
  readonly #options: Http2LinkOptions;
  readonly #stream: MuxStream;
  readonly #socket: Http2Socket;
  readonly #session: ClientHttp2Session;
  readonly #meter: FrameMeter;
  readonly #backs = new Set<LinkUser>();
  #sent: (() => void) | undefined;
  /** Bytes that came while the socket wanted no more. */
  #heldBytes = 0;
  #wantsMore = true;
  #over = false;
  /** Whether the service has begun with SETTINGS, as HTTP/2 has it (RFC 9113, section 3.4). */
  #greeted = false;
  /** Bytes before the one that tells that. */
  #greetingBytes = 0;
  /** What waits for it. */
  #starts: (() => void)[] = [];

  /** @param stream Without a handler yet. @param options Bounds, and who is told. */
  constructor(stream: MuxStream, options: Http2LinkOptions) {
    this.#stream = stream;
    this.#options = options;
    this.headLimits = options.headLimits;
    this.#meter = new FrameMeter({
      controlFrames: UNBOUNDED,
      windowUpdates: UNBOUNDED,
      maxHeadBytes: options.headLimits.maxHeadBytes ?? Infinity,
      preface: false,
      pass: (bytes) => this.#wantsMore = this.#socket.deliver(bytes),
      onGoAway: () => this.#leave(),
    });
    const socket = this.#socket = new Http2Socket({
      resume: () => {
        const bytes = this.#heldBytes;
        this.#heldBytes = 0;
        if (bytes > 0) stream.consumed(bytes);
      },
      write: (bytes, sent) => {
        this.#sent = sent;
        stream.send(bytes, 0, false);
      },
      closeWrite: () => stream.endSending(),
      close: (error) =>
        stream.reset(error === undefined ? { kind: "normal" } : { kind: "error", message: "HTTP/2 failed" }),
    });
    stream.attach(this);
    this.#session = connect("http://service", {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
    });
    this.#session.on("error", (error) => this.#end("broken", error));
    this.#session.on("close", () => this.#end("lost", undefined));
  }

  /** Whether it can take one more request. */
  get hasRoom(): boolean {
    const { maxConcurrentStreams = MOST_REQUESTS } = this.#session.remoteSettings ?? {};
    return !this.#over && this.#backs.size < Math.min(MOST_REQUESTS, maxConcurrentStreams);
  }

  /** Whether it carries nothing. */
  get idle(): boolean {
    return this.#backs.size === 0;
  }

  /**
   * A request is to be sent.
   *
   * @param start Called once the service has shown that it speaks HTTP/2. To one that does not, the bytes of a body could be a
   * request of their own, which nobody has looked at.
   */
  join(back: LinkUser, start: () => void): void {
    this.requests++;
    this.#backs.add(back);
    if (this.#greeted) start();
    else this.#starts.push(start);
  }

  /** Begins a request. Only once it was let start. */
  request(
    fields: OutgoingHttpHeaders,
    options: { endStream: boolean; waitForTrailers: boolean },
  ): ClientHttp2Stream {
    return this.#session.request(fields, options);
  }

  /** Whether the service has really ended a stream. */
  hasEnded(id: number | undefined): boolean {
    return id !== undefined && this.#meter.hasEnded(id);
  }

  /** A request is over. */
  left(back: LinkUser, id: number | undefined): void {
    this.#backs.delete(back);
    this.idleMs = 0;
    if (id !== undefined) this.#meter.forget(id);
    this.#options.onLeft(this);
    if (this.#over && this.#backs.size === 0) this.#session.close();
  }

  /** Closes it. Nothing of it is wanted any more. */
  dispose(): void {
    this.#end("lost", undefined);
  }

  /** @inheritdoc */
  data(piece: Uint8Array, _slab: Slab): void {
    this.#wantsMore = true;
    const greeted = this.#greeted || this.#isGreeting(piece);
    if (greeted === undefined) return this.#end("broken", new Error("The service does not speak HTTP/2"));
    // HTTP/2 keeps what it is given for longer than a slab may be held.
    const limit = this.#meter.push(piece.slice());
    if (limit !== undefined) return this.#end("broken", new Error(`Too much of ${limit}`));
    if (this.#wantsMore) this.#stream.consumed(piece.length);
    else this.#heldBytes += piece.length;
    if (!greeted || this.#greeted) return;
    this.#greeted = true;
    const starts = this.#starts;
    this.#starts = [];
    for (const start of starts) start();
  }

  /** @inheritdoc */
  end(): void {
    this.#socket.deliverEnd();
    // HTTP/2 takes no notice of it; responses that are complete are told of before.
    queueMicrotask(() => this.#end("lost", undefined));
  }

  /** @inheritdoc */
  sendable(): void {
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }

  /** @inheritdoc */
  accepted(): void {
    // Nothing waits for that.
  }

  /** @inheritdoc */
  close(reason: CloseReason | undefined): void {
    this.#socket.deliverClose();
    this.#end(failureOf(reason), undefined);
  }

  /** Whether the type of the service's first frame has come; undefined when it is a wrong one. */
  #isGreeting(piece: Uint8Array): boolean | undefined {
    const at = TYPE_AT - this.#greetingBytes;
    this.#greetingBytes += piece.length;
    if (piece.length <= at) return false;
    return piece[at] === SETTINGS ? true : undefined;
  }

  /** No more requests; those that are there go on. */
  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.onOver(this);
    if (this.#backs.size === 0) this.#session.close();
  }

  #end(failure: BackFailure, error: unknown): void {
    this.#leave();
    for (const back of [...this.#backs]) back.lost(failure, error);
    this.#session.destroy();
    this.#socket.destroy();
  }
}
