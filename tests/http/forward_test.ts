import assert from "node:assert/strict";
import {
  forwardRequest,
  type ForwardRequestOptions,
  forwardResponse,
  passesInterim,
} from "../../src/http/forward.ts";
import {
  encodeRequestHead,
  encodeResponseHead,
  requestHeadBytes,
  writeRequestHead,
} from "../../src/http/head_encoder.ts";
import { HeaderList } from "../../src/http/header_list.ts";
import { test } from "../harness.ts";
import { parseRequest, parseResponse, request, textOf } from "./support.ts";

const OPTIONS: ForwardRequestOptions = { address: "192.0.2.1", scheme: "http" };
const GET = "GET / HTTP/1.1";

/** The lines that the service gets for a request. */
function sent(
  line: string,
  fields: readonly string[] = [],
  options: Partial<ForwardRequestOptions> = {},
): string[] {
  const forwarded = forwardRequest(parseRequest(request(line, fields)), { ...OPTIONS, ...options });
  return textOf(encodeRequestHead(forwarded)).split("\r\n").slice(0, -2);
}

/** The lines that the visitor gets for a response. */
function answered(lines: readonly string[], to = parseRequest(request(GET)), keepAlive?: boolean): string[] {
  const head = parseResponse([...lines, "", ""].join("\r\n"), to);
  const forwarded = forwardResponse(head, { request: to, ...(keepAlive === undefined ? {} : { keepAlive }) });
  return textOf(encodeResponseHead(forwarded)).split("\r\n").slice(0, -2);
}

const ORIGIN = ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a.test"];

test("forwardRequest() sends a request on in origin form, as HTTP/1.1, with Host first", () => {
  assert.deepEqual(sent("GET http://a.test/b?c HTTP/1.1", ["X-A: b", "Host: a.test", "Cookie: c"]), [
    "GET /b?c HTTP/1.1",
    "Host: a.test",
    "X-A: b",
    "Cookie: c",
    ...ORIGIN,
  ]);
  assert.equal(sent("GET / HTTP/1.0")[0], "GET / HTTP/1.1");
  assert.equal(sent("OPTIONS * HTTP/1.1")[0], "OPTIONS * HTTP/1.1");
});

test("forwardRequest() writes the framing itself", () => {
  assert.ok(sent(GET, ["content-length: 007"]).includes("Content-Length: 7"));
  assert.ok(sent(GET, ["transfer-encoding: Chunked"]).includes("Transfer-Encoding: chunked"));
  assert.ok(!sent(GET).some((line) => /^(content-length|transfer-encoding)/i.test(line)));
});

test("forwardRequest() rewrites Host and tells the visitor's in X-Forwarded-Host", () => {
  const lines = sent(GET, ["Host: A.test:8080"], { rewriteHost: "localhost:3000" });
  assert.equal(lines[1], "Host: localhost:3000");
  assert.ok(lines.includes("X-Forwarded-Host: A.test:8080"));
});

test("W23: hop-by-hop fields and what Connection lists are not sent on", () => {
  const lines = sent(GET, [
    "Connection: close, X-Secret , keep-alive",
    "Connection: x-other",
    "X-Secret: 1",
    "X-OTHER: 2",
    "X-Stays: 3",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic eA==",
    "TE: trailers",
    "Upgrade: h2c",
    "HTTP2-Settings: AA",
  ]);
  assert.deepEqual(lines, [GET, "Host: a.test", "X-Stays: 3", ...ORIGIN]);
});

test("W23: Connection cannot take away Host, framing, auth or where a request came from", () => {
  const names = [
    "Host",
    "Content-Length",
    "Authorization",
    "Cookie",
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "Content-Type",
  ];
  const lines = sent(GET, [
    `Connection: ${names.join(", ")}`,
    "Content-Length: 3",
    "Authorization: Basic eA==",
    "Cookie: a=b",
    "Content-Type: text/plain",
    "X-Forwarded-For: 198.51.100.1",
    "Forwarded: for=198.51.100.1",
    "X-Real-IP: 198.51.100.1",
  ], { trusted: true });
  for (const name of names) assert.ok(lines.some((line) => line.startsWith(`${name}: `)), name);
});

test("W30: what a visitor says about where it came from is dropped", () => {
  const lines = sent(GET, [
    "X-Forwarded-For: 127.0.0.1",
    "x-forwarded-for: 10.0.0.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.test",
    "X-Forwarded-Port: 443",
    "X-Forwarded-Prefix: /admin",
    "X-Real-IP: 127.0.0.1",
    "Forwarded: for=127.0.0.1",
    "X_Forwarded_For: 127.0.0.1",
    "x_real_ip: 127.0.0.1",
  ]);
  assert.deepEqual(lines, [GET, "Host: a.test", ...ORIGIN]);
});

test("W30: what a trusted proxy says is kept, and its own address is added", () => {
  const lines = sent(GET, [
    "X-Forwarded-For: 198.51.100.1",
    "X-Forwarded-For: 198.51.100.2",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.test",
    "Forwarded: for=198.51.100.1;proto=https",
    "X_Forwarded_For: 127.0.0.1",
  ], { trusted: true, address: "2001:db8::1" });
  assert.deepEqual(lines, [
    GET,
    "Host: a.test",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.test",
    "X-Forwarded-For: 198.51.100.1, 198.51.100.2, 2001:db8::1",
    'Forwarded: for=198.51.100.1;proto=https, for="[2001:db8::1]";host="a.test";proto=http',
  ]);
  assert.deepEqual(sent(GET, [], { trusted: true, scheme: "https" }).slice(2), [
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: a.test",
  ]);
});

test("W26: only the change to WebSocket is asked of the service", () => {
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const lines = sent(GET, ["Connection: Upgrade", "Upgrade: h2c, websocket", key]);
  assert.deepEqual(lines.slice(-2), ["Connection: Upgrade", "Upgrade: websocket"]);
  assert.ok(lines.includes(key));
  assert.ok(!sent(GET, ["Connection: Upgrade", "Upgrade: h2c"]).some((line) => /upgrade/i.test(line)));
});

test("W18: Expect goes on only where the visitor waits", () => {
  assert.ok(sent(GET, ["Expect: 100-Continue", "Content-Length: 1"]).includes("Expect: 100-continue"));
  assert.ok(!sent(GET, ["Expect: 100-continue"]).some((line) => line.startsWith("Expect")));
});

test("forwardRequest() puts its request id in the place of the visitor's", () => {
  const lines = sent(GET, ["x-request-id: fake"], { requestId: "abc" });
  assert.deepEqual(lines.filter((line) => /request-id/i.test(line)), ["X-Request-Id: abc"]);
  assert.ok(sent(GET, ["x-request-id: own"]).includes("x-request-id: own"));
});

test("whatever is done to the fields afterwards, the encoder writes framing, Host and hop-by-hop fields itself", () => {
  const forwarded = forwardRequest(parseRequest(request(GET, ["Content-Length: 3"])), OPTIONS);
  for (
    const name of [
      "Content-Length",
      "content-length",
      "Transfer-Encoding",
      "Host",
      "Connection",
      "Expect",
      "Upgrade",
      "TE",
    ]
  ) {
    forwarded.headers.append(name, "5");
  }
  forwarded.headers.append("Content_Length", "5");
  const lines = textOf(encodeRequestHead(forwarded)).split("\r\n").slice(0, -2);
  assert.deepEqual(lines, [GET, "Host: a.test", ...ORIGIN, "Content-Length: 3"]);
});

test("nothing can be slipped into a head: 256 characters and more in name, value, target, Host, reason", () => {
  const base = forwardRequest(parseRequest(request(GET)), OPTIONS);
  const response = forwardResponse(parseResponse("HTTP/1.1 200 OK\r\n\r\n"), {
    request: parseRequest(request(GET)),
  });
  for (let code = 0; code < 300; code++) {
    const text = `a${String.fromCharCode(code)}b`;
    const control = (code < 0x20 && code !== 9) || code === 0x7f || code > 0xff;
    const encodes = (run: () => unknown): boolean => {
      try {
        run();
        return true;
      } catch (error) {
        assert.ok(error instanceof TypeError);
        return false;
      }
    };
    // A list that was made without checks.
    const withField = (name: string, value: string): HeaderList => new HeaderList([[name, value]]);
    assert.equal(
      encodes(() => encodeRequestHead({ ...base, headers: withField("X", text) })),
      !control,
      `value ${code}`,
    );
    assert.equal(encodes(() => encodeRequestHead({ ...base, host: text })), !control, `host ${code}`);
    assert.equal(
      encodes(() => encodeResponseHead({ ...response, reason: text })),
      !control,
      `reason ${code}`,
    );
    const token = code < 0x80 && /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code));
    assert.equal(
      encodes(() => encodeRequestHead({ ...base, headers: withField(text, "x") })),
      token,
      `name ${code}`,
    );
    assert.equal(encodes(() => encodeResponseHead({ ...response, headers: withField(text, "x") })), token);
    assert.equal(encodes(() => encodeRequestHead({ ...base, method: text })), token, `method ${code}`);
    const target = code > 0x20 && code < 0x7f && code !== 0x23 && code !== 0x5c;
    assert.equal(encodes(() => encodeRequestHead({ ...base, target: `/${text}` })), target, `target ${code}`);
    assert.equal(encodes(() => new HeaderList().append("X", text)), !control);
    assert.equal(encodes(() => new HeaderList().set(text, "x")), token);
  }
  for (const target of ["", "a", "http://a/"]) {
    assert.throws(() => encodeRequestHead({ ...base, target }), TypeError);
  }
  assert.throws(() => encodeRequestHead({ ...base, method: "" }), TypeError);
  for (const status of [99, 1000, 200.5, Number.NaN]) {
    assert.throws(() => encodeResponseHead({ ...response, status }), RangeError);
  }
});

test("writeRequestHead() writes into a buffer, if there is room", () => {
  const forwarded = forwardRequest(
    parseRequest(request(GET, ["Content-Length: 9007199254740991", "Expect: 100-continue"])),
    OPTIONS,
  );
  const size = requestHeadBytes(forwarded);
  const buffer = new Uint8Array(size + 3);
  const end = writeRequestHead(forwarded, buffer, 3);
  assert.deepEqual(buffer.subarray(3, end), encodeRequestHead(forwarded));
  assert.throws(() => writeRequestHead(forwarded, buffer, 4), RangeError);
});

test("forwardResponse() sends a response on without what belongs to the service's connection", () => {
  assert.deepEqual(
    answered([
      "HTTP/1.1 200 Fine",
      "Connection: X-Hop, Set-Cookie",
      "X-Hop: 1",
      "Keep-Alive: timeout=5",
      "Set-Cookie: a=b",
      "set-cookie: c=d",
      "content-length: 05",
      "Proxy-Authenticate: x",
    ]),
    ["HTTP/1.1 200 Fine", "Set-Cookie: a=b", "set-cookie: c=d", "Content-Length: 5"],
  );
});

test("forwardResponse() frames for the visitor's version", () => {
  const old = parseRequest(request("GET / HTTP/1.0", ["Connection: keep-alive"]));
  assert.deepEqual(answered(["HTTP/1.1 200 OK"]), ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"]);
  assert.deepEqual(answered(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], old), [
    "HTTP/1.1 200 OK",
    "Connection: close",
  ]);
  assert.deepEqual(answered(["HTTP/1.1 200 OK"], old), ["HTTP/1.1 200 OK", "Connection: close"]);
  assert.deepEqual(answered(["HTTP/1.1 200 OK", "Content-Length: 1"], old), [
    "HTTP/1.1 200 OK",
    "Content-Length: 1",
    "Connection: keep-alive",
  ]);
  const closing = parseRequest(request(GET, ["Connection: close"]));
  assert.ok(answered(["HTTP/1.1 200 OK", "Content-Length: 1"], closing).includes("Connection: close"));
  assert.ok(
    answered(["HTTP/1.1 200 OK", "Content-Length: 1"], undefined, false).includes("Connection: close"),
  );
});

test("W20: lengths of bodies that are not sent are told for HEAD and 304 only", () => {
  const head = parseRequest(request("HEAD / HTTP/1.1"));
  assert.deepEqual(answered(["HTTP/1.1 200 OK", "Content-Length: 5"], head), [
    "HTTP/1.1 200 OK",
    "Content-Length: 5",
  ]);
  assert.deepEqual(answered(["HTTP/1.1 304 Not Modified", "Content-Length: 5"]), [
    "HTTP/1.1 304 Not Modified",
    "Content-Length: 5",
  ]);
  assert.deepEqual(answered(["HTTP/1.1 204 No Content", "Content-Length: 5"]), ["HTTP/1.1 204 No Content"]);
  assert.deepEqual(answered(["HTTP/1.1 304 Not Modified", "Content_Length: abc"]), [
    "HTTP/1.1 304 Not Modified",
  ]);
  assert.deepEqual(answered(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], head), ["HTTP/1.1 200 OK"]);
});

test("W19: interim responses go to HTTP/1.1 only, 100 Continue only to who waits", () => {
  const hints = parseResponse("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  const goOn = parseResponse("HTTP/1.1 100 Continue\r\n\r\n");
  const ordinary = parseRequest(request(GET));
  const waiting = parseRequest(request(GET, ["Expect: 100-continue", "Content-Length: 1"]));
  const old = parseRequest(request("GET / HTTP/1.0"));
  assert.deepEqual([hints, goOn].map((head) => passesInterim(head, ordinary)), [true, false]);
  assert.deepEqual([hints, goOn].map((head) => passesInterim(head, waiting)), [true, true]);
  assert.deepEqual([hints, goOn].map((head) => passesInterim(head, old)), [false, false]);
  assert.deepEqual(
    textOf(encodeResponseHead(forwardResponse(hints, { request: ordinary }))),
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
  );
});

test("W27: a 101 tells the switch", () => {
  const upgrade = parseRequest(
    request(GET, [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ]),
  );
  const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  assert.deepEqual(
    answered(
      ["HTTP/1.1 101 Switching Protocols", "Connection: upgrade", "upgrade: WebSocket", accept],
      upgrade,
    ),
    [
      "HTTP/1.1 101 Switching Protocols",
      accept,
      "Connection: Upgrade",
      "Upgrade: websocket",
    ],
  );
});

test("what is sent to the service is read again as the same request", () => {
  const head = parseRequest(request("POST /a?b HTTP/1.1", ["X-A: \xe4", "Content-Length: 3", "Cookie: a"]));
  const again = parseRequest(textOf(encodeRequestHead(forwardRequest(head, OPTIONS))));
  assert.deepEqual([again.method, again.target, again.host, again.framing], [
    head.method,
    head.target,
    head.host,
    head.framing,
  ]);
  assert.equal(again.headers.get("x-a"), "\xe4");
});
