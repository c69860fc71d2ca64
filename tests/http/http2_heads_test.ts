import assert from "node:assert/strict";
import { HttpError } from "../../src/http/http_error.ts";
import { readHttp2Request, readHttp2Trailers } from "../../src/http/http2_request.ts";
import { readHttp2Response } from "../../src/http/http2_response.ts";
import { test } from "../harness.ts";

type Fields = readonly (readonly [name: string, value: string])[];

const GET: Fields = [[":method", "GET"], [":scheme", "https"], [":path", "/a?b"], [
  ":authority",
  "App.test:443",
]];

function replaced(name: string, value: string | undefined): Fields {
  return GET.flatMap(([key, old]) =>
    key !== name ? [[key, old] as const] : value === undefined ? [] : [[key, value] as const]
  );
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error));
    return `${error.status} ${error.rule}`;
  }
  return "none";
}

test("readHttp2Request() reads where a request goes and how its body is framed", () => {
  const head = readHttp2Request(
    [...GET, ["x-own", " v "], ["cookie", "a=1"], ["x-two", "2"], ["cookie", "b=2"]].flat(),
    {
      ended: true,
    },
  );
  assert.deepEqual(
    [head.method, head.target, head.version, head.host, head.port, head.framing.kind],
    ["GET", "/a?b", "2", "app.test", 443, "none"],
  );
  assert.deepEqual([...head.headers], [
    ["x-own", "v"],
    ["x-two", "2"],
    ["cookie", "a=1; b=2"],
    ["host", "App.test:443"],
  ]);
  assert.deepEqual(readHttp2Request(GET.flat(), { ended: false }).framing, { kind: "chunked" });
  const sized = [...GET, ["content-length", "5"]].flat();
  assert.deepEqual(readHttp2Request(sized, { ended: false }).framing, { kind: "length", bytes: 5 });
  const expecting = [...GET, ["expect", "100-continue"]].flat();
  assert.equal(readHttp2Request(expecting, { ended: false }).expectsContinue, true);
  assert.equal(readHttp2Request(expecting, { ended: true }).expectsContinue, false);
});

test("readHttp2Request() takes the host from Host where there is no :authority, and both where they agree", () => {
  const byHost = [...replaced(":authority", undefined), ["host", "b.test"]] as Fields;
  assert.equal(readHttp2Request(byHost.flat(), { ended: true }).host, "b.test");
  const both = [...GET, ["host", "APP.test:443"]].flat();
  assert.equal(readHttp2Request(both, { ended: true }).host, "app.test");
});

test("readHttp2Request() refuses what HTTP/1.1 would, and what has no place in HTTP/2", () => {
  const cases: [Fields, string][] = [
    [replaced(":authority", undefined), "400 host"],
    [replaced(":authority", "a@b"), "400 host"],
    [replaced(":authority", ""), "400 host"],
    [[...GET, ["host", "other.test"]], "400 host"],
    [[...replaced(":authority", undefined), ["host", "a"], ["host", "a"]], "400 host"],
    [replaced(":method", undefined), "400 method"],
    [replaced(":method", "G T"), "400 method"],
    [replaced(":method", "CONNECT"), "405 method"],
    [replaced(":method", "A".repeat(33)), "501 method"],
    [replaced(":scheme", "ftp"), "400 start_line"],
    [replaced(":scheme", undefined), "400 start_line"],
    [replaced(":path", undefined), "400 target"],
    [replaced(":path", ""), "400 target"],
    [replaced(":path", "a"), "400 target"],
    [replaced(":path", "*"), "400 target"],
    [replaced(":path", "/a b"), "400 target"],
    [replaced(":path", "/a#b"), "400 target"],
    [replaced(":path", "/a\r\nX: y"), "400 target"],
    [replaced(":path", `/${"a".repeat(8192)}`), "414 target_too_long"],
    [[...GET, [":path", "/"]], "400 field"],
    [[...GET, [":protocol", "websocket"]], "400 field"],
    [[["a", "b"], ...GET], "400 field"],
    [[...GET, ["X-Upper", "a"]], "400 field"],
    [[...GET, ["a b", "a"]], "400 field"],
    [[...GET, ["", "a"]], "400 field"],
    [[...GET, ["a", "b\r\nc: d"]], "400 bad_byte"],
    [[...GET, ["a", "b\0"]], "400 bad_byte"],
    [[...GET, ["a", "\u2028"]], "400 bad_byte"],
    [[...GET, ["te", "gzip"]], "400 connection"],
    [[...GET, ["expect", "200-ok"]], "417 expect"],
    [[...GET, ["content-length", "5"]], "400 content_length"],
    [[...GET, ["content-length", "+5"]], "400 content_length"],
    [[...GET, ["content-length", "0"], ["content-length", "0"]], "400 content_length"],
    [[...GET, ["a", "b".repeat(32 * 1024)]], "431 head_too_large"],
    [
      [...GET, ...Array.from({ length: 101 }, (_, index) => [`a${index}`, "b"] as const)],
      "431 too_many_fields",
    ],
  ];
  for (const name of ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]) {
    cases.push([[...GET, [name, "close"]], "400 connection"]);
  }
  for (const [fields, expected] of cases) {
    assert.equal(
      refusal(() => readHttp2Request(fields.flat(), { ended: true })),
      expected,
      JSON.stringify(fields.at(-1)).slice(0, 80),
    );
  }
});

test("readHttp2Request() takes as many fields, and as long a target, as are allowed", () => {
  const many = [...GET, ...Array.from({ length: 100 }, (_, index) => [`a${index}`, "b"] as const)];
  assert.equal(readHttp2Request(many.flat(), { ended: true }).headers.size, 101, "and Host");
  const long = replaced(":path", `/${"a".repeat(8191)}`);
  assert.equal(readHttp2Request(long.flat(), { ended: true }).target.length, 8192);
});

test("readHttp2Trailers() drops what may not stand there, and bounds the rest", () => {
  const trailers = readHttp2Trailers(["grpc-status", "0", "content-length", "5", "authorization", "x"]);
  assert.deepEqual([...trailers], [["grpc-status", "0"]]);
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => [`a${index}`, "b"]).flat();
  assert.equal(readHttp2Trailers(many(32)).size, 32);
  assert.equal(refusal(() => readHttp2Trailers(many(33))), "431 trailer_too_large");
  assert.equal(refusal(() => readHttp2Trailers(["a", "b".repeat(8192)])), "431 trailer_too_large");
  assert.equal(refusal(() => readHttp2Trailers([":path", "/"])), "400 field");
});

test("readHttp2Response() reads a status and how the body is framed", () => {
  const read = (raw: string[], options: { ended?: boolean; method?: string } = {}): unknown[] => {
    const { status, framing } = readHttp2Response(raw, { ended: false, method: "GET", ...options });
    return [status, framing.kind];
  };
  assert.deepEqual(read([":status", "200"]), [200, "until_close"]);
  assert.deepEqual(read([":status", "200", "content-length", "5"]), [200, "length"]);
  assert.deepEqual(read([":status", "200"], { ended: true }), [200, "none"]);
  assert.deepEqual(read([":status", "200", "content-length", "5"], { method: "HEAD" }), [200, "none"]);
  for (const status of [103, 204, 304]) assert.deepEqual(read([":status", String(status)]), [status, "none"]);
});

test("readHttp2Response() makes 502 of what cannot be", () => {
  const cases: [string[], string][] = [
    [[], "502 start_line"],
    [[":status", "20"], "502 start_line"],
    [[":status", "2000"], "502 start_line"],
    [[":status", "101"], "502 start_line"],
    [[":status", "200", "a b", "c"], "502 field"],
    [[":status", "200", "a", "b\r\nc"], "502 field"],
    [[":status", "200", "content-length", "1", "content-length", "1"], "502 content_length"],
    [[":status", "200", "content-length", "x"], "502 content_length"],
    [[":status", "200", "a", "b".repeat(32 * 1024)], "502 head_too_large"],
  ];
  for (const [raw, expected] of cases) {
    assert.equal(refusal(() => readHttp2Response(raw, { ended: false, method: "GET" })), expected);
  }
});
