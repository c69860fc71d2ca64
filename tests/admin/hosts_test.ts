import assert from "node:assert/strict";
import { createHostCheck, isCrossSite, isLoopback } from "../../src/admin/hosts.ts";
import { test } from "../harness.ts";

test("isLoopback() is true for addresses of this machine only", () => {
  for (const hostname of ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LocalHost"]) {
    assert.equal(isLoopback(hostname), true, hostname);
  }
  for (
    const hostname of [
      "0.0.0.0",
      "::",
      "10.0.0.1",
      "::ffff:127.0.0.1",
      "127.evil.example",
      "localhost.example",
      "",
    ]
  ) {
    assert.equal(isLoopback(hostname), false, hostname);
  }
});

test("createHostCheck() allows loopback names and the bound address with the bound port", () => {
  const isAllowed = createHostCheck({ hostname: "10.1.2.3", port: 7836 });
  for (const host of ["localhost:7836", "LOCALHOST:7836", "127.0.0.1:7836", "[::1]:7836", "10.1.2.3:7836"]) {
    assert.equal(isAllowed(host), true, host);
  }
});

test("createHostCheck() refuses other names, other ports and malformed fields", () => {
  const isAllowed = createHostCheck({ hostname: "127.0.0.1", port: 7836 });
  const refused = [
    undefined,
    "",
    "evil.example:7836",
    "127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1:07836x",
    "127.0.0.1.evil.example:7836",
    "evil.example@127.0.0.1:7836",
    "127.0.0.1:7836, evil.example",
    "127.0.0.1:7836/",
    "localhost.:7836",
    "10.1.2.3:7836",
    "::1:7836",
  ];
  for (const host of refused) assert.equal(isAllowed(host), false, String(host));
});

test("createHostCheck() takes a missing port for 80", () => {
  const isAllowed = createHostCheck({ hostname: "127.0.0.1", port: 80 });
  assert.equal(isAllowed("localhost"), true);
  assert.equal(isAllowed("localhost:80"), true);
  assert.equal(isAllowed("localhost:81"), false);
});

test("createHostCheck() allows any IP address but no name when bound to all addresses", () => {
  for (const hostname of ["0.0.0.0", "::"]) {
    const isAllowed = createHostCheck({ hostname, port: 7836 });
    assert.equal(isAllowed("192.0.2.7:7836"), true);
    assert.equal(isAllowed("[2001:db8::7]:7836"), true);
    assert.equal(isAllowed("rebound.example:7836"), false);
    assert.equal(isAllowed("[not-an-address]:7836"), false);
  }
});

test("createHostCheck() puts a bound IPv6 address in brackets", () => {
  const isAllowed = createHostCheck({ hostname: "2001:db8::1", port: 7836 });
  assert.equal(isAllowed("[2001:db8::1]:7836"), true);
  assert.equal(isAllowed("[2001:db8::2]:7836"), false);
});

test("isCrossSite() goes by Origin and Sec-Fetch-Site", () => {
  const host = "localhost:7836";
  const cases: [Record<string, string>, boolean][] = [
    [{}, false],
    [{ origin: "http://localhost:7836" }, false],
    [{ "sec-fetch-site": "same-origin" }, false],
    [{ "sec-fetch-site": "none" }, false],
    [{ origin: "null" }, true],
    [{ origin: "http://localhost:7837" }, true],
    [{ origin: "https://localhost:7836" }, true],
    [{ origin: "http://evil.example" }, true],
    [{ "sec-fetch-site": "same-site" }, true],
    [{ "sec-fetch-site": "cross-site" }, true],
    [{ origin: "http://localhost:7836", "sec-fetch-site": "cross-site" }, true],
  ];
  for (const [headers, expected] of cases) {
    assert.equal(isCrossSite(new Headers(headers), host), expected, JSON.stringify(headers));
  }
});
