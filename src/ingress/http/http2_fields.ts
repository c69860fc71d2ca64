/**
 * Header fields as `node:http2` takes them.
 *
 * @module
 */
import type { OutgoingHttpHeaders } from "node:http2";
import { FRAMING, HOP, HOST_FIELD, kindOf } from "../../http/field_kinds.ts";
import type { ForwardedRequest, ForwardedResponse } from "../../http/forward.ts";
import type { HeaderList } from "../../http/header_list.ts";

/** The head of a response. Framing is there only as a length that is known. */
export function responseFields(response: ForwardedResponse): OutgoingHttpHeaders {
  const { status, framing, unsentLength } = response;
  const fields = noFields();
  fields[":status"] = String(status);
  addFields(fields, response.headers);
  if (framing.kind === "length") fields["content-length"] = String(framing.bytes);
  else if (framing.kind === "none" && unsentLength !== undefined) {
    fields["content-length"] = String(unsentLength);
  }
  return fields;
}

/** The head of a request to a service. */
export function requestFields(request: ForwardedRequest): OutgoingHttpHeaders {
  const { method, target, host, framing } = request;
  const fields = Object.assign(noFields(), {
    ":method": method,
    ":scheme": "http",
    ":authority": host,
    ":path": target,
  });
  addFields(fields, request.headers);
  if (framing.kind === "length") fields["content-length"] = String(framing.bytes);
  if (request.expectContinue) fields["expect"] = "100-continue";
  // gRPC services refuse whoever does not understand trailers.
  fields["te"] = "trailers";
  return fields;
}

/** Fields behind a body. */
export function trailerFields(trailers: HeaderList | undefined): OutgoingHttpHeaders {
  const fields = noFields();
  if (trailers !== undefined) addFields(fields, trailers);
  return fields;
}

/** What `node:http2` tells of the fields of a message: names and values in turn, as they came. */
export function textsOf(raw: unknown): string[] {
  return Array.isArray(raw) ? raw.map(String) : [];
}

/** Several fields of one name become one, as RFC 9110 (5.2) allows: `node:http2` refuses some names twice, and ends the process for it. */
function addFields(fields: Record<string, string | string[]>, headers: HeaderList): void {
  for (const [usual, value] of headers) {
    if (kindOf(usual) & (HOP | FRAMING | HOST_FIELD)) continue;
    const name = usual.toLowerCase();
    const before = fields[name];
    if (before === undefined) fields[name] = name === "set-cookie" ? [value] : value;
    else if (typeof before === "string") fields[name] = `${before}${name === "cookie" ? "; " : ", "}${value}`;
    else before.push(value);
  }
}

/** Without a prototype: a peer may name a field `constructor`, or `__proto__`. */
function noFields(): Record<string, string | string[]> {
  return Object.create(null) as Record<string, string | string[]>;
}
