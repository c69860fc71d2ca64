/**
 * The field lines that went last to a service for a visitor. As long as the visitor sends the same ones, and as much is done to
 * them, they go again as they are, but for the name of the request.
 *
 * @module
 */
import { FieldLines, type Lines } from "./field_lines.ts";
import type { ForwardedRequest } from "./forward.ts";
import { encodeRequestHead } from "./head_encoder.ts";
import { FoundHead } from "./head_reader.ts";
import { type HeaderField, HeaderList } from "./header_list.ts";
import type { RequestHead } from "./types.ts";

/** Longer lines are made anew each time. */
const MAX_REMEMBERED_BYTES = 4 * 1024;

/** What the lines of a request come from, besides the visitor's address and the like, which stay. */
interface Origin {
  readonly headers: HeaderList;
  /** What is done to them. */
  readonly policy: unknown;
}

/** Remembers the lines of one request of a visitor. */
export class ForwardMemory {
  #origin: Origin | undefined;
  #host = "";
  #lines: Uint8Array | undefined;
  /** Where the name of the request stands in the lines; -1 when it is not in there. */
  #idAt = -1;

  /**
   * The request as it goes to the service.
   *
   * @param head The visitor's.
   * @param policy What is done to its fields: the same value for the same changes.
   * @param id Names the request.
   * @returns undefined when it has to be made
   */
  recall(head: RequestHead, policy: unknown, id: string): ForwardedRequest | undefined {
    const bytes = this.#lines;
    if (bytes === undefined || !this.#isOf(head, policy)) return undefined;
    const { method, target, framing, upgradesToWebSocket: upgrade, expectsContinue: expectContinue } = head;
    const lines = new NamedLines(bytes, this.#idAt, id);
    const headers = new HeaderList({ lines, endToEnd: true });
    return { method, target, host: this.#host, headers, framing, upgrade, expectContinue };
  }

  /**
   * A request was made. It is remembered when it is the second of its kind in a row, since most of those that come once cost
   * more to remember than to make.
   *
   * @param head The visitor's.
   * @param policy What was done to its fields.
   * @param made `id`: nobody but the server knows it, so that it stands where the server has put it and nowhere else.
   */
  learn(
    head: RequestHead,
    policy: unknown,
    { forwarded, id }: { readonly forwarded: ForwardedRequest; readonly id: string },
  ): void {
    this.#lines = undefined;
    if (!this.#isOf(head, policy)) {
      this.#origin = { headers: head.headers, policy };
      return;
    }
    const lines = linesOf(forwarded);
    if (lines === undefined) return;
    const at = indexOfText(lines, id);
    if (lines.length > MAX_REMEMBERED_BYTES || at >= 0 && indexOfText(lines, id, at + 1) >= 0) return;
    this.#host = forwarded.host;
    this.#idAt = at;
    this.#lines = lines;
  }

  #isOf({ headers }: RequestHead, policy: unknown): boolean {
    return this.#origin?.headers === headers && this.#origin.policy === policy;
  }
}

const LF = 0x0a;

/** Lines in which only the name of the request is new. */
class NamedLines implements Lines {
  readonly #bytes: Uint8Array;
  readonly #idAt: number;
  readonly #id: string;

  constructor(bytes: Uint8Array, idAt: number, id: string) {
    this.#bytes = bytes;
    this.#idAt = idAt;
    this.#id = id;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  write(into: Uint8Array, at: number): number {
    into.set(this.#bytes, at);
    if (this.#idAt >= 0) {
      const start = at + this.#idAt;
      for (let index = 0; index < this.#id.length; index++) into[start + index] = this.#id.charCodeAt(index);
    }
    return at + this.#bytes.length;
  }

  fields(): HeaderField[] {
    const bytes = new Uint8Array(this.#bytes.length);
    const end = this.write(bytes, 0);
    const head = new FoundHead({ bytes, start: 0, end, after: end, borrowed: false, ascii: false });
    return new FieldLines(head, [0, end]).fields();
  }
}

/** The lines as the encoder writes them, from `Host` on; undefined when it refuses them, as it will when they are to be sent. */
function linesOf(forwarded: ForwardedRequest): Uint8Array | undefined {
  try {
    const whole = encodeRequestHead({
      ...forwarded,
      framing: { kind: "none" },
      upgrade: false,
      expectContinue: false,
    });
    return whole.slice(whole.indexOf(LF) + 1, -2);
  } catch {
    return undefined;
  }
}

function indexOfText(bytes: Uint8Array, text: string, from = 0): number {
  const first = text.charCodeAt(0);
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let index = 1;
    while (index < text.length && bytes[at + index] === text.charCodeAt(index)) index++;
    if (index === text.length) return at;
  }
  return -1;
}
