/**
 * What visitors name reaches neither the labels of metrics nor a terminal.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HttpError } from "../../src/http/http_error.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { test } from "../harness.ts";
import { stage } from "../ingress/http/_stage.ts";

const HOSTS = 10_000;
const HOSTS_PER_CONNECTION = 1_000;

test(`A11: ${HOSTS} hosts that nobody has share the labels of one`, async () => {
  await using at = await stage({ limits: { httpMaxRequests: HOSTS_PER_CONNECTION } });
  const labels = (): string[] =>
    [...at.server.counters.entries()].map(({ name, label }) => `${name} ${label}`).sort();
  let before: string[] | undefined;
  for (let first = 0; first < HOSTS; first += HOSTS_PER_CONNECTION) {
    const visitor = await at.visit();
    let text = "";
    for (let host = first; host < first + HOSTS_PER_CONNECTION; host++) {
      text += `HEAD /${host} HTTP/1.1\r\nHost: h${host}.test\r\n\r\n`;
    }
    await visitor.write(text);
    assert.equal((await visitor.rest()).match(/HTTP\/1\.1 404 /g)?.length, HOSTS_PER_CONNECTION);
    before ??= labels();
  }
  assert.ok((before ?? []).length > 0);
  assert.deepEqual(labels(), before);
  assert.equal(at.server.counters.get("http_requests", "4xx"), HOSTS);
});

test("A6: no message about a request has a control character in it, whatever the request has", () => {
  const places: readonly ((character: string) => string)[] = [
    (at) => `G${at}T / HTTP/1.1\r\nHost: a\r\n\r\n`,
    (at) => `GET /${at} HTTP/1.1\r\nHost: a\r\n\r\n`,
    (at) => `GET / HTTP/1.${at}\r\nHost: a\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a${at}\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a\r\nX${at}: a\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a\r\nConnection: a${at}\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a\r\nExpect: a${at}\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: a${at}\r\n\r\n`,
    (at) => `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: a${at}\r\n\r\n`,
    (at) => `GET http://b${at}/ HTTP/1.1\r\nHost: a\r\n\r\n`,
  ];
  let refused = 0;
  for (const place of places) {
    for (let code = 0; code < 256; code++) {
      const bytes = Uint8Array.from(place(String.fromCharCode(code)), (character) => character.charCodeAt(0));
      try {
        new RequestHeadParser().push(bytes);
      } catch (error) {
        assert.ok(error instanceof HttpError);
        // deno-lint-ignore no-control-regex -- control characters are what it looks for
        assert.doesNotMatch(error.message, /[\x00-\x1f\x7f-\x9f]/, `character ${code}`);
        refused++;
      }
    }
  }
  assert.ok(refused > 1_000);
});
