import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { basicAuth, MAX_CHECKS, MAX_REMEMBERED, MAX_WAITING } from "../../src/plugins/basic.ts";
import { hashPassword, parsePasswordHash, verifyPassword } from "../../src/plugins/password.ts";
import { tokenAuth } from "../../src/plugins/token.ts";
import type { RequestVerdict } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { answerField, Bench, requestOf, statusIn, statusOf } from "./support.ts";

/** Cheap enough for tests. */
const CHEAP = { cost: 2, blockSize: 1, parallel: 1 };

function basic(user: string, password: string): readonly [string, string] {
  return ["Authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`];
}

test("tokenAuth() lets in who shows a good token, plain or hashed, and nobody else", async () => {
  const hash = createHash("sha256").update("hashed one").digest("hex");
  const plugin = await new Bench().make(tokenAuth({ tokens: ["plain", `sha256:${hash}`] }));
  const cases: [value: string, status: number | undefined][] = [
    ["Bearer plain", undefined],
    ["bearer  plain", undefined],
    ["Bearer hashed one", undefined],
    [`Bearer sha256:${hash}`, 401],
    ["Bearer plai", 401],
    ["Bearer plainn", 401],
    ["Bearer Plain", 401],
    ["Bearer ", 401],
    ["Bearer", 401],
    ["plain", 401],
    ["Basic plain", 401],
    ["", 401],
  ];
  for (const [value, status] of cases) {
    assert.equal(statusOf(plugin, requestOf({ fields: [["authorization", value]] })), status, value);
  }
  assert.equal(statusOf(plugin, requestOf()), 401);
  assert.equal(answerField(plugin, requestOf(), "www-authenticate"), "Bearer");
});

test("tokenAuth() takes the token from another header, and takes no doubled one", async () => {
  const plugin = await new Bench().make(tokenAuth({ tokens: ["one"], header: "X-Key" }));
  assert.equal(statusOf(plugin, requestOf({ fields: [["x-key", "one"]] })), undefined);
  assert.equal(statusOf(plugin, requestOf({ fields: [["x-key", "one"], ["X-Key", "one"]] })), 401);
  assert.equal(statusOf(plugin, requestOf({ fields: [["authorization", "Bearer one"]] })), 401);
  assert.equal(answerField(plugin, requestOf(), "www-authenticate"), undefined);
});

test("tokenAuth() removes the field unless it is to be forwarded", async () => {
  for (const forward of [false, true]) {
    const plugin = await new Bench().make(tokenAuth({ tokens: ["one"], forward }));
    const request = requestOf({ fields: [["authorization", "Bearer one"]] });
    statusOf(plugin, request);
    assert.equal(request.headers.has("authorization"), forward);
  }
});

test("tokenAuth() refuses options that cannot be", () => {
  for (const tokens of [[], [""], ["a\nb"], [" a"], ["sha256:12"]]) {
    assert.throws(() => tokenAuth({ tokens }), TypeError);
  }
  assert.throws(() => tokenAuth({ tokens: ["a"], header: "X Y" }), TypeError);
});

test("hashPassword() makes hashes that verifyPassword() knows, each with its own salt", async () => {
  const [one, two] = [await hashPassword("geheim", CHEAP), await hashPassword("geheim", CHEAP)];
  assert.notEqual(one, two);
  const hash = parsePasswordHash(one);
  assert.ok(hash !== undefined);
  assert.equal(await verifyPassword("geheim", hash), true);
  assert.equal(await verifyPassword("geheim ", hash), false);
  assert.match(await hashPassword("x"), /^scrypt:32768:8:3:/);
  const accent = parsePasswordHash(await hashPassword("é", CHEAP));
  assert.equal(await verifyPassword("e\u0301", accent!), true);
});

test("hashPassword() and parsePasswordHash() refuse costs out of bounds", async () => {
  const hash = await hashPassword("x", { cost: 2 ** 10, blockSize: 1, parallel: 16 });
  assert.ok(parsePasswordHash(hash) !== undefined);
  for (
    const [from, to] of [
      ["scrypt:1024:1:16", "scrypt:1024:1:17"],
      ["scrypt:1024:1:16", "scrypt:1023:1:16"],
      ["scrypt:1024:1:16", "scrypt:1:1:16"],
      ["scrypt:1024:1:16", "scrypt:1024:0:16"],
      ["scrypt:1024:1:16", "scrypt:1024:33:16"],
      // 256 MiB are the bound: 128 · 2^18 · 8 reaches it, 128 · 2^18 · 9 is beyond.
      ["scrypt:1024:1:16", "scrypt:262144:9:1"],
      ["scrypt:", "bcrypt:"],
    ] as const
  ) assert.equal(parsePasswordHash(hash.replace(from, to)), undefined, to);
  assert.ok(parsePasswordHash(hash.replace("scrypt:1024:1:16", "scrypt:262144:8:1")) !== undefined);
  assert.equal(parsePasswordHash(hash.slice(0, -1)), undefined);
  await assert.rejects(hashPassword("x", { cost: 3 }), RangeError);
  await assert.rejects(hashPassword(""), TypeError);
});

test("basicAuth() lets in who knows the password, the first time slowly, then at once", async () => {
  const bench = new Bench();
  const users = { ada: await hashPassword("ge:heim", CHEAP), "ä b": await hashPassword("ö", CHEAP) };
  const plugin = await bench.make(basicAuth({ users, rememberMs: 1_000 }));
  for (const [user, password] of [["ada", "ge:heim"], ["ä b", "ö"]] as const) {
    const first = plugin.onRequest?.(requestOf({ fields: [basic(user, password)] }));
    assert.ok(first instanceof Promise);
    assert.equal(await first, undefined);
    const request = requestOf({ fields: [basic(user, password)] });
    assert.equal(plugin.onRequest?.(request), undefined);
    assert.equal(request.headers.has("authorization"), false);
  }
  bench.clock.advance(999);
  assert.equal(plugin.onRequest?.(requestOf({ fields: [basic("ada", "ge:heim")] })), undefined);
  bench.clock.advance(1);
  assert.ok(plugin.onRequest?.(requestOf({ fields: [basic("ada", "ge:heim")] })) instanceof Promise);
});

test("basicAuth() answers 401 with a challenge to everybody else", async () => {
  const users = { ada: await hashPassword("geheim", CHEAP) };
  const plugin = await new Bench().make(basicAuth({ users, realm: "The office" }));
  const good = basic("ada", "geheim");
  const wrong: (readonly (readonly [string, string])[])[] = [
    [],
    [basic("ada", "geheim ")],
    [basic("Ada", "geheim")],
    [basic("bob", "geheim")],
    [basic("", "geheim")],
    [["Authorization", "Basic"]],
    [["Authorization", "Basic !!!"]],
    [["Authorization", `Basic ${Buffer.from("ada").toString("base64")}`]],
    [["Authorization", "Bearer geheim"]],
    [["Proxy-Authorization", good[1]]],
    [good, good],
    [["Authorization", `Basic ${"A".repeat(2048)}`]],
  ];
  for (const fields of wrong) {
    const verdict = await plugin.onRequest?.(requestOf({ fields }));
    assert.equal(statusIn(verdict), 401, JSON.stringify(fields));
    // Nothing that was wrong is remembered.
    assert.equal(statusIn(await plugin.onRequest?.(requestOf({ fields }))), 401);
  }
  const expected = 'Basic realm="The office", charset="UTF-8"';
  assert.equal(answerField(plugin, requestOf(), "www-authenticate"), expected);
  assert.equal(await plugin.onRequest?.(requestOf({ fields: [good] })), undefined);
});

test("basicAuth() forwards the field when told to", async () => {
  const users = { ada: await hashPassword("geheim", CHEAP) };
  const plugin = await new Bench().make(basicAuth({ users, forward: true }));
  const request = requestOf({ fields: [basic("ada", "geheim")] });
  assert.equal(await plugin.onRequest?.(request), undefined);
  assert.equal(request.headers.has("authorization"), true);
});

test("basicAuth() checks a few passwords at once, lets some wait, and sends the rest away", async () => {
  const users = { ada: await hashPassword("geheim", CHEAP) };
  const plugin = await new Bench().make(basicAuth({ users }));
  const guesses: (RequestVerdict | Promise<RequestVerdict> | undefined)[] = [];
  for (let guess = 0; guess < MAX_CHECKS + MAX_WAITING; guess++) {
    guesses.push(plugin.onRequest?.(requestOf({ fields: [basic("ada", `guess ${guess}`)] })));
  }
  assert.ok(guesses.every((guess) => guess instanceof Promise));
  // The same password again needs no check of its own; another one has no place.
  assert.ok(plugin.onRequest?.(requestOf({ fields: [basic("ada", "guess 0")] })) instanceof Promise);
  assert.equal(statusOf(plugin, requestOf({ fields: [basic("ada", "one more")] })), 503);
  for (const guess of guesses) assert.equal(statusIn(await guess), 401);
  assert.equal(await plugin.onRequest?.(requestOf({ fields: [basic("ada", "geheim")] })), undefined);
});

test("basicAuth() remembers no more than its bound", async () => {
  const names = Array.from({ length: MAX_REMEMBERED + 1 }, (_, index) => `user${index}`);
  const hash = await hashPassword("geheim", CHEAP);
  const plugin = await new Bench().make(
    basicAuth({ users: Object.fromEntries(names.map((name) => [name, hash])) }),
  );
  for (const name of names.slice(0, -1)) {
    await plugin.onRequest?.(requestOf({ fields: [basic(name, "geheim")] }));
  }
  const again = (name = ""): unknown => plugin.onRequest?.(requestOf({ fields: [basic(name, "geheim")] }));
  assert.equal(again(names[1]), undefined);
  assert.equal(again(names[0]), undefined);
  await again(names.at(-1));
  assert.equal(again(names.at(-1)), undefined);
  const forgotten = again(names[2]); // Used longest ago.
  assert.ok(forgotten instanceof Promise);
  await forgotten;
});

test("basicAuth() refuses options that cannot be", async () => {
  const hash = await hashPassword("x", CHEAP);
  assert.throws(() => basicAuth({ users: {} }), TypeError);
  assert.throws(() => basicAuth({ users: { ada: "x" } }), TypeError);
  assert.throws(() => basicAuth({ users: { "a:b": hash } }), TypeError);
  assert.throws(() => basicAuth({ users: { ada: hash }, realm: 'a"b' }), TypeError);
  assert.throws(() => basicAuth({ users: { ada: hash }, realm: "" }), TypeError);
});
