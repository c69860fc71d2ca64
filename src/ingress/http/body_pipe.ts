/**
 * A body on its way through the changes that plugins make of it.
 *
 * @module
 */
import type { BodyTransform } from "../../plugins/types.ts";
import { spawn } from "../../spawn.ts";

/** Where the changed body goes. */
export interface BodySink {
  /** A piece. Resolves when the next one is wanted. */
  piece(bytes: Uint8Array): Promise<void>;
  /** The body is complete. */
  end(): void;
  /** A change failed. */
  failed(error: unknown): void;
}

/** Transforms in a row. One piece is under way at a time. */
export class BodyPipe {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #sink: BodySink;
  #over = false;

  /** @param transforms At least one. @param sink Where it goes. */
  constructor(transforms: readonly BodyTransform[], sink: BodySink) {
    const [first, ...others] = transforms;
    if (first === undefined) throw new TypeError("Expected a transform");
    this.#sink = sink;
    this.#writer = first.writable.getWriter();
    let readable = first.readable;
    for (const { writable, readable: next } of others) {
      const source = readable;
      spawn(() => source.pipeTo(writable as WritableStream<Uint8Array>), (error) => this.#failed(error));
      readable = next;
    }
    this.#reader = readable.getReader();
    spawn(() => this.#read(), (error) => this.#failed(error));
  }

  /** Takes a piece, which belongs to it from now on. @param taken Called when the next one may come. */
  write(piece: Uint8Array<ArrayBuffer>, taken: () => void): void {
    spawn(async () => {
      await this.#writer.write(piece);
      if (!this.#over) taken();
    }, (error) => this.#failed(error));
  }

  /** The body is complete. */
  end(): void {
    spawn(() => this.#writer.close(), (error) => this.#failed(error));
  }

  /** Nobody wants it any more. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    spawn(() => this.#writer.abort(), () => {});
    spawn(() => this.#reader.cancel(), () => {});
  }

  async #read(): Promise<void> {
    while (!this.#over) {
      const { done, value } = await this.#reader.read();
      if (this.#over) return;
      if (done) {
        this.#over = true;
        return this.#sink.end();
      }
      // A plugin may be plain JavaScript: anything else would be lost, or go on as other bytes, without a word.
      if (!(value instanceof Uint8Array)) throw new TypeError("Expected bytes of a change of a body");
      if (value.length > 0) await this.#sink.piece(value);
    }
  }

  #failed(error: unknown): void {
    if (this.#over) return;
    this.abort();
    this.#sink.failed(error);
  }
}
