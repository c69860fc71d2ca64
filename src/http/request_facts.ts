/**
 * What the fields of a request say about the connection it came by.
 *
 * @module
 */
import { tokenList } from "./bytes.ts";
import type { FieldFacts } from "./field_parser.ts";
import { CONNECTION, EXPECT, UPGRADE, WEBSOCKET_KEY } from "./header_names.ts";
import { broken, HttpError, type Sender, shown } from "./http_error.ts";
import type { BodyFraming, RequestHead } from "./types.ts";

/** What is known about the message beside its fields. */
export interface RequestContext {
  readonly method: string;
  readonly version: "1.0" | "1.1";
  readonly framing: BodyFraming;
}

const NO_TOKENS: readonly string[] = [];
const CLOSE: readonly string[] = ["close"];
const KEEP_ALIVE: readonly string[] = ["keep-alive"];

/**
 * The options of a `Connection` field, in lower case.
 *
 * @param value The value; undefined when there is no field.
 * @param sender Who sent it.
 * @throws {HttpError} when it is no list of tokens
 */
export function connectionOptions(value: string | undefined, sender: Sender): readonly string[] {
  if (value === undefined) return NO_TOKENS;
  if (value === "keep-alive" || value === "Keep-Alive") return KEEP_ALIVE;
  if (value === "close") return CLOSE;
  const tokens = tokenList(value);
  if (tokens === undefined) throw broken(sender, 400, "connection", `Refuse Connection ${shown(value)}`);
  return tokens;
}

/** Whether an option of `Connection` is about the connection itself; any other names a field that must not go on. */
export function isConnectionOption(option: string): boolean {
  return option === "close" || option === "keep-alive" || option === "upgrade";
}

/** Whether a connection goes on after a message with these options. */
export function keepsAlive(options: readonly string[], version: "1.0" | "1.1"): boolean {
  if (options.includes("close")) return false;
  return version === "1.1" || options.includes("keep-alive");
}

/**
 * Reads what is said about the connection.
 *
 * @throws {HttpError} 400, or 417 for an `Expect` that nobody can meet
 */
export function readRequestFacts(
  facts: FieldFacts,
  context: RequestContext,
): Pick<RequestHead, "keepAlive" | "expectsContinue" | "upgradesToWebSocket"> {
  const options = connectionOptions(facts.values[CONNECTION], "visitor");
  const { method, framing } = context;
  if (method === "TRACE" && hasBody(framing)) {
    throw new HttpError(400, "method", "Refuse TRACE with a body");
  }
  return {
    keepAlive: keepsAlive(options, context.version),
    expectsContinue: expectsContinue(facts.values[EXPECT], context),
    upgradesToWebSocket: facts.values[UPGRADE] !== undefined && options.includes("upgrade") &&
      upgradesToWebSocket(facts, context),
  };
}

/**
 * Whether the visitor waits for `100 Continue` before it sends the body.
 *
 * @param value Of `Expect`; undefined when there is no such field.
 * @param message What is known about it beside its fields.
 * @throws {HttpError} 417 for what nobody can meet
 */
export function expectsContinue(
  value: string | undefined,
  { version, framing }: { readonly version: RequestHead["version"]; readonly framing: BodyFraming },
): boolean {
  if (value === undefined) return false;
  if (value.toLowerCase() !== "100-continue") {
    throw new HttpError(417, "expect", `Refuse to meet Expect ${shown(value)}`);
  }
  // HTTP/1.0 knows no interim responses, and without a body nobody waits for one.
  return version !== "1.0" && hasBody(framing);
}

function upgradesToWebSocket(facts: FieldFacts, { method, version, framing }: RequestContext): boolean {
  const protocols = (facts.values[UPGRADE] ?? "").split(",").map((protocol) => protocol.trim().toLowerCase());
  if (!protocols.includes("websocket")) return false;
  if (method !== "GET" || version !== "1.1" || hasBody(framing)) return false;
  const key = facts.values[WEBSOCKET_KEY] ?? "";
  if (!isWebSocketKey(key)) {
    throw new HttpError(400, "websocket", `Refuse a WebSocket handshake with a key of ${key.length} bytes`);
  }
  return true;
}

/** Whether a text is 16 bytes in base64 (RFC 6455, section 4.1), so that what the service makes of it can be foretold. */
function isWebSocketKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/.test(text);
}

function hasBody(framing: BodyFraming): boolean {
  return framing.kind === "chunked" || framing.kind === "length" && framing.bytes > 0;
}
