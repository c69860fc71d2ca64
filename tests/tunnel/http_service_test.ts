import assert from "node:assert/strict";
import { decodeHttpService, encodeHttpService } from "../../src/tunnel/http_service.ts";
import type { HttpServiceOptions } from "../../src/tunnel/options.ts";
import { MAX_METADATA, MAX_METADATA_BYTES } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";

function http(more: Partial<HttpServiceOptions> = {}): HttpServiceOptions {
  return { name: "web", kind: "http", local: { hostname: "127.0.0.1", port: 80 }, ...more };
}

test("A service comes out of its registration as it went in, in canonical spelling", () => {
  const metadata = encodeHttpService(http({
    hosts: ["App.Example.com.", "*.Preview.example.com", "[0:0::1]"],
    paths: ["/api/", "/"],
    rewriteHost: "app.internal:8080",
    protocol: "h2c",
    requestHeaders: {
      set: { "X-Frame": "a b", "__proto__x": "1", "Authorization": "Bearer x" },
      remove: ["Cookie"],
    },
    responseHeaders: { set: { "Empty": "" }, remove: ["Server", "x-powered-by"] },
    plugins: ["login", "limit"],
  }));
  assert.deepEqual(decodeHttpService(metadata), {
    hosts: ["app.example.com", "*.preview.example.com", "[::1]"],
    paths: ["/api", "/"],
    policy: {
      rewriteHost: "app.internal:8080",
      protocol: "h2c",
      requestHeaders: {
        set: [["x-frame", "a b"], ["__proto__x", "1"], ["authorization", "Bearer x"]],
        remove: ["cookie"],
      },
      responseHeaders: { set: [["empty", ""]], remove: ["server", "x-powered-by"] },
      plugins: ["login", "limit"],
    },
  });
});

test("A service that says nothing gets every path and changes nothing", () => {
  const metadata = encodeHttpService(http());
  assert.equal(metadata.size, 0);
  const nothing = { set: [], remove: [] };
  const policy = {
    rewriteHost: undefined,
    protocol: "http1",
    requestHeaders: nothing,
    responseHeaders: nothing,
    plugins: [],
  };
  const plain = { hosts: [], paths: ["/"], policy };
  assert.deepEqual(decodeHttpService(metadata), plain);
  const later = new Map([["color", "red"], ["host", "a"], ["host.1", "b"], ["host.00", "c"], [
    "remote_port",
    "x",
  ]]);
  assert.deepEqual(decodeHttpService(later), plain, "keys of later versions are left alone");
});

test("What cannot be is refused on either side, in words without control characters", () => {
  const wrong: [Partial<HttpServiceOptions>, RegExp][] = [
    [{ hosts: ["a..b"] }, /Host "a\.\.b" is not possible/],
    [{ hosts: ["*"] }, /Host "\*"/],
    [{ hosts: ["a.*.b"] }, /Host/],
    [{ hosts: ["a\nb"] }, /Host "a\\nb"/],
    [{ hosts: ["a/b"] }, /Host/],
    [{ hosts: ["a:80"] }, /Host/],
    [{ hosts: ["a", "A."] }, /Host "A\." is given twice/],
    [{ paths: ["api"] }, /Path "api"/],
    [{ paths: ["/a/../b"] }, /Path/],
    [{ paths: ["/a", "/a/"] }, /Path "\/a\/" is given twice/],
    [{ rewriteHost: "*.a" }, /Host for the service/],
    [{ rewriteHost: "a\r\nx: y" }, /Host for the service "a\\r\\nx: y"/],
    [{ rewriteHost: "a:0" }, /Host for the service/],
    [{ requestHeaders: { set: { "a b": "c" } } }, /Header rule "a b"/],
    [{ requestHeaders: { set: { "": "c" } } }, /Header rule ""/],
    [{ requestHeaders: { set: { a: "b\r\nc" } } }, /The value of header rule a is not possible/],
    [{ responseHeaders: { set: { a: " b" } } }, /The value of header rule a/],
    [{ responseHeaders: { set: { a: "\u00e9" } } }, /The value of header rule a/],
    [{ requestHeaders: { remove: ["a", "A"] } }, /Header rule "A" is given twice/],
    [{ requestHeaders: { set: { a: "1", A: "2" } } }, /Header rule "A" is given twice/],
    [{ protocol: "h3" as "h2c" }, /Protocol "h3" is not possible/],
    [{ plugins: ["a b"] }, /Plugin "a b"/],
    [{ plugins: ["a", "a"] }, /Plugin "a" is given twice/],
  ];
  for (
    const name of ["Host", "Content-Length", "transfer-encoding", "Connection", "Upgrade", "TE", "Expect"]
  ) {
    wrong.push([{ requestHeaders: { set: { [name]: "1" } } }, /Header rule/]);
    wrong.push([{ responseHeaders: { remove: [name] } }, /Header rule/]);
  }
  for (const [more, message] of wrong) {
    assert.throws(() => encodeHttpService(http(more)), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, message);
      return [...error.message].every((character) => character >= " ");
    }, JSON.stringify(more));
  }
});

test("A registration carries as many entries and bytes as the wire does, and not one more", () => {
  const hosts = (count: number): string[] => Array.from({ length: count }, (_, index) => `h${index}.example`);
  assert.equal(encodeHttpService(http({ hosts: hosts(MAX_METADATA - 1), paths: ["/"] })).size, MAX_METADATA);
  assert.throws(
    () => encodeHttpService(http({ hosts: hosts(MAX_METADATA), paths: ["/"] })),
    /Service web has 65 hosts, paths, header rules and plugins, which is more than the 64/,
  );
  const room = MAX_METADATA_BYTES - "request_set.x".length;
  const withValue = (length: number): HttpServiceOptions =>
    http({ requestHeaders: { set: { x: "v".repeat(length) } } });
  assert.equal(encodeHttpService(withValue(room)).size, 1);
  assert.throws(() => encodeHttpService(withValue(room + 1)), /request_set\.x is longer than the 1024 bytes/);
});
