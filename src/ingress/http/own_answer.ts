/**
 * Responses that do not come from a local service.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import { errorPage } from "../../http/error_page.ts";
import type { ForwardedResponse } from "../../http/forward.ts";
import { HeaderList } from "../../http/header_list.ts";
import type { HeaderField, RequestHead } from "../../http/types.ts";
import type { PluginAnswer } from "../../plugins/types.ts";

/** Options of {@linkcode ownAnswer}. */
export interface OwnAnswerOptions {
  readonly request: RequestHead;
  readonly requestId: string;
  readonly keepAlive: boolean;
  /** More fields. */
  readonly fields: readonly HeaderField[];
  /** A plugin's answer in place of the server's page; without a body, of 400 and more, it gets the page. */
  readonly answer?: PluginAnswer;
}

/** A whole response: the server's page for a status, or a plugin's answer. Without body for HEAD, 204 and 304. */
export function ownAnswer(
  status: number,
  options: OwnAnswerOptions,
): { readonly response: ForwardedResponse; readonly body: Uint8Array | undefined } {
  const { request, requestId, keepAlive, fields, answer } = options;
  const headers = new HeaderList([...answer?.headers ?? []]);
  const body = bodyOf(status, headers, options);
  for (const [name, value] of fields) headers.append(name, value);
  headers.set("x-request-id", requestId);
  const bytes = body.length;
  const isEmpty = status === 204 || status === 304;
  const isHead = request.method === "HEAD";
  const response: ForwardedResponse = {
    status,
    reason: STATUS_CODES[status] ?? "",
    headers,
    framing: isHead || isEmpty ? { kind: "none" } : { kind: "length", bytes },
    unsentLength: isHead && !isEmpty ? bytes : undefined,
    keepAlive,
    visitorVersion: request.version,
  };
  return { response, body: isHead || isEmpty || bytes === 0 ? undefined : body };
}

function bodyOf(status: number, headers: HeaderList, options: OwnAnswerOptions): Uint8Array {
  const { request, requestId, answer } = options;
  const body = answer?.body;
  if (typeof body === "string") return new TextEncoder().encode(body);
  // The output keeps what it is given until it is written: a plugin may use its bytes again.
  if (body !== undefined) return body.slice();
  if (answer !== undefined && status < 400) return new Uint8Array(0);
  const page = errorPage(status, { requestId, accept: request.headers.get("accept") });
  headers.set("content-type", page.contentType);
  if (answer === undefined) headers.set("cache-control", "no-store");
  return page.body;
}
