import assert from "node:assert/strict";
import { headers, isEditableHeader, isHeaderTemplate } from "../../src/plugins/headers.ts";
import { test } from "../harness.ts";
import { Bench, requestOf, responseOf } from "./support.ts";

test("headers() removes, then sets, then appends, on requests and on responses", async () => {
  const plugin = await new Bench().make(headers({
    request: { remove: ["x-old"], set: { "X-A": "1" }, append: { "X-B": "2" } },
    response: { remove: ["server"], set: { "x-frame-options": "DENY" }, append: { "set-cookie": "a=b" } },
  }));
  const request = requestOf({ fields: [["X-Old", "0"], ["x-a", "0"], ["X-A", "0"], ["x-b", "1"]] });
  void plugin.onRequest?.(request);
  assert.deepEqual([...request.headers], [["x-b", "1"], ["X-A", "1"], ["X-B", "2"]]);
  const response = responseOf();
  response.headers.append("Server", "x");
  response.headers.append("Set-Cookie", "c=d");
  void plugin.onResponse?.(response, request);
  assert.deepEqual([...response.headers], [["Set-Cookie", "c=d"], ["x-frame-options", "DENY"], [
    "set-cookie",
    "a=b",
  ]]);
});

test("W23: headers() means a field in every spelling that a service could take for it", async () => {
  const plugin = await new Bench().make(headers({
    request: { remove: ["X-Admin"], set: { "X-User": "ann" } },
  }));
  const request = requestOf({
    fields: [["X_Admin", "1"], ["x-admin", "1"], ["X_USER", "root"], ["X-Users", "1"], ["X_User", "root"]],
  });
  void plugin.onRequest?.(request);
  assert.deepEqual([...request.headers], [["X-Users", "1"], ["X-User", "ann"]]);
});

test("headers() puts in what the request says", async () => {
  const value =
    "${visitor} ${requestId} ${host} ${scheme} ${method} ${target} ${service} ${tunnelId} $ {x} $${host}";
  const plugin = await new Bench().make(headers({ request: { set: { "X-All": value } } }));
  const request = requestOf({ target: "/a?b" });
  void plugin.onRequest?.(request);
  assert.equal(
    request.headers.get("x-all"),
    "192.0.2.1 r1 app.example.com https GET /a?b web box $ {x} $app.example.com",
  );
});

test("headers() escapes what it puts in, so that no visitor can add a value or a field", async () => {
  const plugin = await new Bench().make(headers({
    request: { set: { "X-Target": "a=${target}; b" } },
    response: { set: { "X-Target": "${target}" } },
  }));
  const request = requestOf({ target: '/?a, b; c="d"\\\r\nX-Evil: 1\u0000\u00e9\u{1f600}' });
  void plugin.onRequest?.(request);
  const escaped = "/?a%2C%20b%3B%20c=%22d%22%5C%0D%0AX-Evil:%201%00%C3%A9%F0%9F%98%80";
  assert.equal(request.headers.get("x-target"), `a=${escaped}; b`);
  const response = responseOf();
  void plugin.onResponse?.(response, request);
  assert.equal(response.headers.get("x-target"), escaped);
});

test("headers() has only the hooks that it needs", async () => {
  const plugin = await new Bench().make(headers({ response: { remove: ["server"] } }));
  assert.equal(plugin.onRequest, undefined);
  assert.ok(plugin.onResponse !== undefined);
});

test("headers() refuses fields that frame a message, and values that break a head", () => {
  for (
    const name of ["Host", "content-length", "Transfer-Encoding", "connection", "upgrade", "te", "a b", ""]
  ) {
    assert.equal(isEditableHeader(name), false, name);
    assert.throws(() => headers({ request: { set: { [name]: "x" } } }), TypeError, name);
    assert.throws(() => headers({ response: { remove: [name] } }), TypeError, name);
  }
  for (
    const value of ["a\nb", "a\rb", "a\u0000", " a", "a ", "${unknown}", "${}", "${__proto__}", "\u0100"]
  ) {
    assert.equal(isHeaderTemplate(value), false, value);
    assert.throws(() => headers({ request: { append: { "X-A": value } } }), TypeError, value);
  }
  for (const value of ["", "a", "${host}", "$", "${", "a\tb"]) {
    assert.equal(isHeaderTemplate(value), true, value);
  }
  assert.throws(() => headers({}), TypeError);
  assert.throws(() => headers({ request: {} }), TypeError);
});
