import assert from "node:assert/strict";
import { BodyScanner } from "../../src/http/body.ts";
import {
  CHUNK_HEADROOM,
  CHUNK_TAILROOM,
  encodeChunk,
  encodeLastChunk,
  LAST_CHUNK,
  wrapChunk,
} from "../../src/http/chunk_encoder.ts";
import { encodeErrorResponse, errorPage } from "../../src/http/error_page.ts";
import { HeaderList } from "../../src/http/header_list.ts";
import { isRequestId, newRequestId } from "../../src/http/request_id.ts";
import { test } from "../harness.ts";
import { bytesOf, scanBody, textOf } from "./support.ts";

test("encodeChunk() makes what BodyScanner reads", () => {
  for (const size of [1, 15, 16, 255, 256, 4_096, 70_000]) {
    const payload = Uint8Array.from({ length: size }, (_, index) => index & 0xff);
    const text = textOf(encodeChunk(payload));
    assert.ok(text.startsWith(`${size.toString(16)}\r\n`));
    const body = scanBody(text + textOf(LAST_CHUNK), { kind: "chunked" });
    assert.deepEqual([body.out, body.done, body.rest], [textOf(payload), true, ""]);
  }
  assert.throws(() => encodeChunk(new Uint8Array(0)), RangeError);
});

test("wrapChunk() needs room on both sides", () => {
  const buffer = new Uint8Array(CHUNK_HEADROOM + 5 + CHUNK_TAILROOM).fill(0x78);
  assert.equal(
    textOf(buffer.subarray(wrapChunk(buffer, CHUNK_HEADROOM, CHUNK_HEADROOM + 5))),
    "5\r\nxxxxx\r\n",
  );
  assert.throws(() => wrapChunk(buffer, CHUNK_HEADROOM - 1, CHUNK_HEADROOM + 5), RangeError);
  assert.throws(() => wrapChunk(buffer, CHUNK_HEADROOM, CHUNK_HEADROOM + 6), RangeError);
  assert.throws(() => wrapChunk(buffer, CHUNK_HEADROOM, CHUNK_HEADROOM), RangeError);
});

test("encodeLastChunk() writes trailers", () => {
  const trailers = new HeaderList([["Grpc-Status", "0"], ["X", ""]]);
  const text = textOf(encodeLastChunk(trailers));
  assert.equal(text, "0\r\nGrpc-Status: 0\r\nX: \r\n\r\n");
  assert.equal(textOf(encodeLastChunk(new HeaderList())), textOf(LAST_CHUNK));
  assert.throws(() => encodeLastChunk(new HeaderList([["X", "a\r\nb"]])), TypeError);
});

test("errorPage() answers in the form that Accept likes best", () => {
  const rows = [
    [undefined, "text/plain; charset=utf-8"],
    ["*/*", "text/plain; charset=utf-8"],
    ["", "text/plain; charset=utf-8"],
    ["image/png", "text/plain; charset=utf-8"],
    ["text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"],
    ["application/json", "application/json"],
    ["application/json;q=0.5, TEXT/HTML;q=0.9", "text/html; charset=utf-8"],
    ["text/html;q=0, application/json;q=0.1", "application/json"],
    ["text/html;q=x, text/plain", "text/plain; charset=utf-8"],
    ["constructor, __proto__", "text/plain; charset=utf-8"],
  ] as const;
  for (const [accept, expected] of rows) {
    assert.equal(errorPage(502, { requestId: "abc", accept }).contentType, expected, accept ?? "none");
  }
});

test("every page names status and request and nothing that was not checked", () => {
  for (const accept of ["text/plain", "text/html", "application/json"]) {
    for (const status of [400, 404, 408, 413, 414, 417, 431, 500, 501, 502, 503, 504, 505, 599]) {
      const text = textOf(errorPage(status, { requestId: "id-1", accept }).body);
      assert.ok(text.includes(String(status)) && text.includes("id-1"), `${status} ${accept}`);
      if (accept === "application/json") assert.equal(JSON.parse(text).status, status);
      const evil = textOf(errorPage(status, { requestId: "<script>", accept }).body);
      assert.ok(!evil.includes("<script>"));
    }
  }
});

test("encodeErrorResponse() is a whole response", () => {
  const text = textOf(encodeErrorResponse(503, { requestId: "id-1", retryAfterS: 4.2 }));
  const [head = "", body = ""] = text.split("\r\n\r\n");
  const lines = head.split("\r\n");
  assert.equal(lines[0], "HTTP/1.1 503 Service Unavailable");
  for (
    const line of [
      `Content-Length: ${body.length}`,
      "Connection: close",
      "X-Request-Id: id-1",
      "Retry-After: 5",
      "Cache-Control: no-store",
    ]
  ) assert.ok(lines.includes(line), line);
  const keep = textOf(encodeErrorResponse(404, { requestId: "id-1", keepAlive: true, method: "HEAD" }));
  assert.ok(keep.endsWith("\r\n\r\n") && /Content-Length: [1-9]/.test(keep) && !keep.includes("Connection"));
  const old = textOf(encodeErrorResponse(404, { requestId: "a", keepAlive: true, version: "1.0" }));
  assert.ok(old.includes("Connection: keep-alive"));
  assert.ok(textOf(encodeErrorResponse(405, { requestId: "a" })).includes("Allow: GET"));
  assert.ok(!textOf(encodeErrorResponse(502, { requestId: "a\r\nb: c" })).includes("b: c"));
});

test("newRequestId() gives new ids", () => {
  const ids = new Set(Array.from({ length: 2_000 }, newRequestId));
  assert.equal(ids.size, 2_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
});

test("isRequestId() accepts 1 to 128 harmless characters", () => {
  assert.equal(isRequestId("a".repeat(128)), true);
  for (const text of ["", "a".repeat(129), "a b", "a\n", "<", "\xe4"]) {
    assert.equal(isRequestId(text), false, text);
  }
});

test("HeaderList finds fields in any case, keeps order and doubled ones", () => {
  const list = new HeaderList([["Set-Cookie", "a"], ["X", "1"], ["set-cookie", "b"]]);
  assert.equal(list.get("SET-COOKIE"), "a");
  assert.deepEqual(list.getAll("Set-cookie"), ["a", "b"]);
  assert.equal(list.has("x"), true);
  assert.equal(list.has("@"), false);
  const copy = list.clone();
  copy.set("set-cookie", "c");
  assert.deepEqual([...copy], [["X", "1"], ["set-cookie", "c"]]);
  copy.delete("X");
  assert.equal(copy.size, 1);
  assert.equal(list.size, 3);
  // Characters that differ by the same bit as letters do.
  assert.equal(new HeaderList([["a^b", "1"]]).has("a~b"), false);
  assert.equal(new HeaderList([["a`b", "1"]]).has("a@b"), false);
});

test("5 GB of chunks go through a scanner that keeps nothing", () => {
  const scanner = new BodyScanner({ kind: "chunked" }, { pieces: "verbatim", from: "service" });
  const chunk = bytesOf(`100000\r\n${"x".repeat(0x100000)}\r\n`);
  for (let index = 0; index < 5_000; index++) {
    assert.equal(scanner.scan(chunk), chunk.length);
    assert.deepEqual([scanner.pieceStart, scanner.pieceEnd], [0, chunk.length]);
  }
  assert.equal(scanner.payloadBytes, 5_000 * 0x100000);
  scanner.scan(LAST_CHUNK);
  assert.equal(scanner.done, true);
});
