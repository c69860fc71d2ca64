import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { parseRequest, refusal, request, type RequestRow, table } from "./support.ts";

const GET = "GET / HTTP/1.1";
const POST = "POST / HTTP/1.1";

test("RequestHeadParser reads a request", () => {
  const head = parseRequest(
    "POST /a/b?c=%20d HTTP/1.1\r\nHOST:  App.Example.com.:8080\t\r\nX-A: \xe9 b\t c \r\nx-a:\r\nContent-Length: 7\r\n\r\n",
  );
  assert.equal(head.method, "POST");
  assert.equal(head.target, "/a/b?c=%20d");
  assert.equal(head.version, "1.1");
  assert.equal(head.host, "app.example.com");
  assert.equal(head.port, 8080);
  assert.deepEqual([...head.headers], [
    ["HOST", "App.Example.com.:8080"],
    ["X-A", "\xe9 b\t c"],
    ["x-a", ""],
    ["Content-Length", "7"],
  ]);
  assert.deepEqual(head.framing, { kind: "length", bytes: 7 });
  assert.equal(head.keepAlive, true);
  assert.equal(head.expectsContinue, false);
  assert.equal(head.upgradesToWebSocket, false);
});

test("RequestHeadParser ignores one empty line before a request, and no second one", () => {
  assert.equal(parseRequest(`\r\n${request(GET)}`).method, "GET");
  assert.equal(refusal(() => parseRequest(`\r\n\r\n${request(GET)}`)), "400 start_line");
});

table("W1 Content-Length with Transfer-Encoding", [
  ["in this order", POST, ["Content-Length: 3", "Transfer-Encoding: chunked"], "400 two_framings"],
  ["the other way round", POST, ["Transfer-Encoding: chunked", "Content-Length: 3"], "400 two_framings"],
  ["of zero", POST, ["Content-Length: 0", "Transfer-Encoding: chunked"], "400 two_framings"],
  ["with another coding", POST, ["Content-Length: 3", "Transfer-Encoding: gzip"], "400 two_framings"],
  ["in HTTP/1.0", "POST / HTTP/1.0", ["Content-Length: 3", "Transfer-Encoding: chunked"], "400 two_framings"],
]);

table("W2 Content-Length", [
  ["a number", POST, ["Content-Length: 10"], "accepted"],
  ["with zeros in front", POST, ["Content-Length: 0010"], "accepted"],
  ["the largest", POST, ["Content-Length: 9007199254740991"], "accepted"],
  ["one above", POST, ["Content-Length: 9007199254740992"], "400 content_length"],
  ["overflowing 64 bits", POST, ["Content-Length: 18446744073709551617"], "400 content_length"],
  ["twice, equal", POST, ["Content-Length: 1", "Content-Length: 1"], "400 content_length"],
  ["twice, different", POST, ["Content-Length: 1", "content-length: 2"], "400 content_length"],
  ...["1, 1", "1,2", "", "+1", "-1", "0x1", "1_0", "1 0", "1.0", "1e1", "\xb2", "one", "1;", "1,"].map((
    value,
  ): RequestRow => [
    JSON.stringify(value),
    POST,
    [`Content-Length: ${value}`],
    "400 content_length",
  ]),
]);

table("W3 Transfer-Encoding", [
  ["chunked", POST, ["Transfer-Encoding: chunked"], "accepted"],
  ["Chunked", POST, ["Transfer-Encoding:\tChunKed "], "accepted"],
  ["in HTTP/1.0", "POST / HTTP/1.0", ["Transfer-Encoding: chunked"], "400 transfer_encoding"],
  ["twice", POST, ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "400 transfer_encoding"],
  ["gzip, chunked", POST, ["Transfer-Encoding: gzip, chunked"], "501 transfer_encoding"],
  ["gzip", POST, ["Transfer-Encoding: gzip"], "501 transfer_encoding"],
  ["identity", POST, ["Transfer-Encoding: identity"], "501 transfer_encoding"],
  [
    "identity beside chunked",
    POST,
    ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
    "501 transfer_encoding",
  ],
  ...[
    "",
    "xchunked",
    "chunkedx",
    "chunked,",
    ",chunked",
    "chunked, chunked",
    '"chunked"',
    "chunked;q=1",
    "chunked\xa0",
    "ch unked",
  ]
    .map((
      value,
    ): RequestRow => [JSON.stringify(value), POST, [`Transfer-Encoding: ${value}`], "400 transfer_encoding"]),
]);

table("W4 spaces", [
  ["a folded line", GET, ["X-A: b", " c: d"], "400 field"],
  ["a folded line with a tab", GET, ["X-A: b", "\tc"], "400 field"],
  ["a line of a space", GET, ["X-A: b", " "], "400 field"],
  ["before the colon", GET, ["X-A : b"], "400 field"],
  ["a tab before the colon", GET, ["X-A\t: b"], "400 field"],
  ["in the name", GET, ["X A: b"], "400 field"],
  ["no name", GET, [": b"], "400 field"],
  ["no colon", GET, ["X-A"], "400 field"],
]);

test("W4: a space before the first header -> 400 field", () => {
  assert.equal(refusal(() => parseRequest(`${GET}\r\n Host: a.test\r\n\r\n`)), "400 field");
  assert.equal(refusal(() => parseRequest(`${GET}\r\n\tX: y\r\nHost: a.test\r\n\r\n`)), "400 field");
});

test("W5: LF or CR alone in place of any line end -> 400", () => {
  const whole = request("GET /a HTTP/1.1", ["X-A: b", "X-B: c"]);
  const places = [...whole.matchAll(/\r\n/g)].map(({ index }) => index);
  assert.equal(places.length, 5);
  for (const place of places) {
    for (const end of ["\n", "\r", "\r\r\n", "\n\r", "\n\n"]) {
      const changed = `${whole.slice(0, place)}${end}${whole.slice(place + 2)}\r\n\r\n`;
      assert.equal(refusal(() => parseRequest(changed)), "400 bare_line_end", JSON.stringify(changed));
    }
  }
});

test("W5: LF or CR at any other place -> 400", () => {
  const whole = request("GET /a HTTP/1.1", ["X-A: b"]);
  for (let place = 1; place < whole.length - 1; place++) {
    for (const character of ["\r", "\n"]) {
      const changed = `${whole.slice(0, place)}${character}${whole.slice(place)}`;
      assert.equal(refusal(() => parseRequest(changed)), "400 bare_line_end", JSON.stringify(changed));
    }
  }
});

test("W6: of 256 bytes in a name, only those of tokens are accepted", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const found = refusal(() => parseRequest(request(GET, [`x${character}y: z`])));
    const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character);
    // A colon ends the name.
    const expected = token || character === ":"
      ? "accepted"
      : character === "\r" || character === "\n"
      ? "400 bare_line_end"
      : (code < 0x20 && character !== "\t") || code === 0x7f
      ? "400 bad_byte"
      : "400 field";
    assert.equal(found, expected, `byte ${code}`);
  }
});

test("W6: of 256 bytes in a value, control characters are refused", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const text = request(GET, [`x: y${character}z`]);
    const found = refusal(() => {
      assert.equal(parseRequest(text).headers.get("X"), `y${character}z`);
    });
    const expected = character === "\r" || character === "\n"
      ? "400 bare_line_end"
      : (code < 0x20 && character !== "\t") || code === 0x7f
      ? "400 bad_byte"
      : "accepted";
    assert.equal(found, expected, `byte ${code}`);
  }
});

test("W6: of 256 bytes in method and target, only visible ASCII is accepted", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const inMethod = refusal(() => parseRequest(request(`G${character}T / HTTP/1.1`)));
    assert.equal(inMethod === "accepted", /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character), `byte ${code}`);
    const inTarget = refusal(() => parseRequest(request(`GET /a${character}b HTTP/1.1`)));
    const visible = code > 0x20 && code < 0x7f && character !== "#" && character !== "\\";
    assert.equal(inTarget === "accepted", visible, `byte ${code}`);
  }
});

test("W10: a head of exactly the limit is accepted, one byte more is 431", () => {
  const whole = request(GET, ["X-A: bbbbbbbbbb"]);
  const at = whole.length;
  assert.equal(refusal(() => parseRequest(whole, { maxHeadBytes: at })), "accepted");
  assert.equal(refusal(() => parseRequest(whole, { maxHeadBytes: at - 1 })), "431 head_too_large");
});

test("W10: the default limits are 32 KiB, 100 fields and a target of 8 KiB, at N and N + 1", () => {
  const rest = request(GET, ["X-A: "]).length;
  const ofSize = (size: number): string => request(GET, [`X-A: ${"b".repeat(size - rest)}`]);
  assert.equal(refusal(() => parseRequest(ofSize(32_768))), "accepted");
  assert.equal(refusal(() => parseRequest(ofSize(32_769))), "431 head_too_large");
  const fields = (count: number): string[] =>
    Array.from({ length: count - 1 }, (_, index) => `X-${index}: y`);
  assert.equal(refusal(() => parseRequest(request(GET, fields(100)))), "accepted");
  assert.equal(refusal(() => parseRequest(request(GET, fields(101)))), "431 too_many_fields");
  const target = (size: number): string => request(`GET /${"a".repeat(size - 1)} HTTP/1.1`);
  assert.equal(refusal(() => parseRequest(target(8_192))), "accepted");
  assert.equal(refusal(() => parseRequest(target(8_193))), "414 target_too_long");
});

test("W10: a first line that is longer than a head may be is 414", () => {
  assert.equal(
    refusal(() => parseRequest(request(`GET /${"a".repeat(40_000)} HTTP/1.1`))),
    "414 target_too_long",
  );
});

table("W10 method", [
  ["of 32 bytes", `${"M".repeat(32)} / HTTP/1.1`, [], "accepted"],
  ["of 33 bytes", `${"M".repeat(33)} / HTTP/1.1`, [], "501 method"],
]);
