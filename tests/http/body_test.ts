import assert from "node:assert/strict";
import { MAX_EXTENSION_BYTES } from "../../src/http/chunk_extension.ts";
import { BodyScanner } from "../../src/http/body.ts";
import { MAX_TRAILER_BYTES, MAX_TRAILERS } from "../../src/http/trailer_reader.ts";
import { test } from "../harness.ts";
import { refusal, scanBody } from "./support.ts";

const CHUNKED = { kind: "chunked" } as const;

/** The payload of a chunked body that is over. */
function payload(text: string): string {
  const body = scanBody(text, CHUNKED);
  assert.ok(body.done, `The body goes on after ${JSON.stringify(text)}`);
  return body.out;
}

test("BodyScanner: no body is over at once", () => {
  assert.deepEqual(scanBody("GET", { kind: "none" }), {
    out: "",
    done: true,
    rest: "GET",
    trailers: [],
    payloadBytes: 0,
  });
  assert.equal(
    new BodyScanner({ kind: "length", bytes: 0 }, { pieces: "payload", from: "visitor" }).done,
    true,
  );
});

test("BodyScanner follows a length and leaves the next message alone", () => {
  for (const pieces of ["payload", "verbatim"] as const) {
    const body = scanBody("helloGET", { kind: "length", bytes: 5 }, { pieces });
    assert.deepEqual(body, { out: "hello", done: true, rest: "GET", trailers: [], payloadBytes: 5 });
    assert.equal(scanBody("hell", { kind: "length", bytes: 5 }, { pieces }).done, false);
  }
});

test("BodyScanner follows a body until the connection's end", () => {
  const scanner = new BodyScanner({ kind: "until_close" }, { pieces: "payload", from: "service" });
  assert.equal(scanner.scan(new Uint8Array(10)), 10);
  assert.equal(scanner.done, false);
  scanner.endOfInput();
  assert.equal(scanner.done, true);
});

test("BodyScanner.endOfInput() refuses a body that is not over: 400 of visitors, 502 of services", () => {
  for (const framing of [{ kind: "length", bytes: 3 }, CHUNKED] as const) {
    for (const [from, expected] of [["visitor", "400 truncated"], ["service", "502 truncated"]] as const) {
      const scanner = new BodyScanner(framing, { pieces: "payload", from });
      scanner.scan(new Uint8Array([0x31, 0x0d]));
      assert.equal(refusal(() => scanner.endOfInput()), expected);
    }
  }
  const over = new BodyScanner({ kind: "length", bytes: 1 }, { pieces: "payload", from: "visitor" });
  over.scan(new Uint8Array(1));
  over.endOfInput();
});

test("BodyScanner reads chunks", () => {
  assert.equal(payload("5\r\nhello\r\nB\r\n, the world\r\n00\r\n\r\n"), "hello, the world");
  assert.equal(payload("b\r\n0\r\n\r\n123456\r\n0\r\n\r\n"), "0\r\n\r\n123456");
  assert.equal(payload("0\r\n\r\n"), "");
  assert.equal(scanBody("1\r\nx\r\n0\r\n\r\nGET /", CHUNKED).rest, "GET /");
});

test("BodyScanner passes chunks on verbatim in one piece", () => {
  const text = "5\r\nhello\r\nB\r\n, the world\r\n0\r\n\r\n";
  const scanner = new BodyScanner(CHUNKED, { pieces: "verbatim", from: "visitor" });
  const bytes = new TextEncoder().encode(`${text}GET`);
  assert.equal(scanner.scan(bytes), text.length);
  assert.deepEqual([scanner.pieceStart, scanner.pieceEnd], [0, text.length]);
  assert.equal(scanner.done, true);
  assert.equal(scanner.tail, undefined);
  assert.equal(scanner.payloadBytes, 16);
});

test("W5, W7: what is not a chunk -> 400", () => {
  const wrong = [
    "\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-1\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\t\r\nhello\r\n0\r\n\r\n",
    "5_0\r\n",
    "g\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\r\nhello\r0\r\n\r\n",
    "5\r\nhello!\r\n0\r\n\r\n",
    "5\r\nhell\r\n0\r\n\r\n",
    "5\r\nhello\r\n\r\n",
    "0\n\r\n",
    "0\r\n\n",
    "0\r\n\rx",
    "20000000000000\r\n", // 2⁵³
    "00000000000000001\r\nx", // 17 digits
    "ffffffffffffffff\r\n",
    "10000000000000005\r\nhello",
  ];
  for (const text of wrong) {
    const found = refusal(() => scanBody(text, CHUNKED));
    assert.ok(
      found === "400 chunk" || found === "400 bare_line_end" || found === "400 trailer",
      `${JSON.stringify(text)}: ${found}`,
    );
    assert.match(refusal(() => scanBody(text, CHUNKED, { from: "service" })), /^502 /);
    assert.match(refusal(() => scanBody(text, CHUNKED, { pieces: "verbatim" })), /^400 /);
  }
});

test("W7: sizes of 16 digits and of 2⁵³ − 1 are accepted", () => {
  assert.equal(payload("0000000000000001\r\nx\r\n0\r\n\r\n"), "x");
  assert.equal(refusal(() => scanBody("1fffffffffffff\r\nx", CHUNKED)), "accepted");
});

test("W7: of 256 bytes behind a size, only digits, `;` and CR are accepted", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const found = refusal(() => scanBody(`1${character}`, CHUNKED));
    assert.equal(found, /[0-9a-fA-F;\r]/.test(character) ? "accepted" : "400 chunk", `byte ${code}`);
  }
});

test("W8: chunk extensions are checked and stripped, also in verbatim pieces", () => {
  const text = '5;a;b=c;d="e;\\"\r'.slice(0, -1) + ' f"\r\nhello\r\n0;last=1\r\n\r\n';
  assert.equal(payload(text), "hello");
  const verbatim = scanBody(text, CHUNKED, { pieces: "verbatim" });
  assert.deepEqual([verbatim.out, verbatim.done], ["5\r\nhello\r\n0\r\n\r\n", true]);
});

test("W8: wrong chunk extensions -> 400", () => {
  const wrong = [
    "5;\r\n",
    "5;;\r\n",
    "5; a\r\n",
    "5;a =b\r\n",
    "5;a=\r\n",
    '5;a="b\r\n',
    '5;a="b"c\r\n',
    "5;a\n",
    "5;a\0\r\n",
    '5;a="\x7f"\r\n',
    '5;a="\xff"\r\n',
    "5;a=b=c\r\n",
  ];
  for (const text of wrong) {
    assert.equal(
      refusal(() => scanBody(`${text}hello\r\n0\r\n\r\n`, CHUNKED)),
      "400 chunk_extension",
      JSON.stringify(text),
    );
  }
});

test(`W8: extensions of ${MAX_EXTENSION_BYTES} bytes are accepted, one more is 400`, () => {
  const ofSize = (size: number): string => `1;${"a".repeat(size - 1)}\r\nx\r\n0\r\n\r\n`;
  assert.equal(payload(ofSize(MAX_EXTENSION_BYTES)), "x");
  assert.equal(refusal(() => payload(ofSize(MAX_EXTENSION_BYTES + 1))), "400 chunk_extension");
  assert.equal(refusal(() => scanBody(`1;${"a".repeat(65_536)}`, CHUNKED)), "400 chunk_extension");
});

test("W8: a flood of one-byte chunks with long extensions is refused, signed chunks of a long body are not", () => {
  const flood = `1;${"a".repeat(100)}\r\nx\r\n`.repeat(1_000);
  assert.equal(refusal(() => scanBody(flood, CHUNKED)), "400 chunk_extension");
  const signed = `400;chunk-signature=${"0".repeat(64)}\r\n${"x".repeat(1_024)}\r\n`.repeat(1_000);
  assert.equal(payload(`${signed}0\r\n\r\n`).length, 1_024_000);
  const tiny = "1\r\nx\r\n".repeat(20_000);
  assert.equal(payload(`${tiny}0\r\n\r\n`).length, 20_000);
});

test("W9: trailers that would change the message are dropped, others go on", () => {
  const bad = [
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Host: b.test",
    "Authorization: Basic eA==",
    "Cookie: a=b",
    "Set-Cookie: a=b",
    "Connection: close",
    "Trailer: x",
    "Content-Type: text/html",
    "Content-Encoding: gzip",
    "X-Forwarded-For: 1.2.3.4",
    "x_forwarded_for: 1.2.3.4",
    "Forwarded: for=x",
    "TE: trailers",
    "Upgrade: h2c",
    "Proxy-Authorization: x",
    "Sec-WebSocket-Accept: x",
    "Expect: 100-continue",
    "Cache-Control: no-store",
  ];
  const text = `1\r\nx\r\n0\r\n${bad.join("\r\n")}\r\nGrpc-Status: 0\r\nX-Checksum:  abc \r\n\r\nGET`;
  const body = scanBody(text, CHUNKED);
  assert.deepEqual(body.trailers, [["Grpc-Status", "0"], ["X-Checksum", "abc"]]);
  assert.equal(body.rest, "GET");
  const verbatim = scanBody(text, CHUNKED, { pieces: "verbatim" });
  assert.equal(verbatim.out, "1\r\nx\r\n0\r\nGrpc-Status: 0\r\nX-Checksum: abc\r\n\r\n");
});

test("W9: trailers are held to the rules of fields", () => {
  for (const line of ["X : y", " X: y", "X", "X: \0", "X: y\n", "X: y\rz", ": y"]) {
    assert.equal(
      refusal(() => scanBody(`0\r\n${line}\r\n\r\n`, CHUNKED)),
      "400 trailer",
      JSON.stringify(line),
    );
  }
});

test(`W9: trailers of ${MAX_TRAILER_BYTES} bytes and ${MAX_TRAILERS} fields are accepted, more are 431`, () => {
  const ofSize = (size: number): string => `0\r\nX: ${"y".repeat(size - 7)}\r\n\r\n`;
  assert.equal(ofSize(MAX_TRAILER_BYTES).length, MAX_TRAILER_BYTES + 3);
  assert.equal(refusal(() => payload(ofSize(MAX_TRAILER_BYTES))), "accepted");
  assert.equal(refusal(() => payload(ofSize(MAX_TRAILER_BYTES + 1))), "431 trailer_too_large");
  const ofCount = (count: number): string => `0\r\n${"X: y\r\n".repeat(count)}\r\n`;
  assert.equal(refusal(() => payload(ofCount(MAX_TRAILERS))), "accepted");
  assert.equal(refusal(() => payload(ofCount(MAX_TRAILERS + 1))), "431 trailer_too_large");
});

test("W33: a body of maxBodyBytes is accepted, one byte more is 413, of a service 502", () => {
  const options = { maxBodyBytes: 10 };
  const tries = (
    text: string,
    framing: Parameters<typeof scanBody>[1],
    from: "visitor" | "service",
  ): string => refusal(() => scanBody(text, framing, { ...options, from }));
  assert.equal(tries("", { kind: "length", bytes: 10 }, "visitor"), "accepted");
  assert.equal(tries("", { kind: "length", bytes: 11 }, "visitor"), "413 body_too_large");
  assert.equal(tries("5\r\nhello\r\n5\r\nhello\r\n0\r\n\r\n", CHUNKED, "visitor"), "accepted");
  assert.equal(tries("5\r\nhello\r\n6\r\n", CHUNKED, "visitor"), "413 body_too_large");
  assert.equal(tries("x".repeat(10), { kind: "until_close" }, "service"), "accepted");
  assert.equal(tries("x".repeat(11), { kind: "until_close" }, "service"), "502 body_too_large");
});

test("BodyScanner.remaining tells what is to come where that is known", () => {
  const scanner = new BodyScanner({ kind: "length", bytes: 5 }, { pieces: "payload", from: "visitor" });
  assert.equal(scanner.remaining, 5);
  scanner.scan(new Uint8Array(3));
  assert.equal(scanner.remaining, 2);
  scanner.scan(new Uint8Array(3));
  assert.equal(scanner.remaining, 0);
  assert.equal(new BodyScanner(CHUNKED, { pieces: "payload", from: "visitor" }).remaining, undefined);
});
