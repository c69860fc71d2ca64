/**
 * Whether what a plugin says, and what it has changed, can be. Plugins may be plain JavaScript, so types promise nothing.
 *
 * @module
 */
import { TARGET } from "../http/bytes.ts";
import { HeaderList } from "../http/header_list.ts";
import type { BodyTransform, Plugin, PluginAnswer, PluginRequest, PluginResponse } from "./types.ts";

const MIN_STATUS = 200;
const MAX_STATUS = 599;
const SLASH = 0x2f;

/** An answer after its check. */
export interface CheckedAnswer extends PluginAnswer {
  /** A list of its own. */
  readonly headers?: HeaderList;
}

/** A verdict after its check. */
export type CheckedVerdict = undefined | { readonly answer: CheckedAnswer } | {
  readonly body: BodyTransform;
};

/** What a message was before a plugin saw it. */
export class Snapshot {
  /** The message's fields. */
  readonly headers: HeaderList;
  /** Target of a request. */
  readonly target: string | undefined;
  /** Status of a response. */
  readonly status: number | undefined;
  readonly #message: PluginRequest | PluginResponse;
  readonly #fields: HeaderList | undefined;

  /** @param message What the plugin is about to see. @param plugin Only what one that fails open has done is ever undone. */
  constructor(message: PluginRequest | PluginResponse, plugin: Plugin) {
    this.#message = message;
    this.headers = message.headers;
    this.target = "target" in message ? message.target : undefined;
    this.status = "status" in message ? message.status : undefined;
    this.#fields = plugin.failOpen === true ? message.headers.clone() : undefined;
  }

  /** Makes the message what it was. */
  restore(): void {
    const message = this.#message;
    if ("target" in message) message.target = this.target ?? "/";
    else message.status = this.status ?? message.status;
    if (this.#fields === undefined) return;
    for (const [name] of [...this.headers]) this.headers.delete(name);
    for (const [name, value] of this.#fields) this.headers.append(name, value);
  }
}

/**
 * Checks what a plugin says to a request, and what it has made of it.
 *
 * @throws {TypeError} when something in it cannot be
 */
export function checkRequestVerdict(
  verdict: unknown,
  request: PluginRequest,
  before: Snapshot,
): CheckedVerdict {
  if (request.headers !== before.headers) throw new TypeError("Replaced the list of header fields");
  const target: unknown = request.target;
  if (target !== before.target && !isTarget(target)) {
    throw new TypeError(`Cannot make ${JSON.stringify(target)} the target`);
  }
  if (verdict === undefined) return undefined;
  if (typeof verdict !== "object" || verdict === null) throw notAVerdict(verdict);
  if ("answer" in verdict) return { answer: checkAnswer(verdict.answer) };
  return { body: checkBody(verdict) };
}

/**
 * Checks what a plugin says to a response, and what it has made of it.
 *
 * @throws {TypeError} when something in it cannot be
 */
export function checkResponseVerdict(
  verdict: unknown,
  response: PluginResponse,
  before: Snapshot,
): undefined | { readonly body: BodyTransform } {
  if (response.headers !== before.headers) throw new TypeError("Replaced the list of header fields");
  const status: unknown = response.status;
  if (status !== before.status && !isStatus(status)) throw notAStatus(status);
  if (verdict === undefined) return undefined;
  if (typeof verdict !== "object" || verdict === null) throw notAVerdict(verdict);
  return { body: checkBody(verdict) };
}

function checkAnswer(answer: unknown): CheckedAnswer {
  if (typeof answer !== "object" || answer === null || !("status" in answer)) throw notAVerdict(answer);
  const { status } = answer;
  if (!isStatus(status)) throw notAStatus(status);
  const headers: unknown = "headers" in answer ? answer.headers : undefined;
  const body: unknown = "body" in answer ? answer.body : undefined;
  if (body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)) {
    throw new TypeError("Answered with a body that is neither text nor bytes");
  }
  return {
    status,
    ...(headers === undefined ? {} : { headers: checkedHeaders(headers) }),
    ...(body === undefined ? {} : { body }),
  };
}

/** Pairs, whoever made them; a `HeaderList` can be made of fields that nobody has checked, too. */
function checkedHeaders(headers: unknown): HeaderList {
  if (typeof headers !== "object" || headers === null || !(Symbol.iterator in headers)) {
    throw new TypeError("Expected headers as a list of names and values");
  }
  const list = new HeaderList();
  // Whatever it iterates over is checked one by one.
  for (const field of headers as Iterable<unknown>) {
    const [name, value, ...more]: unknown[] = Array.isArray(field) ? field : [];
    if (typeof name !== "string" || typeof value !== "string" || more.length > 0) {
      throw new TypeError("Expected pairs of a name and a value as headers");
    }
    list.append(name, value);
  }
  return list;
}

function checkBody(verdict: object): BodyTransform {
  const body: unknown = "body" in verdict ? verdict.body : undefined;
  if (body instanceof TransformStream) return body;
  const isPair = typeof body === "object" && body !== null && "readable" in body && "writable" in body &&
    body.readable instanceof ReadableStream && body.writable instanceof WritableStream;
  if (!isPair) throw notAVerdict(verdict);
  return body as BodyTransform; // CompressionStream and the like: a stream to write to and one to read from.
}

function isStatus(status: unknown): status is number {
  return Number.isInteger(status) && Number(status) >= MIN_STATUS && Number(status) <= MAX_STATUS;
}

function isTarget(target: unknown): boolean {
  if (typeof target !== "string" || target.charCodeAt(0) !== SLASH) return false;
  for (let at = 0; at < target.length; at++) if (TARGET[target.charCodeAt(at)] !== 1) return false;
  return true;
}

function notAStatus(status: unknown): TypeError {
  return new TypeError(`Expected a status from ${MIN_STATUS} to ${MAX_STATUS} but got ${String(status)}`);
}

function notAVerdict(verdict: unknown): TypeError {
  const shown = typeof verdict === "object" ? "an object without answer and body" : String(verdict);
  return new TypeError(`Expected nothing, an answer or a change of the body but got ${shown}`);
}
