import assert from "node:assert/strict";
import { MAX_INTERIM } from "../../src/http/response_head.ts";
import { test } from "../harness.ts";
import { parseRequest, parseResponse, parseResponses, refusal, request } from "./support.ts";

const OK = "HTTP/1.1 200 OK";
const GET = parseRequest(request("GET / HTTP/1.1"));
const HEAD = parseRequest(request("HEAD / HTTP/1.1"));
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
/** From RFC 6455, section 1.3. */
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const UPGRADE = parseRequest(
  request("GET / HTTP/1.1", ["Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Key: ${KEY}`]),
);

function response(line: string, fields: readonly string[] = []): string {
  return [line, ...fields, "", ""].join("\r\n");
}

test("ResponseHeadParser reads a response", () => {
  const head = parseResponse(response("HTTP/1.1 404 Not \xe9 there", ["Content-Length: 5", "X:y"]));
  assert.equal(head.status, 404);
  assert.equal(head.reason, "Not \xe9 there");
  assert.equal(head.version, "1.1");
  assert.deepEqual([...head.headers], [["Content-Length", "5"], ["X", "y"]]);
  assert.deepEqual(head.framing, { kind: "length", bytes: 5 });
  assert.equal(head.keepAlive, true);
});

test("ResponseHeadParser reads first lines without a reason", () => {
  assert.equal(parseResponse(response("HTTP/1.1 200 ")).reason, "");
  assert.equal(parseResponse(response("HTTP/1.1 200")).reason, "");
  assert.equal(parseResponse(response("HTTP/1.0 999 x")).status, 999);
});

test("W21: first lines that are none -> 502", () => {
  const lines = [
    "HTTP/1.1  200 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 20 OK",
    "HTTP/1.1 099 OK",
    "HTTP/1.1 -20 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 200OK",
    "HTTP/1.1\t200 OK",
    "HTTP/2.0 200 OK",
    "HTTP/1.2 200 OK",
    "http/1.1 200 OK",
    " HTTP/1.1 200 OK",
    "ICY 200 OK",
    "HTTP/1.1",
    "",
  ];
  for (const line of lines) {
    assert.equal(refusal(() => parseResponse(response(line))), "502 start_line", line);
  }
});

test("ResponseHeadParser.push() before expect() is a misuse", () => {
  assert.throws(() => parseResponses("HTTP/1.1 200 OK\r\n\r\n", undefined as never), TypeError);
});

test("W21: whatever is wrong with a response's head is 502", () => {
  const rows: readonly (readonly [string, readonly string[], string])[] = [
    [OK, ["Content-Length: 3", "Transfer-Encoding: chunked"], "502 two_framings"],
    [OK, ["Content-Length: 3", "Content-Length: 3"], "502 content_length"],
    [OK, ["Content-Length: 3, 3"], "502 content_length"],
    [OK, ["Content-Length: -1"], "502 content_length"],
    [OK, ["Transfer-Encoding: gzip, chunked"], "502 transfer_encoding"],
    [OK, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "502 transfer_encoding"],
    ["HTTP/1.0 200 OK", ["Transfer-Encoding: chunked"], "502 transfer_encoding"],
    [OK, ["X: y", " folded"], "502 field"],
    [OK, ["X : y"], "502 field"],
    [OK, ["X"], "502 field"],
    [OK, ["X: a\rSet-Cookie: b"], "502 bare_line_end"],
    [OK, ["X: a\nSet-Cookie: b"], "502 bare_line_end"],
    [OK, ["X: a\0b"], "502 bad_byte"],
    [OK, ["Connection: a b"], "502 connection"],
    [OK, Array.from({ length: 101 }, () => "X: y"), "502 too_many_fields"],
    [OK, [`X: ${"y".repeat(33_000)}`], "502 head_too_large"],
  ];
  for (const [line, fields, expected] of rows) {
    assert.equal(refusal(() => parseResponse(response(line, fields))), expected, expected);
    // Nor does it help that there is no body to frame.
    assert.equal(
      refusal(() => parseResponse(response(line, fields), HEAD)),
      expected,
      expected,
    );
  }
});

test("a response without length goes on until the connection ends, and the connection is of no use then", () => {
  const head = parseResponse(response(OK));
  assert.deepEqual(head.framing, { kind: "until_close" });
  assert.equal(head.keepAlive, false);
});

test("Connection and version decide whether the service's connection goes on", () => {
  const keeps = (line: string, ...fields: string[]): boolean =>
    parseResponse(response(line, ["Content-Length: 0", ...fields])).keepAlive;
  assert.equal(keeps(OK), true);
  assert.equal(keeps(OK, "Connection: close"), false);
  assert.equal(keeps("HTTP/1.0 200 OK"), false);
  assert.equal(keeps("HTTP/1.0 200 OK", "Connection: keep-alive"), true);
});

test("W20: HEAD, 204, 304 and 1xx have no body, whatever they say", () => {
  const rows: readonly (readonly [string, readonly string[], typeof GET, boolean])[] = [
    [OK, ["Content-Length: 5"], HEAD, true],
    [OK, ["Transfer-Encoding: chunked"], HEAD, true],
    [OK, [], HEAD, true],
    ["HTTP/1.1 304 Not Modified", ["Content-Length: 5"], GET, true],
    ["HTTP/1.1 204 No Content", [], GET, true],
    ["HTTP/1.1 204 No Content", ["Content-Length: 0"], GET, true],
    ["HTTP/1.1 204 No Content", ["Content-Length: 5"], GET, false],
    ["HTTP/1.1 204 No Content", ["Transfer-Encoding: chunked"], GET, false],
    ["HTTP/1.1 103 Early Hints", ["Content-Length: 5"], GET, false],
  ];
  for (const [line, fields, to, keepAlive] of rows) {
    const [parsed] = parseResponses(response(line, fields) + response(OK), to);
    assert.deepEqual(parsed?.head.framing, { kind: "none" }, line);
    assert.equal(parsed?.head.keepAlive, keepAlive, `${line} ${fields.join()}`);
  }
});

test(`W19: ${MAX_INTERIM} interim responses are accepted, one more is 502, for each request anew`, () => {
  const hint = response("HTTP/1.1 103 Early Hints", ["Link: </a>"]);
  const heads = parseResponses(hint.repeat(MAX_INTERIM) + response(OK), GET);
  assert.equal(heads.length, MAX_INTERIM + 1);
  assert.equal(refusal(() => parseResponses(hint.repeat(MAX_INTERIM + 1), GET)), "502 too_many_interim");
  assert.equal(refusal(() => parseResponses(hint.repeat(MAX_INTERIM) + response(OK), GET)), "accepted");
});

test("W27: a 101 is accepted only where it was asked for and with the right proof", () => {
  const fields = ["Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Accept: ${ACCEPT}`];
  const line = "HTTP/1.1 101 Switching Protocols";
  assert.equal(parseResponse(response(line, fields), UPGRADE).status, 101);
  assert.equal(refusal(() => parseResponse(response(line, fields), GET)), "502 upgrade");
  assert.equal(refusal(() => parseResponse(response(line), GET)), "502 upgrade");
  for (const left of [0, 1, 2]) {
    const some = fields.filter((_, index) => index !== left);
    assert.equal(refusal(() => parseResponse(response(line, some), UPGRADE)), "502 websocket", some.join());
  }
  const wrong = [
    [...fields.slice(0, 2), `Sec-WebSocket-Accept: ${ACCEPT.toLowerCase()}`],
    [...fields, `Sec-WebSocket-Accept: ${ACCEPT}`],
    ["Connection: Upgrade", "Upgrade: h2c", fields[2]!],
  ];
  for (const some of wrong) {
    assert.equal(refusal(() => parseResponse(response(line, some), UPGRADE)), "502 websocket", some.join());
  }
});

test("W27: 200 and 426 to an upgrade are ordinary responses", () => {
  assert.deepEqual(parseResponse(response(OK, ["Content-Length: 3"]), UPGRADE).framing, {
    kind: "length",
    bytes: 3,
  });
  const refused = parseResponse(response("HTTP/1.1 426 Upgrade Required", ["Content-Length: 0"]), UPGRADE);
  assert.equal(refused.status, 426);
});
