import assert from "node:assert/strict";
import { forwardRequest } from "../../src/http/forward.ts";
import { test } from "../harness.ts";
import { parseRequest, refusal, request, table } from "./support.ts";

const GET = "GET / HTTP/1.1";
const POST = "POST / HTTP/1.1";

const HOST_ROWS: readonly (readonly [string, readonly string[], string])[] = [
  ["missing", [], "400 host"],
  ["doubled, equal", ["Host: a.test", "Host: a.test"], "400 host"],
  ["doubled, other case", ["Host: a.test", "HOST: b.test"], "400 host"],
  ["with comma", ["Host: a.test,b.test"], "400 host"],
  ["with comma and space", ["Host: a.test, b.test"], "400 host"],
  ["with userinfo", ["Host: user@a.test"], "400 host"],
  ["with path", ["Host: a.test/b"], "400 host"],
  ["with query", ["Host: a.test?b"], "400 host"],
  ["with fragment", ["Host: a.test#b"], "400 host"],
  ["with scheme", ["Host: http://a.test"], "400 host"],
  ["with backslash", ["Host: a.test\\b"], "400 host"],
  ["with space", ["Host: a.test b"], "400 host"],
  ["with percent escape", ["Host: a%2etest"], "400 host"],
  ["empty", ["Host: "], "400 host"],
  ["only a port", ["Host: :80"], "400 host"],
  ["only a dot", ["Host: ."], "400 host"],
  ["port 0", ["Host: a.test:0"], "400 host"],
  ["port 65535", ["Host: a.test:65535"], "accepted"],
  ["port 65536", ["Host: a.test:65536"], "400 host"],
  ["port with sign", ["Host: a.test:+80"], "400 host"],
  ["two ports", ["Host: a.test:80:80"], "400 host"],
  ["beyond ASCII", ["Host: \xe4.test"], "400 host"],
];
for (const [title, fields, expected] of HOST_ROWS) {
  for (const version of ["HTTP/1.1", "HTTP/1.0"]) {
    test(`W13 Host ${title} in ${version} -> ${expected}`, () => {
      const text = [`GET / ${version}`, ...fields, "", ""].join("\r\n");
      assert.equal(refusal(() => parseRequest(text)), expected);
    });
  }
}

test("W14: every spelling of a host leads to one key", () => {
  const spellings = [
    "app.example.com",
    "APP.example.COM",
    "App.Example.Com.",
    "app.example.com:80",
    "app.example.com.:8443",
  ];
  for (const spelling of spellings) {
    const head = parseRequest(request(GET, [`Host: ${spelling}`]));
    assert.equal(head.host, "app.example.com");
    assert.equal(head.headers.get("host"), spelling);
  }
});

table("W15 absolute form", [
  ["the same host", "GET http://a.test/b HTTP/1.1", ["Host: a.test"], "accepted"],
  ["the same host in another spelling", "GET HTTP://A.TEST.:80/b HTTP/1.1", ["Host: a.test"], "accepted"],
  ["another host", "GET http://b.test/ HTTP/1.1", ["Host: a.test"], "400 host"],
  ["another port", "GET http://a.test:81/ HTTP/1.1", ["Host: a.test"], "400 host"],
  ["another port in Host", "GET http://a.test/ HTTP/1.1", ["Host: a.test:81"], "400 host"],
  ["with userinfo", "GET http://u@a.test/ HTTP/1.1", ["Host: a.test"], "400 target"],
  ["without a host", "GET http:///b HTTP/1.1", ["Host: a.test"], "400 target"],
  ["another scheme", "GET ftp://a.test/ HTTP/1.1", ["Host: a.test"], "400 target"],
  ["one slash", "GET http:/a.test/ HTTP/1.1", ["Host: a.test"], "400 target"],
]);

test("W15: absolute form becomes origin form", () => {
  const rows = [
    ["GET http://a.test/b?c HTTP/1.1", "/b?c"],
    ["GET https://a.test HTTP/1.1", "/"],
    ["GET http://a.test?c HTTP/1.1", "/?c"],
    ["OPTIONS http://a.test HTTP/1.1", "*"],
    ["OPTIONS http://a.test/ HTTP/1.1", "/"],
    ["GET http://a.test//b HTTP/1.1", "//b"],
  ] as const;
  for (const [line, target] of rows) assert.equal(parseRequest(request(line)).target, target, line);
});

table("W16 target", [
  ["OPTIONS *", "OPTIONS * HTTP/1.1", [], "accepted"],
  ["GET *", "GET * HTTP/1.1", [], "400 target"],
  ["OPTIONS **", "OPTIONS ** HTTP/1.1", [], "400 target"],
  ["authority form", "GET a.test:80 HTTP/1.1", [], "400 target"],
  ["CONNECT", "CONNECT a.test:80 HTTP/1.1", [], "405 method"],
  ["CONNECT with a path", "CONNECT / HTTP/1.1", [], "405 method"],
  ["fragment", "GET /a#b HTTP/1.1", [], "400 target"],
  ["backslash", "GET /a\\b HTTP/1.1", [], "400 target"],
  ["backslash first", "GET \\a HTTP/1.1", [], "400 target"],
  ["no slash first", "GET a HTTP/1.1", [], "400 target"],
  ["nothing", "GET  HTTP/1.1", [], "400 start_line"],
  ["two spaces before", "GET  / HTTP/1.1", [], "400 start_line"],
  ["two spaces behind", "GET /  HTTP/1.1", [], "400 start_line"],
  ["a space in it", "GET /a b HTTP/1.1", [], "400 start_line"],
]);

test("W17: Proxy-Authorization neither leads a request anywhere nor goes on", () => {
  const head = parseRequest(
    request("GET http://a.test/b HTTP/1.1", ["Host: a.test", "Proxy-Authorization: Basic YTpi"]),
  );
  assert.equal(head.host, "a.test");
  const { headers } = forwardRequest(head, { address: "192.0.2.1", scheme: "http" });
  assert.equal(headers.has("proxy-authorization"), false);
  assert.equal(headers.get("host"), "a.test");
});

test("W17: with absolute form, routing goes by what the service will see as Host", () => {
  const head = parseRequest(
    request("GET http://a.test/x HTTP/1.1", ["Host: a.test", "Proxy-Authorization: Basic eA=="]),
  );
  assert.equal(head.host, "a.test");
  assert.equal(head.headers.get("host"), "a.test");
  assert.equal(head.target, "/x");
});

table("W18 Expect", [
  ["100-continue", POST, ["Content-Length: 1", "Expect: 100-continue"], "accepted"],
  ["100-Continue", POST, ["Content-Length: 1", "Expect: 100-Continue"], "accepted"],
  ["another", POST, ["Content-Length: 1", "Expect: 200-ok"], "417 expect"],
  ["another beside it", POST, ["Expect: 100-continue, x"], "417 expect"],
  ["another in a field of its own", POST, ["Expect: 100-continue", "Expect: x"], "417 expect"],
  ["empty", POST, ["Expect:"], "417 expect"],
]);

test("W18: only a request with a body in HTTP/1.1 waits for 100 Continue", () => {
  const waits = (line: string, fields: string[]): boolean =>
    parseRequest(request(line, [...fields, "Expect: 100-continue"])).expectsContinue;
  assert.equal(waits(POST, ["Content-Length: 1"]), true);
  assert.equal(waits(POST, ["Transfer-Encoding: chunked"]), true);
  assert.equal(waits(POST, ["Content-Length: 0"]), false);
  assert.equal(waits(POST, []), false);
  assert.equal(waits("POST / HTTP/1.0", ["Content-Length: 1"]), false);
});

test("W22: any method may have a body, and it is framed", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "POST"]) {
    const framed = (field: string): unknown => parseRequest(request(`${method} / HTTP/1.1`, [field])).framing;
    assert.deepEqual(framed("Content-Length: 5"), { kind: "length", bytes: 5 });
    assert.deepEqual(framed("Content-Length: 0"), { kind: "length", bytes: 0 });
    assert.deepEqual(framed("Transfer-Encoding: chunked"), { kind: "chunked" });
    assert.deepEqual(framed("X: y"), { kind: "none" });
  }
  assert.equal(refusal(() => parseRequest(request("TRACE / HTTP/1.1", ["Content-Length: 5"]))), "400 method");
  assert.equal(refusal(() => parseRequest(request("TRACE / HTTP/1.1"))), "accepted");
});

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

test("W26: only a whole WebSocket handshake is an upgrade", () => {
  const upgrades = (line: string, fields: string[]): boolean =>
    parseRequest(request(line, fields)).upgradesToWebSocket;
  assert.equal(upgrades(GET, ["Connection: Upgrade", "Upgrade: websocket", KEY]), true);
  assert.equal(upgrades(GET, ["Connection: keep-alive, upgrade", "Upgrade: h2c, WebSocket", KEY]), true);
  for (const protocol of ["h2c", "TLS/1.0", "IRC/6.9", "websocket/13", "websockets", ""]) {
    assert.equal(upgrades(GET, ["Connection: Upgrade", `Upgrade: ${protocol}`, KEY]), false, protocol);
  }
  assert.equal(upgrades(GET, ["Upgrade: websocket", KEY]), false);
  assert.equal(upgrades(GET, ["Connection: Upgrade", KEY]), false);
  assert.equal(upgrades(POST, ["Connection: Upgrade", "Upgrade: websocket", KEY]), false);
  assert.equal(upgrades("GET / HTTP/1.0", ["Connection: Upgrade", "Upgrade: websocket", KEY]), false);
  assert.equal(upgrades(GET, ["Connection: Upgrade", "Upgrade: websocket", KEY, "Content-Length: 1"]), false);
});

table("W26 WebSocket key", [
  ["missing", GET, ["Connection: Upgrade", "Upgrade: websocket"], "400 websocket"],
  ["doubled", GET, ["Connection: Upgrade", "Upgrade: websocket", KEY, KEY], "400 websocket"],
  [
    "too short",
    GET,
    ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA=="],
    "400 websocket",
  ],
]);

table("W29 other protocols", [
  ["the preface of HTTP/2", "PRI * HTTP/2.0", ["Host: a.test"], "400 start_line"],
  ["HTTP/2.0", "GET / HTTP/2.0", [], "505 version"],
  ["HTTP/1.2", "GET / HTTP/1.2", [], "505 version"],
  ["HTTP/0.9", "GET / HTTP/0.9", [], "505 version"],
  ["http/1.1", "GET / http/1.1", [], "400 start_line"],
  ["HTTP/1.1 with more", "GET / HTTP/1.10", [], "400 start_line"],
  ["HTTP/1.1 with a space behind", "GET / HTTP/1.1 ", [], "400 start_line"],
  ["no version", "GET /", [], "400 start_line"],
  ["one word", "hello", [], "400 start_line"],
  ["nothing", "", [], "400 start_line"],
  ["a space first", " GET / HTTP/1.1", [], "400 start_line"],
  ["SSH", "SSH-2.0-OpenSSH_9.6", [], "400 start_line"],
]);

test("W29: the preface of HTTP/2 and TLS are refused with their first bytes", () => {
  assert.equal(refusal(() => parseRequest("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), "400 start_line");
  assert.equal(refusal(() => parseRequest("\x16\x03\x01\x02\x00\x01")), "400 bad_byte");
});

test("W12: pipelined requests are read one by one, each with its own host", () => {
  const text = request("GET /1 HTTP/1.1", ["Host: a.test"]) + request("GET /2 HTTP/1.1", ["Host: b.test"]);
  assert.equal(parseRequest(text).host, "a.test");
  assert.equal(parseRequest(text.slice(text.indexOf("GET /2"))).host, "b.test");
});

test("Connection decides whether the connection goes on", () => {
  const keeps = (line: string, ...fields: string[]): boolean => parseRequest(request(line, fields)).keepAlive;
  assert.equal(keeps(GET), true);
  assert.equal(keeps(GET, "Connection: close"), false);
  assert.equal(keeps(GET, "Connection: x, CLOSE"), false);
  assert.equal(keeps(GET, "Connection: keep-alive", "Connection: close"), false);
  assert.equal(keeps("GET / HTTP/1.0"), false);
  assert.equal(keeps("GET / HTTP/1.0", "Connection: Keep-Alive"), true);
  assert.equal(keeps("GET / HTTP/1.0", "Connection: keep-alive, close"), false);
  assert.equal(refusal(() => parseRequest(request(GET, ["Connection: a b"]))), "400 connection");
});
