/**
 * Fields behind a chunked body.
 *
 * @module
 */
import { mayTrail } from "./field_kinds.ts";
import { FieldFacts, parseFields } from "./field_parser.ts";
import { HeadReader } from "./head_reader.ts";
import { HeaderList } from "./header_list.ts";
import { broken, HttpError, type Sender } from "./http_error.ts";

/** Bytes of trailers, with the empty line behind them. */
export const MAX_TRAILER_BYTES = 8 * 1024;
/** Trailer fields of a body. */
export const MAX_TRAILERS = 32;

/** A head is found by the two line ends at its end; the first of them stands before the trailers. */
const LINE_END = Uint8Array.of(0x0d, 0x0a);

/** Reads the trailers of one body. */
export class TrailerReader {
  readonly #reader: HeadReader;
  readonly #sender: Sender;
  #trailers = new HeaderList();

  /** @param sender Who sends the body. */
  constructor(sender: Sender) {
    this.#sender = sender;
    const maxHeadBytes = MAX_TRAILER_BYTES + LINE_END.length;
    this.#reader = new HeadReader({ maxHeadBytes, maxFields: MAX_TRAILERS, maxTargetBytes: 0 }, sender);
    this.#reader.read(LINE_END, 0, LINE_END.length);
  }

  /** Those that may go on. Others, which would change what the head has said, are dropped. */
  get trailers(): HeaderList {
    return this.#trailers;
  }

  /**
   * Takes bytes, from behind the last chunk on.
   *
   * @returns Index behind the empty line at their end; -1 when they go on.
   * @throws {HttpError}
   */
  read(bytes: Uint8Array, start: number, end: number): number {
    try {
      const head = this.#reader.read(bytes, start, end);
      if (head === undefined) return -1;
      const options = { maxFields: MAX_TRAILERS, sender: this.#sender, facts: new FieldFacts() };
      const { all } = parseFields(head, head.start + LINE_END.length, options);
      this.#trailers = new HeaderList(all.fields().filter(([name]) => mayTrail(name)));
      return head.after;
    } catch (error) {
      throw error instanceof HttpError ? this.#ofTrailers(error) : error;
    }
  }

  #ofTrailers(error: HttpError): HttpError {
    const tooLarge = error.rule === "head_too_large" || error.rule === "too_many_fields";
    const rule = tooLarge ? "trailer_too_large" : "trailer";
    return broken(this.#sender, tooLarge ? 431 : 400, rule, `${error.message}, in trailers`);
  }
}
