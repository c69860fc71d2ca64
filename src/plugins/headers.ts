/**
 * Changes header fields.
 *
 * @module
 */
import { isFieldValue, isToken, trimSpaces } from "../http/bytes.ts";
import type { HeaderList } from "../http/header_list.ts";
import { RESERVED_FIELDS } from "../http/reserved_fields.ts";
import { deleteSpellings } from "../http/spellings.ts";
import type { PluginFactory, PluginRequest } from "./types.ts";

/** Changes of the fields of a message: removed first, then set, then appended. Values are templates, see {@linkcode headers}. */
export interface HeaderEdits {
  /** Fields that are taken away. */
  readonly remove?: readonly string[];
  /** Fields that get this one value, whatever they had. */
  readonly set?: Readonly<Record<string, string>>;
  /** Fields that get one more value. */
  readonly append?: Readonly<Record<string, string>>;
}

/** Options of {@linkcode headers}. At least one of both. */
export interface HeadersOptions {
  /** What is changed about requests, before the service sees them. */
  readonly request?: HeaderEdits;
  /** What is changed about responses, before visitors see them. */
  readonly response?: HeaderEdits;
}

/** What can stand between `${` and `}` in a value. */
export const HEADER_VARIABLES = [
  "visitor",
  "requestId",
  "host",
  "scheme",
  "method",
  "target",
  "service",
  "tunnelId",
] as const;

const VARIABLE = /\$\{([^}]*)\}/g;

type Variable = (typeof HEADER_VARIABLES)[number];
/** Text as it is, or a variable. */
type Part = string | { readonly variable: Variable };
type Edit = readonly [name: string, parts: readonly Part[]];

interface Edits {
  readonly remove: readonly string[];
  readonly set: readonly Edit[];
  readonly append: readonly Edit[];
}

/** Whether {@linkcode headers} may change a field of this name. */
export function isEditableHeader(name: string): boolean {
  return isToken(name) && !RESERVED_FIELDS.has(name.toLowerCase());
}

/** Whether a text can be a value for {@linkcode headers}: its variables are known, and no character breaks a head. */
export function isHeaderTemplate(text: string): boolean {
  return parseTemplate(text) !== undefined;
}

/**
 * Removes, sets and appends header fields of requests and responses. In values `${visitor}`, `${requestId}`, `${host}`,
 * `${scheme}`, `${method}`, `${target}`, `${service}` and `${tunnelId}` stand for those of the request. What is put in is
 * escaped (percent-encoded unless it is plain), so that no visitor can add a value, let alone a field. Names are those of any case, and
 * `_` counts as `-`: a service behind CGI or WSGI reads `X_User` as `X-User`.
 *
 * @param options What is changed.
 * @throws {TypeError} for a name or value that cannot be, or a variable that is not known
 *
 * @example
 * ```ts
 * import { systemClock } from "../clock.ts";
 * import { loggerOrDefault } from "../log.ts";
 * import { headers } from "./headers.ts";
 *
 * const make = headers({
 *   request: { set: { "X-Visitor": "${visitor}" } },
 *   response: { set: { "X-Frame-Options": "DENY" }, remove: ["Server"] },
 * });
 * const plugin = await make({ name: "edit", clock: systemClock, logger: loggerOrDefault() });
 * console.log(plugin.name);
 * ```
 */
export function headers(options: HeadersOptions): PluginFactory {
  const request = compile(options.request);
  const response = compile(options.response);
  if (request === undefined && response === undefined) {
    throw new TypeError("Expected a header field to change");
  }
  return ({ name }) => ({
    name,
    ...(request === undefined ? {} : {
      onRequest(message): undefined {
        apply(request, message.headers, message);
        return undefined;
      },
    }),
    ...(response === undefined ? {} : {
      onResponse(message, about): undefined {
        apply(response, message.headers, about);
        return undefined;
      },
    }),
  });
}

function compile(edits: HeaderEdits | undefined): Edits | undefined {
  if (edits === undefined) return undefined;
  const { remove = [], set = {}, append = {} } = edits;
  const compiled = { remove: remove.map(checkName), set: compileAll(set), append: compileAll(append) };
  return compiled.remove.length + compiled.set.length + compiled.append.length === 0 ? undefined : compiled;
}

function compileAll(values: Readonly<Record<string, string>>): Edit[] {
  return Object.entries(values).map(([name, value]) => {
    const parts = parseTemplate(value);
    if (parts === undefined) {
      throw new TypeError(`Cannot give the header field ${name} the value that it is to have`);
    }
    return [checkName(name), parts];
  });
}

function checkName(name: string): string {
  if (!isEditableHeader(name)) throw new TypeError(`Cannot change a header field ${JSON.stringify(name)}`);
  return name;
}

function parseTemplate(text: string): Part[] | undefined {
  if (!isFieldValue(text) || trimSpaces(text) !== text) return undefined;
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    const variable = HEADER_VARIABLES.find((name) => name === match[1]);
    if (variable === undefined) return undefined;
    parts.push(text.slice(end, match.index), { variable });
    end = match.index + match[0].length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

function apply({ remove, set, append }: Edits, list: HeaderList, request: PluginRequest): void {
  for (const name of remove) deleteSpellings(list, name);
  for (const [name, parts] of set) {
    const value = fill(parts, request);
    deleteSpellings(list, name);
    list.append(name, value);
  }
  for (const [name, parts] of append) list.append(name, fill(parts, request));
}

function fill(parts: readonly Part[], request: PluginRequest): string {
  let value = "";
  for (const part of parts) {
    value += typeof part === "string" ? part : escapeValue(valueOf(part.variable, request));
  }
  return value;
}

function valueOf(variable: Variable, request: PluginRequest): string {
  return variable === "requestId" ? request.id : request[variable];
}

/** No space, comma, semicolon, quote, backslash or control character, which separate values and their parts. */
function escapeValue(text: string): string {
  return text.replace(/[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+=%|]/gu, (character) => {
    const bytes = new TextEncoder().encode(character);
    return [...bytes].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
  });
}
