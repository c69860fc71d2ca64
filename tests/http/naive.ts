/**
 * A slow, obvious reader of requests, to hold the fast one against: texts, regular expressions, one rule after the other.
 *
 * @module
 */
import { isIPv6 } from "node:net";

/** What the naive reader knows of a request. */
export interface NaiveRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly framing: string;
  readonly host: string;
  readonly keepAlive: boolean;
  /** Length of the head. */
  readonly end: number;
}

/** Reads the request at the start of a text; "more" when its head is not over, "refused" when it must not be served. */
export function readNaively(text: string): NaiveRequest | "more" | "refused" {
  if (text.startsWith("\r\n\r\n")) return "refused";
  const whole = /^([^]*?\r\n\r\n)/.exec(text.replace(/^\r\n/, "  "))?.[1];
  const seen = whole ?? text;
  if (/[^\t\r\n\x20-\x7e\x80-\xff]/.test(seen)) return "refused";
  if (/(?<!\r)\n/.test(seen) || /\r(?!\n)/.test(whole === undefined ? seen.replace(/\r$/, "") : seen)) {
    return "refused";
  }
  if (whole === undefined) return text.length >= 32_768 ? "refused" : "more";
  if (whole.length > 32_768) return "refused";
  const head = text.startsWith("\r\n") ? whole.slice(2) : whole;
  const [line = "", ...lines] = head.slice(0, -4).split("\r\n");
  const start = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^\s#\\\x80-\xff]{1,8192}) HTTP\/(1\.[01])$/.exec(line);
  if (start === null) return "refused";
  const [, method = "", raw = "", version = ""] = start;
  const headers: (readonly [string, string])[] = [];
  for (const one of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^]*?)[ \t]*$/.exec(one);
    if (field === null) return "refused";
    headers.push([field[1] ?? "", field[2] ?? ""]);
  }
  if (headers.length > 100 || method === "CONNECT") return "refused";
  const all = (name: string): string[] =>
    headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
  const hosts = all("host");
  const host = hosts.length === 1 ? naiveHost(hosts[0] ?? "") : undefined;
  if (host === undefined) return "refused";
  const absolute = /^https?:\/\/([^/?]*)(.*)$/i.exec(raw);
  let target = raw;
  if (absolute !== null) {
    const port = /^https/i.test(raw) ? ":443" : ":80";
    const authority = absolute[1] ?? "";
    if (naiveHost(authority) !== host || naivePort(authority, port) !== naivePort(hosts[0] ?? "", port)) {
      return "refused";
    }
    const rest = absolute[2] ?? "";
    target = rest === "" ? (method === "OPTIONS" ? "*" : "/") : rest.replace(/^\?/, "/?");
  } else if (!raw.startsWith("/") && !(raw === "*" && method === "OPTIONS")) {
    return "refused";
  }
  const framing = naiveFraming(all("content-length"), all("transfer-encoding"), version);
  if (framing === "refused" || (method === "TRACE" && !/^(none|length 0)$/.test(framing))) return "refused";
  if (all("expect").length > 0 && all("expect").join().toLowerCase() !== "100-continue") return "refused";
  const options = all("connection").join().split(",").map((option) =>
    option.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase()
  );
  if (options.some((option) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/.test(option))) return "refused";
  const upgrade = options.includes("upgrade") &&
    all("upgrade").join().toLowerCase().split(",").map((one) => one.trim()).includes("websocket");
  if (upgrade && method === "GET" && version === "1.1" && /^(none|length 0)$/.test(framing)) {
    if (!/^[A-Za-z0-9+/]{22}==$/.test(all("sec-websocket-key").join())) return "refused";
  }
  const keepAlive = !options.includes("close") && (version === "1.1" || options.includes("keep-alive"));
  return { method, target, version, headers, framing, host, keepAlive, end: whole.length };
}

function naiveFraming(lengths: string[], codings: string[], version: string): string {
  if (lengths.length + codings.length > 1) return "refused";
  if (lengths[0] !== undefined) {
    const right = /^[0-9]{1,16}$/.test(lengths[0]) && BigInt(lengths[0]) < 2n ** 53n;
    return right ? `length ${BigInt(lengths[0])}` : "refused";
  }
  if (codings[0] !== undefined) {
    return version === "1.1" && /^chunked$/i.test(codings[0]) ? "chunked" : "refused";
  }
  return "none";
}

function naivePort(text: string, standard: string): number {
  return Number((/:[0-9]+$/.exec(text)?.[0] ?? standard).slice(1));
}

function naiveHost(text: string): string | undefined {
  const [, host = "", port] = /^(\[[0-9a-fA-F:.]*\]|[^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (
    port !== undefined && port !== "" &&
    !(/^[0-9]{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536)
  ) {
    return undefined;
  }
  if (host.startsWith("[")) return naiveIpv6(host);
  const name = host.replace(/\.$/, "").toLowerCase();
  if (name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label))) return undefined;
  if (!/^([0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) return name;
  const isAddress = labels.length === 4 &&
    labels.every((label) => /^(0|[1-9][0-9]{0,2})$/.test(label) && Number(label) < 256);
  return isAddress ? name : undefined;
}

/** Spelt as browsers spell it, which on their own may take more for an address than is one. */
function naiveIpv6(host: string): string | undefined {
  return isIPv6(host.slice(1, -1)) ? new URL(`http://${host}/`).hostname : undefined;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = String.raw`"(?:[\t !#-\[\]-~]|\\[\t -~])*"`;
const CHUNK_LINE = new RegExp(`^([0-9a-fA-F]{1,16})((?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*)\r\n`);
const TRAILER = new RegExp(`^${TOKEN}:[\\t\\x20-\\x7e\\x80-\\xff]*\r\n`);

/** What the naive reader knows of a chunked body. */
export interface NaiveBody {
  readonly payload: string;
  /** Length of the body. */
  readonly end: number;
}

/** Reads a whole chunked body at the start of a text; undefined when it is broken or goes on. */
export function readChunkedNaively(text: string): NaiveBody | undefined {
  let payload = "";
  let rest = text;
  let excess = 0;
  for (;;) {
    const line = CHUNK_LINE.exec(rest);
    if (line === null) return undefined;
    const [all, digits = "", extensions = ""] = line;
    const size = Number.parseInt(digits, 16);
    excess += extensions.length;
    if (excess > 16_384 || size > Number.MAX_SAFE_INTEGER) return undefined;
    if (extensions.length > 0 || excess > 0) excess = Math.max(0, excess - 16 - 2 * size);
    rest = rest.slice(all.length);
    if (size === 0) break;
    if (rest.slice(size, size + 2) !== "\r\n") return undefined;
    payload += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
  const atTrailers = rest.length;
  for (let fields = 0; !rest.startsWith("\r\n"); fields++) {
    const field = TRAILER.exec(rest)?.[0];
    if (field === undefined || fields === 32) return undefined;
    rest = rest.slice(field.length);
  }
  return atTrailers - rest.length + 2 > 8_192 ? undefined : { payload, end: text.length - rest.length + 2 };
}
