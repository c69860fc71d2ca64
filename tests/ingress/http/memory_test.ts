/**
 * Requests that are like the one before: what is remembered must never be seen.
 *
 * @module
 */
import assert from "node:assert/strict";
import { test } from "../../harness.ts";
import { request, response, type Stage, stage, type Talker } from "./_stage.ts";

function idOf(head: string): string {
  return /\r\nX-Request-Id: (.*)\r\n/i.exec(head)?.[1] ?? "";
}

/** Sends requests one after the other on one connection. @returns their heads, as the service has got them */
async function headsOf(at: Stage, visitor: Talker, requests: readonly string[]): Promise<string[]> {
  let origin: Talker | undefined;
  const heads: string[] = [];
  for (const [index, text] of requests.entries()) {
    await visitor.write(text);
    origin ??= await at.next();
    heads.push(await origin.head());
    const body = /\r\nContent-Length: (\d+)\r\n/i.exec(text);
    if (body !== null) assert.equal(await origin.read(Number(body[1])), `body ${index}`);
    await origin.write(
      response("200 OK", ["X-Same: yes", "Content-Length: 2"], String(index).padStart(2, "0")),
    );
    const answer = await visitor.response();
    assert.equal(answer.body, String(index).padStart(2, "0"));
    assert.match(answer.head, /^HTTP\/1\.1 200 OK\r\nX-Same: yes\r\nContent-Length: 2\r\n/);
  }
  return heads;
}

test("Equal requests reach the service alike, each with a name of its own", async () => {
  await using at = await stage({
    service: { requestHeaders: { set: { "x-client": "yes" }, remove: ["x-gone"] } },
  });
  const text = request("GET /same?a", ["Accept: */*", "X-Gone: 1", "X-Request-Id: mine"]);
  const heads = await headsOf(at, await at.visit(), Array.from({ length: 6 }, () => text));
  const ids = heads.map(idOf);
  assert.equal(new Set(ids).size, 6);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.equal(new Set(heads.map((head) => head.replace(idOf(head), ""))).size, 1, heads.join(""));
  assert.match(heads[5] ?? "", /\r\nX-Client: yes\r\n/i);
  assert.doesNotMatch(heads[5] ?? "", /X-Gone|mine/i);
});

test("Requests that differ in one thing only reach the service with that thing", async () => {
  await using at = await stage();
  const fields = ["Content-Length: 6", "Cookie: a=b"];
  const requests = [
    request("POST /a", fields, "body 0"),
    request("POST /a", fields, "body 1"),
    request("POST /a", fields, "body 2"),
    request("PUT /b?c", fields, "body 3"),
    request("PUT /b?c", ["Content-Length: 6", "Cookie: a=c"], "body 4"),
    request("PUT /b?c", ["Cookie: a=c"]),
    request("PUT /b?c", fields, "body 6"),
  ];
  const heads = await headsOf(at, await at.visit(), requests);
  const seen = heads.map((head) =>
    [/^.* /.exec(head)?.[0], /Cookie: (.*)\r/.exec(head)?.[1], /Content-Length: (.*)\r/.exec(head)?.[1]].join(
      " ",
    )
  );
  const [post, put] = ["POST /a  a=b 6", "PUT /b?c  a=b 6"];
  assert.deepEqual(seen, [post, post, post, put, "PUT /b?c  a=c 6", "PUT /b?c  a=c ", put]);
});

test("The name that a trusted proxy gives is kept, however often the request comes", async () => {
  await using at = await stage({ http: { trustedProxies: ["127.0.0.1"] } });
  const named = (id: string): string =>
    request("GET /", [`X-Request-Id: ${id}`, "X-Forwarded-For: 10.0.0.1"]);
  const requests = [
    named("one"),
    named("one"),
    named("one"),
    named("two"),
    named("no name"),
    named("no name"),
  ];
  const heads = await headsOf(at, await at.visit(), requests);
  const ids = heads.map(idOf);
  assert.deepEqual(ids.slice(0, 4), ["one", "one", "one", "two"]);
  assert.match(ids[5] ?? "", /^[0-9a-f]{32}$/);
  assert.notEqual(ids[4], ids[5]);
  for (const head of heads) assert.match(head, /\r\nX-Forwarded-For: 10\.0\.0\.1, 127\.0\.0\.1\r\n/);
});
