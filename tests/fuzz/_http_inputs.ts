/**
 * What the targets of HTTP begin with, and what is put into it.
 *
 * @module
 */
import { CORPUS, PARTS } from "../http/corpus.ts";
import { request } from "../http/support.ts";
import type { Material } from "./_mutator.ts";
import { latin1 } from "./_target.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const LABEL = "l".repeat(63);

/** Requests that differ in what a parser has to look at, beside those of the corpus. */
const REQUESTS = [
  request("GET /ws HTTP/1.1", ["Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Key: ${KEY}`]),
  request("GET /w HTTP/1.1", [
    "Connection: a, upgrade",
    "Upgrade: b, WebSocket",
    `sec-websocket-key: ${KEY}`,
  ]),
  request("GET https://B.test:443/x HTTP/1.1", ["Host: b.test"]),
  request("GET http://b.test?q HTTP/1.1", ["Host: b.test:80"]),
  request("OPTIONS http://b.test HTTP/1.1", ["Host: b.test."]),
  request("GET /6 HTTP/1.1", ["Host: [2001:DB8:0:0::1]:8080"]),
  request("GET http://[::ffff:1.2.3.4]/ HTTP/1.1", ["Host: [::ffff:102:304]"]),
  request("GET /4 HTTP/1.1", ["Host: 127.0.0.1:65535"]),
  request("TRACE /t HTTP/1.1"),
  request("POST /t HTTP/1.0", ["Expect: 100-Continue", "Content-Length: 9007199254740991"]),
  request("GET /f HTTP/1.1", ["Connection: close", "Connection: x-y", "x-y: 1", "TE: trailers"]),
];
/** At the limits of length and of number, and one over; and methods that are refused. */
const RARE_REQUESTS = [
  ...[98, 99, 100].map((count) => request("GET /n HTTP/1.1", Array.from({ length: count }, () => "a: b"))),
  ...[8191, 8192].map((size) => request(`GET /${"t".repeat(size)} HTTP/1.1`)),
  ...[32, 33].map((size) => request(`${"M".repeat(size)} / HTTP/1.1`)),
  ...[32_700, 32_729, 32_730, 32_768].map((size) => request("GET / HTTP/1.1", [`a: ${"v".repeat(size)}`])),
  ...["", "a.", "l"].map((more) => request("GET / HTTP/1.1", [`Host: ${more}${LABEL}`])),
  request("GET / HTTP/1.1", [`Host: ${[LABEL, LABEL, LABEL, LABEL.slice(2)].join(".")}`]),
  request("GET / HTTP/1.1", [`Host: ${[LABEL, LABEL, LABEL, LABEL.slice(1)].join(".")}`]),
  request("GET / HTTP/1.1", [`Cookie: ${"c".repeat(2_100)}`]),
  "t".repeat(33_000),
  request("CONNECT a.test:443 HTTP/1.1"),
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  request("TRACE /t HTTP/1.1", ["Content-Length: 1"]),
];
const FIELD_WORDS = [
  "Upgrade: websocket\r\n",
  "Connection: upgrade\r\n",
  `Sec-WebSocket-Key: ${KEY}\r\n`,
  "Content-Length: 9007199254740992\r\n",
  "Transfer-Encoding: gzip, chunked\r\n",
  "Connection: keep-alive, close\r\n",
  "Expect: x\r\n",
  "Host: [::1]\r\n",
  "https://",
  "HTTP/3.0",
  "PRI * HTTP/2.0",
  "CONNECT",
  "TRACE",
  "::",
  "[",
  "]",
  "0x",
  ".",
  ":80",
  ":443",
  ":65536",
  "1.2.3.4",
  "256",
  "%41",
];

/** Heads of requests, some with what follows. */
export const REQUEST_MATERIAL: Material = {
  inputs: [...CORPUS, ...REQUESTS].map(latin1),
  rare: RARE_REQUESTS.map(latin1),
  words: [...PARTS, ...FIELD_WORDS].map(latin1),
};

const INTERIM = "HTTP/1.1 100 Continue\r\n\r\n";

/** Heads of responses. */
export const RESPONSE_MATERIAL: Material = {
  inputs: [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nhi",
    "HTTP/1.1 404 Not here\r\ntransfer-encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nX-A:b\r\n\r\n",
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "a"\r\n\r\n',
    `${INTERIM}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`,
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    "HTTP/1.1 599\r\nServer: \xe4\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  ].map(latin1),
  rare: [
    ...[100, 101].map((count) => `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(count)}\r\n`),
    ...[8, 9].map((count) => `${INTERIM.repeat(count)}HTTP/1.1 204 No Content\r\n\r\n`),
  ].map(latin1),
  words: [...PARTS, "HTTP/1.1 ", "100 ", "101 ", "204 ", "200 OK", ...FIELD_WORDS].map(latin1),
};

/** The handshake that the response of {@linkcode RESPONSE_MATERIAL} with status 101 answers. */
export const UPGRADE_REQUEST: Uint8Array = latin1(REQUESTS[0]!);

/** Chunked bodies, and what follows. */
export const CHUNKED_MATERIAL: Material = {
  inputs: [
    "5\r\nhello\r\n6\r\n, you!\r\n0\r\n\r\nNEXT",
    '3;a=b;c="d\\"e"\r\nabc\r\n1\r\nx\r\n0;z\r\nX-T: v\r\nHost: b\r\n\r\nNEXT',
    "A\r\n0\r\n\r\n01234\r\n0\r\nA: b\r\n\r\nNEXT",
    "001;n=v\r\nx\r\n0\r\nTrailer: a\r\nX-S: \t v \r\nx: \xff\r\n\r\n",
  ].map(latin1),
  rare: [
    `1;${"e".repeat(16_383)}\r\nx\r\n0\r\n\r\n`,
    `1;${"e".repeat(16_384)}\r\nx\r\n0\r\n\r\n`,
    ...[32, 33].map((count) => `0\r\n${"a: b\r\n".repeat(count)}\r\n`),
    ...[8_185, 8_186, 8_187].map((size) => `0\r\na: ${"v".repeat(size)}\r\n\r\n`),
  ].map(latin1),
  words: [
    ...'\r\n|\r|\n|;|=|"|\\|0|a|F| |\t|0\r\n\r\n|0\r\nA: b\r\n|1\r\nx\r\n|;a="b"|\0|\xff|: '.split("|"),
    "fffffffffffff",
    "20000000000000",
    "0000000000000000",
    "Content-Length: 1\r\n",
  ].map(latin1),
};
