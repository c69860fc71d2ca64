/**
 * What a proxy changes about messages on their way.
 *
 * @module
 */
import { EXPECT_FIELD, FRAMING, HOP, HOST_FIELD, KEPT, kindOf, ORIGIN_OF_MESSAGE } from "./field_kinds.ts";
import { isBodiless, parseContentLength } from "./framing.ts";
import { HeaderList } from "./header_list.ts";
import { connectionOptions, isConnectionOption } from "./request_facts.ts";
import type { BodyFraming, HeaderField, RequestHead, ResponseHead } from "./types.ts";

/** Options of {@linkcode forwardRequest}. */
export interface ForwardRequestOptions {
  /** Address of the visitor's socket, without port. */
  readonly address: string;
  /** How the visitor reached us. */
  readonly scheme: "http" | "https";
  /** Whether that address is a proxy whose `X-Forwarded-*` and `Forwarded` are believed. @default false */
  readonly trusted?: boolean;
  /** `Host` for the service. @default the visitor's */
  readonly rewriteHost?: string | undefined;
  /** Value for `X-Request-Id`. @default the field goes on as it came */
  readonly requestId?: string;
}

/** A request as it goes to the local service. `target` and `headers` may be changed until it is encoded. */
export interface ForwardedRequest {
  /** As it came. */
  readonly method: string;
  /** In origin form, or `*`. */
  target: string;
  /** Value of `Host`; a field in `headers` does not matter. */
  readonly host: string;
  /**
   * End-to-end fields, and `Host` for whoever looks. Framing and hop-by-hop ones are not there, and the encoder leaves them
   * out whoever has put them in.
   */
  readonly headers: HeaderList;
  /** The visitor's: a body can go on as it comes. */
  readonly framing: BodyFraming;
  /** Whether the change to WebSocket is asked of the service. */
  readonly upgrade: boolean;
  /** Whether the service is to say when the body may come. */
  readonly expectContinue: boolean;
}

const NOT_PASSED = HOP | FRAMING | EXPECT_FIELD;

/**
 * Makes the request for the local service from a visitor's: without what belongs to the visitor's connection and what its
 * `Connection` lists, in origin form, and with where it came from in `X-Forwarded-For`, `-Proto` and `-Host`. What a visitor
 * says about that itself is dropped, unless it is a trusted proxy: then the address is added behind, to `Forwarded` too.
 *
 * @param head Not changed.
 * @param options Where it came from and where it goes.
 */
export function forwardRequest(head: RequestHead, options: ForwardRequestOptions): ForwardedRequest {
  const trusted = options.trusted ?? false;
  const fields: HeaderField[] = [];
  let connection: string | undefined;
  let visitorHost: string | undefined;
  let toldOrigin = false;
  for (const field of head.headers) {
    const [name, value] = field;
    const kind = kindOf(name);
    if (kind & HOP) {
      if (isConnection(name)) connection = connection === undefined ? value : `${connection}, ${value}`;
      continue;
    }
    if (kind & HOST_FIELD) visitorHost ??= value;
    if (kind & (NOT_PASSED | HOST_FIELD)) continue;
    if (kind & ORIGIN_OF_MESSAGE) {
      if (!trusted || name.includes("_")) continue;
      toldOrigin = true;
    }
    fields.push(field);
  }
  visitorHost ??= head.port === undefined ? head.host : `${head.host}:${head.port}`;
  const host = options.rewriteHost ?? visitorHost;
  const headers = new HeaderList([["Host", host], ...withoutListed(fields, connection, "visitor")]);
  if (toldOrigin) addOrigin(headers, visitorHost, options);
  else setOrigin(headers, visitorHost, options);
  if (options.requestId !== undefined) headers.set("X-Request-Id", options.requestId);
  const { method, target, framing, upgradesToWebSocket: upgrade, expectsContinue: expectContinue } = head;
  return { method, target, host, headers, framing, upgrade, expectContinue };
}

/** Options of {@linkcode forwardResponse}. */
export interface ForwardResponseOptions {
  /** What is answered. */
  readonly request: RequestHead;
  /** Whether the visitor's connection goes on afterwards, if the response lets it. @default as the request says */
  readonly keepAlive?: boolean;
}

/** A response as it goes to the visitor. `status` and `headers` may be changed until it is encoded. */
export interface ForwardedResponse {
  /** 100 to 999. */
  status: number;
  /** May be empty. */
  readonly reason: string;
  /** End-to-end fields; the encoder leaves others out. */
  readonly headers: HeaderList;
  /** Framing towards the visitor: `until_close` of a service becomes `chunked`, for HTTP/1.0 both become `until_close`. */
  readonly framing: BodyFraming;
  /** `Content-Length` of a body that is not sent: of HEAD and 304. */
  readonly unsentLength: number | undefined;
  /** Whether the visitor's connection goes on. */
  readonly keepAlive: boolean;
  /** Version of the visitor; an HTTP/1.0 one is told that the connection goes on. */
  readonly visitorVersion: RequestHead["version"];
}

/**
 * Makes the response for the visitor from the local service's.
 *
 * @param head Not changed.
 * @param options What it answers.
 */
export function forwardResponse(head: ResponseHead, options: ForwardResponseOptions): ForwardedResponse {
  const { request } = options;
  const framing = framingForVisitor(
    framingOfStatus(head.framing, { request, status: head.status }),
    request.version,
  );
  const mayTellLength = head.status >= 200 && head.status !== 204 && framing.kind === "none";
  const { headers, length } = head.endToEnd === undefined || mayTellLength
    ? endToEndOf(head)
    : { headers: new HeaderList({ lines: head.endToEnd, endToEnd: true }), length: undefined };
  return {
    status: head.status,
    reason: head.reason,
    headers,
    framing,
    unsentLength: mayTellLength ? length : undefined,
    keepAlive: (options.keepAlive ?? request.keepAlive) && framing.kind !== "until_close",
    visitorVersion: request.version,
  };
}

/**
 * The framing that goes with a status: without one a visitor of HTTP/1.1 would take everything up to the connection's end, the
 * answers to others too, for the body.
 *
 * @param framing Of the response, whose status may have been another one.
 * @param options `status` that the visitor is told, and the request that it answers.
 * @returns `none` for HEAD, 1xx, 204 and 304, and only for these
 */
export function framingOfStatus(
  framing: BodyFraming,
  { request, status }: { readonly request: RequestHead; readonly status: number },
): BodyFraming {
  if (isBodiless(request.method, status)) return { kind: "none" };
  return framing.kind === "none" ? { kind: "length", bytes: 0 } : framing;
}

/** The fields of a response that go on, and what it says about its length. */
function endToEndOf(head: ResponseHead): { headers: HeaderList; length: number | undefined } {
  const fields: HeaderField[] = [];
  let connection: string | undefined;
  let length: number | undefined;
  for (const field of head.headers) {
    const [name, value] = field;
    const kind = kindOf(name);
    if (kind & HOP && isConnection(name)) {
      connection = connection === undefined ? value : `${connection}, ${value}`;
    } else if (kind & FRAMING && !(kind & HOP) && !name.includes("_")) length = parseContentLength(value);
    if (!(kind & (HOP | FRAMING))) fields.push(field);
  }
  return { headers: new HeaderList(withoutListed(fields, connection, "service")), length };
}

/**
 * Whether an interim response goes on to the visitor: not to HTTP/1.0, which knows none, and a `100 Continue` only to who
 * waits for it.
 */
export function passesInterim(response: ResponseHead, request: RequestHead): boolean {
  if (request.version === "1.0") return false;
  return response.status !== 100 || request.expectsContinue;
}

function framingForVisitor(framing: BodyFraming, version: RequestHead["version"]): BodyFraming {
  if (framing.kind === "none" || framing.kind === "length") return framing;
  return { kind: version === "1.0" ? "until_close" : "chunked" };
}

function isConnection(name: string): boolean {
  return name.length === "connection".length && name.toLowerCase() === "connection";
}

function withoutListed(
  fields: HeaderField[],
  connection: string | undefined,
  sender: "visitor" | "service",
): HeaderField[] {
  const listed = connectionOptions(connection, sender).filter((option) => !isConnectionOption(option));
  if (listed.length === 0) return fields;
  const names = new Set(listed);
  return fields.filter(([name]) => !names.has(name.toLowerCase()) || (kindOf(name) & KEPT) !== 0);
}

function setOrigin(headers: HeaderList, host: string, { address, scheme }: ForwardRequestOptions): void {
  headers.append("X-Forwarded-For", address);
  headers.append("X-Forwarded-Proto", scheme);
  headers.append("X-Forwarded-Host", host);
}

function addOrigin(headers: HeaderList, host: string, { address, scheme }: ForwardRequestOptions): void {
  headers.set("X-Forwarded-For", [...headers.getAll("X-Forwarded-For"), address].join(", "));
  if (!headers.has("X-Forwarded-Proto")) headers.append("X-Forwarded-Proto", scheme);
  if (!headers.has("X-Forwarded-Host")) headers.append("X-Forwarded-Host", host);
  const forwarded = headers.getAll("Forwarded");
  if (forwarded.length === 0) return;
  const node = address.includes(":") ? `"[${address}]"` : address;
  headers.set("Forwarded", [...forwarded, `for=${node};host="${host}";proto=${scheme}`].join(", "));
}
