/**
 * The first bytes of a plain connection decide what is spoken: HTTP/2 by prior knowledge begins with a preface of its own (RFC
 * 9113, section 3.4), HTTP/1.1 never does.
 *
 * @module
 */
import { PREFACE } from "../../http/http2_frames.ts";
import type { Connection, ConnectionHandler } from "../../runtime/types.ts";

/** Who may speak on a connection. */
export interface Speakers {
  /** Told of everything until it is known that HTTP/2 is spoken; then of a `close`. */
  readonly http1: ConnectionHandler;
  /** Makes the one who is told of everything, from the preface on, when HTTP/2 is spoken. */
  readonly http2: () => ConnectionHandler;
}

/**
 * A connection that is started with a handler for HTTP/1.1, and led to another one if it begins with the preface.
 *
 * @param connection Not started yet.
 * @param onHttp2 Makes the handler for HTTP/2.
 * @returns The connection for whoever speaks HTTP/1.1.
 */
export function withEntrance(connection: Connection, onHttp2: () => ConnectionHandler): Connection {
  return {
    remote: connection.remote,
    local: connection.local,
    lendsSpace: connection.lendsSpace,
    afterTurn: connection.afterTurn,
    get bytesTaken() {
      return connection.bytesTaken;
    },
    start: (handler) =>
      connection.start(new Entrance({ http1: handler, http2: onHttp2 }, connection.lendsSpace)),
    resume: () => connection.resume(),
    write: (bytes) => connection.write(bytes),
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
    reset: () => connection.reset(),
  };
}

/** Looks at the first bytes. */
class Entrance implements ConnectionHandler {
  readonly #speakers: Speakers;
  readonly #lendsSpace: boolean;
  #speaker: ConnectionHandler;
  #known = false;
  /** Bytes of the preface that have come, and nothing else. */
  #matched = 0;

  constructor(speakers: Speakers, lendsSpace: boolean) {
    this.#speakers = speakers;
    this.#lendsSpace = lendsSpace;
    this.#speaker = speakers.http1;
  }

  space(): Uint8Array {
    return this.#speaker.space();
  }

  data(chunk: Uint8Array): boolean {
    return this.#known ? this.#speaker.data(chunk) : this.#look(chunk);
  }

  end(): void {
    this.#giveUp();
    this.#speaker.end();
  }

  drain(): void {
    this.#speaker.drain();
  }

  close(error?: Error): void {
    this.#speaker.close(error);
  }

  #look(chunk: Uint8Array): boolean {
    const start = this.#matched;
    const end = Math.min(PREFACE.length, start + chunk.length);
    let at = start;
    while (at < end && chunk[at - start] === PREFACE[at]) at++;
    if (at < end) return this.#isHttp1(chunk);
    this.#matched = at;
    return at < PREFACE.length || this.#isHttp2(chunk, start);
  }

  #isHttp1(chunk: Uint8Array): boolean {
    if (this.#matched === 0) {
      this.#known = true;
      return this.#speaker.data(chunk);
    }
    const rest = chunk.slice();
    this.#giveUp();
    return this.#hand(rest);
  }

  #isHttp2(chunk: Uint8Array, before: number): boolean {
    this.#known = true;
    const bytes = new Uint8Array(before + chunk.length);
    bytes.set(PREFACE.subarray(0, before));
    bytes.set(chunk, before);
    const former = this.#speaker;
    this.#speaker = this.#speakers.http2();
    former.close();
    return this.#speaker.data(bytes);
  }

  /** It is not HTTP/2: what was taken for it goes on. A few bytes of a head never fill anything up. */
  #giveUp(): void {
    if (this.#known) return;
    this.#known = true;
    if (this.#matched > 0) this.#hand(PREFACE.slice(0, this.#matched));
  }

  /** Hands bytes on in the way that a runtime does. */
  #hand(bytes: Uint8Array): boolean {
    if (!this.#lendsSpace) return this.#speaker.data(bytes);
    const space = this.#speaker.space();
    space.set(bytes);
    return this.#speaker.data(space.subarray(0, bytes.length));
  }
}
