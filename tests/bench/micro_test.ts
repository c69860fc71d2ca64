import assert from "node:assert/strict";
import { readNaively } from "../../bench/micro/naive_head.ts";
import { REQUESTS } from "../../bench/micro/requests.ts";
import { RequestHeadParser } from "../../src/http/request_head.ts";
import { test } from "../harness.ts";

test("the naive reader and the parser find the same in the heads that they are compared with", () => {
  const all = Object.entries(REQUESTS);
  assert.equal(all.length, 2);
  for (const [name, bytes] of all) {
    const naive = readNaively(bytes);
    const parsed = new RequestHeadParser().push(bytes);
    assert.ok(naive !== undefined && parsed !== undefined, name);
    const { method, target, version, headers } = parsed.head;
    assert.deepEqual({ method, target, version }, {
      method: naive.method,
      target: naive.target,
      version: naive.version,
    });
    assert.equal(parsed.end, bytes.length);
    assert.deepEqual([...headers].map(([field, value]) => [field.toLowerCase(), value]), [
      ...naive.fields.map(([field, value]) => [field.toLowerCase(), value]),
    ]);
  }
  assert.equal(readNaively(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n")), undefined);
});
