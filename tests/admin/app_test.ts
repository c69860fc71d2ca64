import assert from "node:assert/strict";
import { test } from "../harness.ts";
import { PAGES as RATE } from "../../src/admin/app.ts";
import { ask, HOST, makeApp, makeTarget, TOKEN } from "./fixtures.ts";

const PAGES = ["/api/v1/status", "/metrics"];
const SHUT = [...PAGES, "/", "/nothing", "/healthz/", "/HEALTHZ", "/healthz%2f", "//healthz"];

test("/healthz answers ok to anyone", async () => {
  const response = await ask(makeApp(), "/healthz", { headers: { authorization: undefined } });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "ok");
});

test("/readyz follows the target", async () => {
  let ready = false;
  const app = makeApp(makeTarget({ ready: () => ready }));
  assert.equal((await ask(app, "/readyz", { headers: { authorization: undefined } })).status, 503);
  ready = true;
  assert.equal((await ask(app, "/readyz", { headers: { authorization: undefined } })).status, 200);
});

test("/api/v1/status shows role, readiness and the target's state", async () => {
  const response = await ask(makeApp(), "/api/v1/status");
  assert.equal(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  assert.deepEqual(await response.json(), { role: "server", ready: true, status: { sessions: 2 } });
});

test("all but the open pages want the token", async () => {
  const app = makeApp();
  const wrong = [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(0, -1)}`,
    `Bearer ${TOKEN} ${TOKEN}`,
    TOKEN,
    `Basic ${TOKEN}`,
    `Basic ${btoa(`:${TOKEN}`)}`,
  ];
  for (const path of SHUT) {
    for (const authorization of wrong) {
      const response = await ask(app, path, { headers: { authorization } });
      assert.equal(response.status, 401, `${path} with ${authorization}`);
      assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer /);
      assert.doesNotMatch(await response.text(), new RegExp(TOKEN));
    }
  }
});

test("the scheme's name is taken in any case", async () => {
  const response = await ask(makeApp(), "/metrics", { headers: { authorization: `bEARER  ${TOKEN}` } });
  assert.equal(response.status, 200);
});

test("a token in the query opens nothing", async () => {
  const path = `/metrics?token=${TOKEN}&access_token=${TOKEN}`;
  assert.equal((await ask(makeApp(), path, { headers: { authorization: undefined } })).status, 401);
});

test("without a configured token all but the open pages are shut and say how to set one", async () => {
  for (const token of [undefined, ""]) {
    const app = makeApp(makeTarget(), { token });
    for (const authorization of [undefined, "Bearer ", "Bearer x"]) {
      for (const path of SHUT) {
        const response = await ask(app, path, { headers: { authorization } });
        assert.equal(response.status, 401);
        const { error } = await response.json() as { error: string };
        assert.match(error, /FERROTUNNEL_ADMIN_TOKEN/);
      }
    }
    assert.equal((await ask(app, "/healthz")).status, 200);
    assert.equal((await ask(app, "/readyz")).status, 200);
  }
});

test("a foreign Host field is refused before anything else", async () => {
  const app = makeApp();
  for (const path of ["/healthz", "/metrics", "/nothing"]) {
    for (const host of ["evil.example", "evil.example:7836", "127.0.0.1:1", undefined]) {
      const response = await ask(app, path, { headers: { host, authorization: undefined } });
      assert.equal(response.status, 421, `${path} for ${host}`);
    }
  }
});

test("requests from other sites are refused even with the token", async () => {
  const app = makeApp();
  for (
    const headers of [{ origin: "http://evil.example" }, { "sec-fetch-site": "cross-site" }, {
      origin: "null",
    }]
  ) {
    const response = await ask(app, "/api/v1/status", { headers });
    assert.equal(response.status, 403);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  }
  assert.equal((await ask(app, "/api/v1/status", { headers: { origin: `http://${HOST}` } })).status, 200);
});

test("an unknown path is a 404 in JSON", async () => {
  const response = await ask(makeApp(), "/nothing");
  assert.equal(response.status, 404);
  assert.deepEqual(Object.keys(await response.json() as object), ["error"]);
});

test("any method but GET and HEAD is a 405 in JSON that names them", async () => {
  const app = makeApp();
  for (const path of ["/healthz", ...PAGES]) {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
      const response = await ask(app, path, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      assert.deepEqual(Object.keys(await response.json() as object), ["error"]);
    }
  }
  const head = await ask(app, "/healthz", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
});

test("an error inside is a 500 that tells the log, not the visitor", async () => {
  const heard: Error[] = [];
  const fail = (): never => {
    throw new Error("secret detail");
  };
  const app = makeApp(makeTarget({ status: fail, gauges: fail }), { onError: (error) => heard.push(error) });
  for (const path of PAGES) {
    const response = await ask(app, path);
    assert.equal(response.status, 500);
    assert.doesNotMatch(await response.text(), /secret|Error:/);
  }
  assert.deepEqual(heard.map((error) => error.message), Array(2).fill("secret detail"));
});

test("every answer carries the security headers", async () => {
  const app = makeApp(makeTarget({
    status: () => {
      throw new Error("down");
    },
  }));
  const asked: [number, Promise<Response>][] = [
    [200, ask(app, "/healthz")],
    [200, ask(app, "/metrics")],
    [401, ask(app, "/metrics", { headers: { authorization: undefined } })],
    [403, ask(app, "/metrics", { headers: { origin: "null" } })],
    [404, ask(app, "/nothing")],
    [405, ask(app, "/metrics", { method: "POST" })],
    [421, ask(app, "/metrics", { headers: { host: "evil.example" } })],
    [500, ask(app, "/api/v1/status")],
  ];
  for (const [status, pending] of asked) {
    const response = await pending;
    assert.equal(response.status, status);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff", `${status}`);
    assert.equal(response.headers.get("x-frame-options"), "DENY", `${status}`);
    assert.equal(response.headers.get("cache-control"), "no-store", `${status}`);
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/, `${status}`);
  }
});

test("A10: as many pages are made as the rate permits and not one more; health is told all the same", async () => {
  let ms = 0;
  const target = makeTarget();
  const app = makeApp(target, { now: () => ms });
  const statusOf = async (path: string): Promise<number> => (await ask(app, path)).status;
  for (let request = 0; request < RATE.burst; request++) {
    assert.equal(await statusOf(PAGES[request % 2] ?? ""), 200, `request ${request}`);
  }
  const refused = await ask(app, "/metrics");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal(target.counters.get("limits_hit", "admin_requests"), 1);
  for (const open of ["/healthz", "/readyz"]) assert.equal(await statusOf(open), 200);
  ms += 1000;
  for (let request = 0; request < RATE.perSecond; request++) assert.equal(await statusOf("/metrics"), 200);
  assert.equal(await statusOf("/metrics"), 429);
});

test("A10: whoever has no token uses up nobody's pages", async () => {
  const app = makeApp(makeTarget(), { now: () => 0 });
  for (let request = 0; request <= RATE.burst; request++) {
    const response = await ask(app, "/metrics", { headers: { authorization: "Bearer wrong" } });
    assert.equal(response.status, 401);
  }
  assert.equal((await ask(app, "/metrics")).status, 200);
});

test("A9: no body is read, however it is framed, and no spelling of a path leads past the token", async () => {
  let reloads = 0;
  const app = makeApp(makeTarget({
    reload: () => Promise.resolve({ ok: true, changes: [{ type: "reload", text: `${++reloads}` }] }),
  }));
  let pulled = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      pulled++;
      controller.enqueue(new Uint8Array(65_536));
    },
  }, { highWaterMark: 0 });
  const init = {
    method: "POST",
    body: endless,
    duplex: "half",
    headers: { host: HOST, authorization: `Bearer ${TOKEN}` },
  };
  const response = await app.request(`http://${HOST}/api/v1/reload`, init);
  assert.deepEqual([response.status, reloads, pulled], [200, 1, 0]);
  for (
    const path of [
      "/api/v1%2freload",
      "//api/v1/reload",
      "/api/v1/reload/",
      "/api/v1/./reload",
      "/API/v1/reload",
    ]
  ) {
    const shut = await ask(app, path, { method: "POST", headers: { authorization: undefined } });
    assert.equal(shut.status, 401, path);
  }
  assert.equal(reloads, 1);
});
