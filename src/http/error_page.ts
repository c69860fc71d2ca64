/**
 * The server's own answers.
 *
 * @module
 */
import { trimSpaces } from "./bytes.ts";
import { encodeResponseHead } from "./head_encoder.ts";
import { HeaderList } from "./header_list.ts";
import { isRequestId } from "./request_id.ts";

/** What an error page tells. */
export interface ErrorPageOptions {
  /** Shown, so that the visitor can name it. */
  readonly requestId: string;
  /** The visitor's `Accept`; decides between text, HTML and JSON. @default text */
  readonly accept?: string | undefined;
}

/** A page. */
export interface ErrorPage {
  /** With the character set. */
  readonly contentType: string;
  /** ASCII. */
  readonly body: Uint8Array;
}

type Form = "text" | "html" | "json";

const CONTENT_TYPES: Record<Form, string> = {
  text: "text/plain; charset=utf-8",
  html: "text/html; charset=utf-8",
  json: "application/json",
};

const TYPES: Record<string, Form> = {
  "text/html": "html",
  "application/xhtml+xml": "html",
  "application/json": "json",
  "text/plain": "text",
  "text/*": "text",
  "*/*": "text",
};

/** Name and sentence of each status that the server answers by itself. */
const STATUSES: Record<number, readonly [name: string, sentence: string]> = {
  400: ["Bad Request", "The request is not valid HTTP."],
  401: ["Unauthorized", "This address asks for a login."],
  403: ["Forbidden", "This address is not open to you."],
  404: ["Not Found", "No service has this address."],
  405: ["Method Not Allowed", "This method is not served here."],
  408: ["Request Timeout", "The request did not arrive in time."],
  413: ["Content Too Large", "The request is larger than is allowed here."],
  414: ["URI Too Long", "The address is longer than is allowed here."],
  417: ["Expectation Failed", "The request expects what is not offered here."],
  421: ["Misdirected Request", "This connection is not meant for this address."],
  429: ["Too Many Requests", "Too many requests came from you. Try again later."],
  431: ["Request Header Fields Too Large", "The request has more header fields than are allowed here."],
  500: ["Internal Server Error", "The server could not handle the request."],
  501: ["Not Implemented", "The request uses what is not known here."],
  502: ["Bad Gateway", "The service behind this address did not answer as it should."],
  503: ["Service Unavailable", "The service behind this address is not connected. Try again later."],
  504: ["Gateway Timeout", "The service behind this address did not answer in time."],
  505: ["HTTP Version Not Supported", "This version of HTTP is not served here."],
};

/**
 * The page for a status: its name, one sentence, the request id; nothing from inside.
 *
 * @param status 400 to 599.
 * @param options What it tells, and in which form.
 */
export function errorPage(status: number, options: ErrorPageOptions): ErrorPage {
  const [name, sentence] = STATUSES[status] ?? ["Error", "The request could not be served."];
  const requestId = isRequestId(options.requestId) ? options.requestId : "unknown";
  const form = options.accept === undefined ? "text" : chooseForm(options.accept);
  const text = pageText(form, { status, name, sentence, requestId });
  return { contentType: CONTENT_TYPES[form], body: new TextEncoder().encode(text) };
}

/** Options of {@linkcode encodeErrorResponse}. */
export interface ErrorResponseOptions extends ErrorPageOptions {
  /** Method of the request; HEAD gets no body. @default unknown */
  readonly method?: string;
  /** Whether the connection goes on. @default false */
  readonly keepAlive?: boolean;
  /** Seconds for `Retry-After`. @default none */
  readonly retryAfterS?: number;
  /** Version of the visitor. @default "1.1" */
  readonly version?: "1.0" | "1.1" | "2";
}

/**
 * A whole HTTP/1.1 response with the page, `Cache-Control: no-store` and `X-Request-Id`.
 *
 * @param status 400 to 599.
 * @param options What it tells, to whom.
 */
export function encodeErrorResponse(status: number, options: ErrorResponseOptions): Uint8Array {
  const { contentType, body } = errorPage(status, options);
  const headers = new HeaderList([["Content-Type", contentType], ["Cache-Control", "no-store"]]);
  headers.append("X-Content-Type-Options", "nosniff");
  if (isRequestId(options.requestId)) headers.append("X-Request-Id", options.requestId);
  if (status === 405) headers.append("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (options.retryAfterS !== undefined) {
    headers.append("Retry-After", String(Math.ceil(options.retryAfterS)));
  }
  const headOnly = options.method === "HEAD";
  const head = encodeResponseHead({
    status,
    reason: reasonOf(status),
    headers,
    framing: headOnly ? { kind: "none" } : { kind: "length", bytes: body.length },
    unsentLength: headOnly ? body.length : undefined,
    keepAlive: options.keepAlive ?? false,
    visitorVersion: options.version ?? "1.1",
  });
  if (headOnly) return head;
  const response = new Uint8Array(head.length + body.length);
  response.set(head);
  response.set(body, head.length);
  return response;
}

/** The usual name of a status that the server gives by itself; empty for others. */
export function reasonOf(status: number): string {
  return STATUSES[status]?.[0] ?? "";
}

/** The form that `Accept` likes best; of equals the one that is named first. */
function chooseForm(accept: string): Form {
  let best: Form = "text";
  let bestQuality = 0;
  for (const range of accept.split(",")) {
    const [type = "", ...parameters] = range.split(";").map(trimSpaces);
    const form = Object.hasOwn(TYPES, type.toLowerCase()) ? TYPES[type.toLowerCase()] : undefined;
    const quality = qualityOf(parameters);
    if (form === undefined || quality <= bestQuality) continue;
    best = form;
    bestQuality = quality;
  }
  return best;
}

function qualityOf(parameters: readonly string[]): number {
  const parameter = parameters.find((text) => text.toLowerCase().startsWith("q="));
  if (parameter === undefined) return 1;
  const quality = Number(parameter.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}

interface PageContent {
  readonly status: number;
  readonly name: string;
  readonly sentence: string;
  readonly requestId: string;
}

/** All that is put in is from the tables above or has been checked to be an id, so nothing needs escaping. */
function pageText(form: Form, { status, name, sentence, requestId }: PageContent): string {
  if (form === "json") return `${JSON.stringify({ status, error: name, message: sentence, requestId })}\n`;
  if (form === "text") return `${status} ${name}\n${sentence}\nRequest ${requestId}\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${status} ${name}</title>
<style>body{font:1em/1.5 system-ui,sans-serif;margin:15vh auto;max-width:36em;padding:0 1em;color-scheme:light dark}
small{opacity:.7}</style>
</head>
<body>
<h1>${status} ${name}</h1>
<p>${sentence}</p>
<p><small>Request ${requestId}</small></p>
</body>
</html>
`;
}
