/**
 * Responses as HTTP/1.1 writes them.
 *
 * @module
 */
import { encodeChunk, encodeLastChunk, LAST_CHUNK } from "../../http/chunk_encoder.ts";
import type { ForwardedResponse } from "../../http/forward.ts";
import { responseHeadBytes, writeResponseHead } from "../../http/head_encoder.ts";
import type { HeaderList } from "../../http/header_list.ts";
import type { BufferPool } from "../../mux/buffer_pool.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { Connection } from "../../runtime/types.ts";
import { Output } from "./output.ts";
import type { BodyForm, PieceSource } from "./sides.ts";

/** Writes the responses of one connection. Nothing is written before `flush`. */
export class ResponseWriter {
  readonly #output: Output;
  #chunks = false;

  /** @param connection Where to. @param pool Lends memory. @param onEmpty Everything that was said is with the kernel. */
  constructor(connection: Connection, pool: BufferPool, onEmpty: () => void) {
    this.#output = new Output(connection, pool, onEmpty);
  }

  /** Whether everything that was said is with the kernel. */
  get empty(): boolean {
    return this.#output.empty;
  }

  /** Writes a head. @throws {TypeError} when something in it cannot stand in one */
  head(response: ForwardedResponse, form: BodyForm): void {
    this.#chunks = form === "payload" && response.framing.kind === "chunked";
    const { buffer, start } = this.#output.room(responseHeadBytes(response));
    this.#output.used(writeResponseHead(response, buffer, start) - start);
  }

  /** Writes bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#output.copy(bytes);
  }

  /** See `Front.piece`. */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void {
    if (!this.#chunks) return this.#output.piece(piece, slab, source);
    this.#output.piece(encodeChunk(piece), undefined, { consumed: () => source.consumed(piece.length) });
  }

  /** Ends a body. */
  end(trailers: HeaderList | undefined): void {
    if (!this.#chunks) return;
    this.#output.copy(trailers === undefined || trailers.size === 0 ? LAST_CHUNK : encodeLastChunk(trailers));
  }

  /** Lets it leave. */
  flush(): void {
    this.#output.flush();
  }

  /** See `ConnectionHandler.drain`. */
  drained(): void {
    this.#output.drained();
  }

  /** The connection is over. */
  close(): void {
    this.#output.close();
  }
}
