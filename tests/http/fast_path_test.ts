/**
 * Heads whose lines are passed on as bytes, and heads that are known from the one before, against reading and writing every
 * field anew.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HOP, kindOf, kindOfBytes } from "../../src/http/field_kinds.ts";
import { type ForwardedRequest, forwardRequest, forwardResponse } from "../../src/http/forward.ts";
import { ForwardMemory } from "../../src/http/forward_memory.ts";
import { encodeRequestHead, encodeResponseHead } from "../../src/http/head_encoder.ts";
import { HeadMemory, MAX_REMEMBERED_BYTES } from "../../src/http/head_memory.ts";
import type { HeadLimits } from "../../src/http/head_limits.ts";
import type { HeaderList } from "../../src/http/header_list.ts";
import { ALL_NAMES, knownName } from "../../src/http/header_names.ts";
import { HttpError } from "../../src/http/http_error.ts";
import { newRequestId } from "../../src/http/request_id.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { ResponseHeadParser } from "../../src/http/response_head.ts";
import type { RequestHead, ResponseHead } from "../../src/http/types.ts";
import { test } from "../harness.ts";
import { CORPUS, Dice, mutated, runs } from "./corpus.ts";
import { bytesOf, cut, parseRequest, parseResponse, request, textOf } from "./support.ts";

const SEED = 20_261_126;

/** Responses to begin with. */
const RESPONSES: readonly string[] = [
  ["HTTP/1.1 200 OK", "Server: x/1", "Date: now", "Content-Length: 5", "Connection: keep-alive", 'ETag: "1"'],
  ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Vary: a", "Set-Cookie: a=b; c", "Set-Cookie: d=e"],
  ["HTTP/1.1 404 Nothing at all", "content-length: 0", "x-high: \xe4\xff", "X-Empty: "],
  ["HTTP/1.0 200 OK", "Content-Type: text/html", "Connection: close"],
  ["HTTP/1.1 204 No Content", "X-A: 1", "Connection: X-A, close"],
  ["HTTP/1.1 304 Not Modified", "Content-Length: 77", "ETag: 5"],
  ["HTTP/1.1 200 ", "X-Odd:  two spaces", "Keep-Alive: timeout=5", "Content-Length: 1"],
  ["HTTP/1.1 200 OK", "Upgrade: h2c", "Proxy-Authenticate: x", "Transfer_Encoding: chunked", "X-A: b"],
  ["HTTP/1.1 302 Found", "Location: /a", "X-Forwarded-For: 1.2.3.4", "Sec-WebSocket-Accept: x"],
].map((lines) => [...lines, "", ""].join("\r\n"));

/** What a call brings: its result, or the rule that it has broken. */
function outcome<Result>(call: () => Result): Result | string {
  try {
    return call();
  } catch (error) {
    if (error instanceof HttpError) return `${error.status} ${error.rule}`;
    throw error;
  }
}

function toldOfRequest(parsed: { head: RequestHead; end: number } | undefined): unknown {
  return parsed && { ...parsed.head, headers: [...parsed.head.headers], end: parsed.end };
}

function toldOfResponse(parsed: { head: ResponseHead; end: number } | undefined): unknown {
  if (parsed === undefined) return undefined;
  const { endToEnd, headers, ...rest } = parsed.head;
  return { ...rest, headers: [...headers], endToEnd: endToEnd?.fields(), end: parsed.end };
}

test("requests are read by a parser that has read others before as by a new one", () => {
  const dice = new Dice(SEED);
  let heads = 0;
  let known = 0;
  let cuts = 0;
  for (let run = 0; run < runs(1_500); run++) {
    const used = new RequestHeadParser();
    let before: string | undefined;
    let headers: HeaderList | undefined;
    for (let turn = 0; turn < 8; turn++) {
      const text = nextRequest(dice, before);
      const bytes = bytesOf(text);
      const fresh = outcome(() => toldOfRequest(new RequestHeadParser().push(bytes)));
      // Behind the head there may be anything; and it may come in two pieces.
      const [first, second] = cut(bytes, dice.roll(3) === 0 ? [dice.roll(bytes.length)] : []);
      let mine = outcome(() => used.push(first!.bytes, first!.start, first!.end));
      let passed = first!.start;
      if (mine === undefined && second !== undefined) {
        passed = second.start - (first!.end - first!.start);
        cuts++;
        mine = outcome(() => used.push(second.bytes, second.start, second.end));
      }
      const told = typeof mine === "string" || mine === undefined
        ? mine
        : toldOfRequest({ head: mine.head, end: mine.end - passed });
      assert.deepEqual(told, fresh, `run ${run}: ${JSON.stringify([before, text])}`);
      if (typeof mine === "string" || mine === undefined) break;
      heads++;
      if (mine.head.headers === headers) known++;
      headers = mine.head.headers;
      before = text;
    }
  }
  assert.ok(heads > 2_000 && known > heads / 5 && known < heads * 0.9, `${known} of ${heads} were known`);
  assert.ok(cuts > 100);
}, { timeoutMs: 300_000 });

/** The same request again, or with another first line, or a changed one, or another one. */
function nextRequest(dice: Dice, before: string | undefined): string {
  const choice = dice.roll(8);
  if (before === undefined || choice === 0) return dice.pick(CORPUS);
  if (choice < 3) return before;
  if (choice === 3) return mutated(dice, [before]);
  const [line = ""] = before.split("\r\n");
  const lines = [
    "GET /another?x HTTP/1.1",
    "POST /a HTTP/1.1",
    "GET / HTTP/1.0",
    "OPTIONS * HTTP/1.1",
    "GET * HTTP/1.1",
    "GET http://a.test/b HTTP/1.1",
    "GET http://b.test/ HTTP/1.1",
    "CONNECT a.test:80 HTTP/1.1",
    "TRACE / HTTP/1.1",
    "GET /# HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET  HTTP/1.1",
    "GET / HTTP/1.1 ",
    `${"M".repeat(33)} / HTTP/1.1`,
    "GET /\xe4 HTTP/1.1",
    line.toLowerCase(),
  ];
  return dice.pick(lines) + before.slice(line.length);
}

test("W10: the limits of a head hold for one whose field lines are known", () => {
  const lines = request("", []).length;
  const longest = `GET /${"a".repeat(200 - lines - "GET / HTTP/1.1".length)} HTTP/1.1`;
  for (const known of [false, true]) {
    const read = (line: string, limits: Partial<HeadLimits> = { maxHeadBytes: 200 }): unknown => {
      const parser = new RequestHeadParser(limits);
      if (known) parser.push(bytesOf(request("GET / HTTP/1.1")));
      return outcome(() => parser.push(bytesOf(request(line)))?.end);
    };
    assert.equal(request(longest).length, 200);
    assert.equal(read(longest.replace("/a", "/")), 199);
    assert.equal(read(longest), 200);
    assert.equal(read(longest.replace("/a", "/aa")), "431 head_too_large");
    const limits = { maxTargetBytes: 150 };
    assert.equal(typeof read(`GET /${"a".repeat(149)} HTTP/1.1`, limits), "number");
    assert.equal(read(`GET /${"a".repeat(150)} HTTP/1.1`, limits), "414 target_too_long");
  }
});

test("responses are read by a parser that has read others before as by a new one", () => {
  const dice = new Dice(SEED);
  const get = parseRequest(request("GET / HTTP/1.1"));
  const head = parseRequest(request("HEAD / HTTP/1.1"));
  let heads = 0;
  let known = 0;
  for (let run = 0; run < runs(1_500); run++) {
    const used = new ResponseHeadParser();
    let before: ResponseHead | undefined;
    let text = dice.pick(RESPONSES);
    for (let turn = 0; turn < 8; turn++) {
      const to = dice.roll(3) === 0 ? head : get;
      const bytes = bytesOf(text + "rest");
      const fresh = new ResponseHeadParser();
      fresh.expect(to);
      used.expect(to);
      const wanted = outcome(() => toldOfResponse(fresh.push(bytes)));
      const mine = outcome(() => used.push(bytes));
      const told = typeof mine === "string" ? mine : toldOfResponse(mine);
      assert.deepEqual(told, wanted, `run ${run}: ${JSON.stringify(text)}`);
      if (typeof mine === "string" || mine === undefined) break;
      heads++;
      if (mine.head === before) known++;
      before = mine.head;
      bytes.fill(0); // Nothing may be read from memory that was lent.
      assert.deepEqual(toldOfResponse(mine), wanted);
      const choice = dice.roll(4);
      if (choice === 0) text = dice.pick(RESPONSES);
      else if (choice === 1) text = mutated(dice, [text]);
    }
  }
  assert.ok(heads > 2_000 && known > heads / 5 && known < heads * 0.9, `${known} of ${heads} were known`);
}, { timeoutMs: 300_000 });

test("the lines of a response that go on as bytes are those that the encoder writes", () => {
  const dice = new Dice(SEED);
  let compared = 0;
  const texts = [...RESPONSES, ...Array.from({ length: runs(4_000) }, () => mutated(dice, RESPONSES))];
  for (const text of texts) {
    const to = parseRequest(request(`${dice.pick(["GET", "HEAD"])} / HTTP/${dice.pick(["1.0", "1.1"])}`));
    const parser = new ResponseHeadParser();
    parser.expect(to);
    const head = outcome(() => parser.push(bytesOf(text))?.head);
    if (typeof head !== "object" || head.endToEnd === undefined) continue;
    const options = { request: to, keepAlive: dice.roll(2) === 0 };
    const byField = forwardResponse({ ...head, endToEnd: undefined }, options);
    const byLines = forwardResponse(head, options);
    const encoded = textOf(encodeResponseHead(byLines));
    assert.equal(encoded, textOf(encodeResponseHead(byField)), JSON.stringify(text));
    assert.deepEqual([...byLines.headers], [...byField.headers]);
    if (byLines.headers.lines !== undefined) compared++;
    // What looks at the fields changes nothing, what changes them counts.
    assert.equal(textOf(encodeResponseHead(byLines)), encoded);
    for (const one of [byLines, byField]) {
      one.headers.set("X-New", "1");
      one.headers.delete("Server");
    }
    assert.equal(textOf(encodeResponseHead(byLines)), textOf(encodeResponseHead(byField)));
    assert.equal(byLines.headers.lines, undefined);
  }
  assert.ok(compared > texts.length / 20, `Only ${compared} of ${texts.length} went on as bytes`);
});

test("W23: what Connection lists, and odd spacing, is never passed on as bytes", () => {
  const to = parseRequest(request("GET / HTTP/1.1"));
  const endToEnd = (...fields: string[]): unknown =>
    parseResponse(["HTTP/1.1 200 OK", ...fields, "Content-Length: 0", "", ""].join("\r\n"), to).endToEnd;
  assert.notEqual(endToEnd("X-A: 1", "Connection: close, Keep-Alive"), undefined);
  assert.equal(endToEnd("X-A: 1", "Connection: close, x-a"), undefined);
  assert.equal(endToEnd("X-A: 1", "Connection: close", "connection: x-a"), undefined);
  for (const odd of ["X-A:1", "X-A:  1", "X-A:\t1", "X-A: 1 ", "X-A:"]) {
    assert.equal(endToEnd(odd), undefined);
  }
  assert.notEqual(endToEnd("X-A: "), undefined);
});

const TO = { address: "192.0.2.1", scheme: "http" as const };

test("a request that is recalled is the one that would have been made", () => {
  const dice = new Dice(SEED);
  const policies = [{ rewriteHost: undefined }, { rewriteHost: "other.test:81" }];
  let recalled = 0;
  for (const text of CORPUS) {
    const parser = new RequestHeadParser();
    const memory = new ForwardMemory();
    for (let turn = 0; turn < 20; turn++) {
      const [line = ""] = text.split("\r\n");
      const changed = dice.roll(3) === 0 && line !== ""
        ? `GET /${turn} HTTP/1.1${text.slice(line.length)}`
        : text;
      const head = outcome(() => parser.push(bytesOf(changed))?.head);
      if (typeof head === "string" || head === undefined) break;
      const policy = turn % 10 < 7 ? policies[0]! : policies[1]!;
      const id = newRequestId();
      const made = (): ForwardedRequest => forwardRequest(head, { ...TO, ...policy, requestId: id });
      const known = memory.recall(head, policy, id);
      if (known === undefined) memory.learn(head, policy, { forwarded: made(), id });
      else {
        recalled++;
        const expected = made();
        assert.equal(textOf(encodeRequestHead(known)), textOf(encodeRequestHead(expected)));
        assert.deepEqual([...known.headers], [...expected.headers]);
        known.headers.set("X-Request-Id", "another");
        expected.headers.set("X-Request-Id", "another");
        assert.equal(textOf(encodeRequestHead(known)), textOf(encodeRequestHead(expected)));
      }
    }
  }
  assert.ok(recalled > CORPUS.length * 5, `Only ${recalled} were recalled`);
});

test("ForwardMemory forgets when fields or policy are others, and learns what came twice", () => {
  const policy = {};
  const memory = new ForwardMemory();
  const learn = (head: RequestHead, id: string): void =>
    memory.learn(head, policy, { forwarded: forwardRequest(head, { ...TO, requestId: id }), id });
  const head = parseRequest(request("GET / HTTP/1.1"));
  learn(head, "1".repeat(32));
  assert.equal(memory.recall(head, policy, "x"), undefined);
  learn(head, "2".repeat(32));
  assert.match(
    textOf(encodeRequestHead(memory.recall(head, policy, "3".repeat(32))!)),
    /X-Request-Id: 3{32}\r\n/,
  );
  assert.equal(memory.recall(head, {}, "x"), undefined);
  assert.equal(memory.recall(parseRequest(request("GET / HTTP/1.1")), policy, "x"), undefined);
  // An id that stands twice, as only somebody who knew it could do, is not replaced.
  const spoofed = parseRequest(request("GET / HTTP/1.1", [`X-A: ${"4".repeat(32)}`]));
  for (let turn = 0; turn < 3; turn++) learn(spoofed, "4".repeat(32));
  assert.equal(memory.recall(spoofed, policy, "5".repeat(32)), undefined);
});

test(`HeadMemory keeps heads of up to ${MAX_REMEMBERED_BYTES} bytes`, () => {
  const memory = new HeadMemory<string>();
  const bytes = new Uint8Array(MAX_REMEMBERED_BYTES + 1).fill(7);
  memory.keep("head", bytes, { start: 0, fields: 9, end: MAX_REMEMBERED_BYTES });
  assert.equal(memory.head, "head");
  assert.equal(memory.match(bytes, 0, bytes.length), MAX_REMEMBERED_BYTES);
  assert.equal(memory.match(bytes, 0, MAX_REMEMBERED_BYTES - 1), -1);
  assert.equal(memory.matchFields(bytes, 5, bytes.length), 5 + MAX_REMEMBERED_BYTES - 9);
  memory.keep("longer", bytes, { start: 0, fields: 9, end: MAX_REMEMBERED_BYTES + 1 });
  assert.equal(memory.head, undefined);
  assert.equal(memory.match(bytes, 0, bytes.length), -1);
});

test("kindOfBytes() tells what kindOf() tells", () => {
  const dice = new Dice(SEED);
  const more = ["x-forwarded-", "X-Forwarded-Any", "x_forwarded_for", "Sec-WebSocket-Any", "sec-fetch-any"];
  const names = [...ALL_NAMES, ...more, "X", "_", "http2-settings", "authentication-info", "x-tunnel-token"];
  let special = 0;
  for (let run = 0; run < 5_000; run++) {
    let name = dice.pick(names);
    if (dice.roll(2) === 0) name = name.toLowerCase();
    if (dice.roll(3) === 0) name = name.replaceAll("-", "_");
    if (dice.roll(4) === 0) name = name.slice(0, dice.roll(name.length) + 1);
    const bytes = bytesOf(`..${name}:`);
    const end = bytes.length - 1;
    assert.equal(kindOfBytes(knownName(bytes, 2, end), bytes, 2, end), kindOf(name), name);
    if (kindOf(name) & HOP) special++;
  }
  assert.ok(special > 100);
});
