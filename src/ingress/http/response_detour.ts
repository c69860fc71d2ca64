/**
 * A response that plugins look at: it waits until they have, and goes through what they change of its body.
 *
 * @module
 */
import type { HeaderList } from "../../http/header_list.ts";
import type { Slab } from "../../mux/slabs.ts";
import type { BodyTransform } from "../../plugins/types.ts";
import { BodyPipe } from "./body_pipe.ts";
import type { Front, PieceSource } from "./sides.ts";

/** What stands between a back and a front meanwhile. Bytes that wait are bounded by the stream's window. */
export class ResponseDetour implements Pick<Front, "piece" | "endResponse" | "flush"> {
  readonly #front: Front;
  readonly #onFailed: (error: unknown) => void;
  #waiting: { readonly piece: Uint8Array<ArrayBuffer>; readonly source: PieceSource }[] = [];
  #goes = false;
  #drops = false;
  #ended = false;
  #trailers: HeaderList | undefined;
  #pipe: BodyPipe | undefined;
  #piping = false;
  #over = false;

  /** @param front Where it leads. @param onFailed A change of the body failed. */
  constructor(front: Front, onFailed: (error: unknown) => void) {
    this.#front = front;
    this.#onFailed = onFailed;
  }

  /**
   * The front has the head: what waits may follow.
   *
   * @param transforms Changes of the body, in order.
   * @param drops Whether the head says that there is no body, so that what comes of it goes nowhere.
   */
  go(transforms: readonly BodyTransform[], drops = false): void {
    this.#goes = true;
    this.#drops = drops;
    if (transforms.length > 0) this.#pipe = this.#makePipe(transforms);
    this.#pass();
    this.flush();
  }

  /** See {@linkcode Front.piece}. */
  piece(piece: Uint8Array, slab: Slab | undefined, source: PieceSource): void {
    if (this.#over) return;
    if (this.#drops) return source.consumed(piece.length);
    if (this.#goes && this.#pipe === undefined) return this.#front.piece(piece, slab, source);
    this.#waiting.push({ piece: piece.slice(), source });
    this.#pass();
  }

  /** See {@linkcode Front.endResponse}. */
  endResponse(trailers: HeaderList | undefined): void {
    this.#ended = true;
    this.#trailers = trailers;
    this.#pass();
  }

  /** See {@linkcode Front.flush}. */
  flush(): void {
    if (this.#goes && !this.#over) this.#front.flush();
  }

  /** Nobody wants it any more. */
  abort(): void {
    this.#over = true;
    this.#waiting = [];
    this.#pipe?.abort();
  }

  #pass(): void {
    if (!this.#goes || this.#over || this.#piping) return;
    const pipe = this.#pipe;
    if (pipe === undefined) {
      for (const { piece, source } of this.#waiting) {
        if (this.#drops) source.consumed(piece.length);
        else this.#front.piece(piece, undefined, source);
      }
      this.#waiting = [];
      if (this.#ended) this.#front.endResponse(this.#drops ? undefined : this.#trailers);
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#ended) pipe.end();
      return;
    }
    const { piece, source } = next;
    const { length } = piece;
    this.#piping = true;
    pipe.write(piece, () => {
      this.#piping = false;
      source.consumed(length);
      this.#pass();
    });
  }

  #makePipe(transforms: readonly BodyTransform[]): BodyPipe {
    return new BodyPipe(transforms, {
      piece: (bytes) =>
        new Promise((resolve) => {
          // One source for each piece, so that what is gathered together is told of together.
          this.#front.piece(bytes, undefined, { consumed: () => resolve() });
          this.#front.flush();
        }),
      end: () => {
        this.#over = true;
        this.#front.endResponse(this.#trailers);
        this.#front.flush();
      },
      failed: (error) => this.#onFailed(error),
    });
  }
}
