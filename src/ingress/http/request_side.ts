/**
 * The request of an exchange on its way to the local service.
 *
 * @module
 */
import type { HeaderList } from "../../http/header_list.ts";
import type { RequestHead } from "../../http/types.ts";
import type { BodyTransform } from "../../plugins/types.ts";
import { BodyPipe } from "./body_pipe.ts";
import type { PluginSteps } from "./plugin_steps.ts";
import type { Back, BodyForm, Front } from "./sides.ts";

/** Leads the body of a request to a back, through what plugins change of it. */
export class RequestSide {
  /** What else sees the request. */
  plugins: PluginSteps | undefined;
  /** Where it goes; undefined before that is known, and when it is over. */
  back: Back | undefined;
  readonly #head: RequestHead;
  readonly #front: Front;
  #pipe: BodyPipe | undefined;
  /** The pipe waits for the back with this. */
  #piped: (() => void) | undefined;
  #ended = false;
  #begun = false;

  /** @param head The request. @param front Where it comes from. */
  constructor(head: RequestHead, front: Front) {
    this.#head = head;
    this.#front = front;
  }

  /** Whether the visitor has sent all of it. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether any of the body was sent, so that it cannot be sent again. */
  get begun(): boolean {
    return this.#begun;
  }

  /** How pieces are to come from the front. */
  get form(): BodyForm {
    const wire = this.#head.framing.kind === "chunked" && this.#front.takesWire && this.#pipe === undefined &&
      this.back?.takesWire === true;
    return wire ? "wire" : "payload";
  }

  /** Plugins change the body. @param onFailed One of the changes failed. */
  change(transforms: readonly BodyTransform[], onFailed: (error: unknown) => void): void {
    this.#pipe = new BodyPipe(transforms, {
      piece: (bytes) => this.#changed(bytes),
      end: () => {
        this.back?.requestEnd(undefined);
        this.back?.flush();
      },
      failed: onFailed,
    });
  }

  /** See {@linkcode Back.requestPiece}. */
  piece(buffer: Uint8Array, start: number, headroom: boolean): boolean {
    this.#begun = true;
    if (this.plugins !== undefined) this.plugins.requestBytes += buffer.length - start;
    if (this.#pipe === undefined) return this.back?.requestPiece(buffer, start, headroom) ?? true;
    this.#pipe.write(buffer.slice(start), () => this.#front.requestMore());
    return false;
  }

  /** The request is complete. */
  end(trailers: HeaderList | undefined): void {
    this.#ended = true;
    if (this.#pipe === undefined) this.back?.requestEnd(trailers);
    else this.#pipe.end();
  }

  /** See {@linkcode Front.requestMore}. */
  more(): void {
    const piped = this.#piped;
    this.#piped = undefined;
    if (piped !== undefined) piped();
    else if (this.#pipe === undefined) this.#front.requestMore();
  }

  /** Nothing more of it is wanted. */
  drop(): void {
    const { back } = this;
    this.back = undefined;
    this.#pipe?.abort();
    back?.abort();
  }

  #changed(bytes: Uint8Array): Promise<void> {
    const { back } = this;
    if (back === undefined || back.requestPiece(bytes, 0, false)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#piped = resolve;
      back.flush();
    });
  }
}
