/**
 * Joins a socket and a stream: what arrives on one leaves on the other, in both directions, without a copy where the bytes
 * can be written at once.
 *
 * @module
 */
import type { Slab } from "../mux/slabs.ts";
import type { MuxStream, StreamHandler } from "../mux/stream.ts";
import type { Connection, ConnectionHandler } from "../runtime/types.ts";
import type { CloseReason } from "../wire/messages.ts";
import { HEADROOM_BYTES, ReadBuffer, type RelayEnvironment } from "./read_buffer.ts";

/** Bytes that have to wait are copied if they are fewer, so that they do not keep a whole slab from being reused. */
const COPY_BELOW_BYTES = 16 * 1024;

/** Options of {@linkcode relay}. */
export interface RelayOptions {
  readonly environment: RelayEnvironment;
  /** Called once, when the socket is closed; never before {@linkcode Relay.join}. */
  readonly onSocketClosed?: () => void;
  /** Called when the stream ends before it was joined. */
  readonly onStreamClosed?: () => void;
}

/**
 * One socket and one stream. It handles the stream from the beginning, so that what arrives before the socket is there waits
 * within the stream's window; {@linkcode Relay.join} brings the socket.
 */
export class Relay {
  readonly #writer: SocketWriter;

  /** @param stream Without a handler yet. @param options What relays share, and who is told. */
  constructor(stream: MuxStream, options: RelayOptions) {
    this.#writer = new SocketWriter(stream, options);
    stream.attach(this.#writer);
  }

  /** Brings the socket, not started yet. If the stream is over already, the socket is closed. */
  join(connection: Connection): void {
    const reader = new SocketReader(connection, this.#writer);
    this.#writer.joined(connection, reader);
    connection.start(reader);
    this.#writer.begin();
  }
}

/** Socket → stream. */
class SocketReader implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #stream: MuxStream;
  readonly #writer: SocketWriter;
  readonly #reads: ReadBuffer;
  /** Whether the stream may still be sending the chunk. */
  #lent = false;
  /** Whether `data` is on the stack, and tells by what it returns whether it takes more. */
  #delivering = false;

  constructor(connection: Connection, writer: SocketWriter) {
    this.#connection = connection;
    this.#stream = writer.stream;
    this.#writer = writer;
    this.#reads = new ReadBuffer(writer.environment, HEADROOM_BYTES);
  }

  space(): Uint8Array {
    // What the peer has no room for is not read: the kernel then slows the sender.
    return this.#reads.space(this.#stream.creditBytes);
  }

  data(chunk: Uint8Array): boolean {
    const buffer = this.#reads.arrived(chunk.length);
    this.#lent = true;
    this.#delivering = true;
    if (buffer === undefined) this.#stream.sendNow(chunk, 0, false);
    else this.#stream.sendNow(buffer.subarray(0, HEADROOM_BYTES + chunk.length), HEADROOM_BYTES, true);
    this.#delivering = false;
    return !this.#lent; // While it is lent, the stream says when it can take more.
  }

  end(): void {
    this.#stream.endSending();
  }

  drain(): void {
    this.#writer.drained();
  }

  close(error?: Error): void {
    // No more words: visitors may leave by the thousand at once, and each costs the session a frame.
    if (error !== undefined) this.#stream.reset({ kind: "error", message: "Socket lost" });
    this.#writer.socketClosed();
    this.#reads.release(this.#lent);
    this.#writer.onSocketClosed?.();
  }

  /** The stream can take the next chunk. */
  more(): void {
    this.#lent = false;
    if (!this.#delivering) this.#connection.resume();
  }
}

/** Bytes that wait for the socket. */
interface Waiting {
  buffer: Uint8Array;
  start: number;
  end: number;
  /** The slab that `buffer` is a view of; undefined when it is the writer's own, from the pool. */
  slab: Slab | undefined;
}

/** Stream → socket. */
class SocketWriter implements StreamHandler {
  readonly stream: MuxStream;
  readonly environment: RelayEnvironment;
  readonly onSocketClosed: (() => void) | undefined;
  /** Forgotten with the joining: what it refers to is needed no longer, and thousands of streams are idle at once. */
  #onStreamClosed: (() => void) | undefined;
  #connection: Connection | undefined;
  #reader: SocketReader | undefined;
  #queue: Waiting[] | undefined;
  /** What the socket is writing. */
  #writing: Waiting | undefined;
  #endQueued = false;
  #closed: { reason: CloseReason | undefined } | undefined;
  #socketClosed = false;

  constructor(stream: MuxStream, options: RelayOptions) {
    this.stream = stream;
    this.environment = options.environment;
    this.onSocketClosed = options.onSocketClosed;
    this.#onStreamClosed = options.onStreamClosed;
  }

  joined(connection: Connection, reader: SocketReader): void {
    this.#connection = connection;
    this.#reader = reader;
    this.#onStreamClosed = undefined;
  }

  /** The socket can be used. */
  begin(): void {
    if (this.#closed !== undefined) return this.#closeSocket(this.#closed.reason);
    this.#writeNext();
  }

  data(piece: Uint8Array, slab: Slab): void {
    const connection = this.#connection;
    if (this.#socketClosed) return;
    if (connection === undefined || this.#writing !== undefined) return this.#wait(piece, slab);
    if (!slab.mayPin) return this.#write(this.#copy(piece));
    // Where the kernel takes them at once, as Bun mostly says, nothing has to be remembered.
    if (connection.write(piece)) return this.stream.consumed(piece.length);
    slab.retain();
    this.#writing = { buffer: piece, start: 0, end: piece.length, slab };
  }

  end(): void {
    this.#endQueued = true;
    if (this.#connection !== undefined && this.#writing === undefined) this.#writeNext();
  }

  sendable(): void {
    this.#reader?.more();
  }

  accepted(): void {
    // Nothing waits for that: what a visitor sends goes ahead of the answer, within the window.
  }

  close(reason: CloseReason | undefined): void {
    this.#closed = { reason };
    if (this.#connection === undefined) {
      this.#dropQueue();
      this.#onStreamClosed?.();
    } else this.#closeSocket(reason);
  }

  /** The socket has written. */
  drained(): void {
    const entry = this.#writing;
    if (entry === undefined) return;
    this.#writing = undefined;
    this.#done(entry);
    if (this.#writing === undefined) this.#writeNext();
  }

  socketClosed(): void {
    this.#socketClosed = true;
    if (this.#writing !== undefined) this.#free(this.#writing);
    this.#writing = undefined;
    this.#dropQueue();
  }

  #closeSocket(reason: CloseReason | undefined): void {
    // After both ends the socket closes itself; after a normal close everything has been written.
    if (reason === undefined) return;
    if (reason.kind === "normal") this.#connection?.close();
    else this.#connection?.reset();
  }

  #writeNext(): void {
    while (this.#writing === undefined) {
      const entry = this.#queue?.shift();
      if (entry === undefined) break;
      this.#write(entry);
    }
    if (this.#writing !== undefined || !this.#endQueued || this.#socketClosed) return;
    this.#endQueued = false;
    this.#connection?.closeWrite();
  }

  #write(entry: Waiting): void {
    const { buffer, start, end } = entry;
    const bytes = end - start === buffer.length ? buffer : buffer.subarray(start, end);
    this.#writing = entry;
    if (!(this.#connection as Connection).write(bytes)) return;
    this.#writing = undefined;
    this.#done(entry);
  }

  #done(entry: Waiting): void {
    this.#free(entry);
    this.stream.consumed(entry.end - entry.start);
  }

  #wait(piece: Uint8Array, slab: Slab): void {
    const queue = this.#queue ??= [];
    if (piece.length >= COPY_BELOW_BYTES && slab.mayPin) {
      slab.retain();
      queue.push({ buffer: piece, start: 0, end: piece.length, slab });
      return;
    }
    const last = queue.at(-1);
    if (last !== undefined && last.slab === undefined && last.buffer.length - last.end >= piece.length) {
      last.buffer.set(piece, last.end);
      last.end += piece.length;
    } else queue.push(this.#copy(piece));
  }

  #copy(piece: Uint8Array): Waiting {
    const buffer = this.environment.pool.take(piece.length);
    buffer.set(piece);
    return { buffer, start: 0, end: piece.length, slab: undefined };
  }

  #free(entry: Waiting): void {
    if (entry.slab === undefined) this.environment.pool.give(entry.buffer);
    else entry.slab.release();
  }

  #dropQueue(): void {
    for (const entry of this.#queue ?? []) this.#free(entry);
    this.#queue = undefined;
  }
}
