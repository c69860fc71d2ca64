import assert from "node:assert/strict";
import {
  formatPortRange,
  isHost,
  parseAddress,
  type ParseAddressOptions,
  parsePortRange,
} from "../../src/config/address.ts";
import { formatAddress } from "../../src/format_address.ts";
import { test } from "../harness.ts";

const GOOD: [string, ParseAddressOptions, string, number][] = [
  ["127.0.0.1:80", {}, "127.0.0.1", 80],
  ["[::1]:65535", {}, "::1", 65535],
  ["tunnel.example.com:7835", {}, "tunnel.example.com", 7835],
  ["localhost:1", {}, "localhost", 1],
  ["tunnel.example.com", { defaultPort: 7835 }, "tunnel.example.com", 7835],
  ["[::1]", { defaultPort: 7835 }, "::1", 7835],
  ["22", { defaultHost: "127.0.0.1" }, "127.0.0.1", 22],
  ["0.0.0.0:0", { ipOnly: true, allowPortZero: true }, "0.0.0.0", 0],
];

const BAD: [string, ParseAddressOptions][] = [
  ["", { defaultPort: 1, defaultHost: "127.0.0.1" }],
  ["127.0.0.1", {}],
  ["127.0.0.1:", {}],
  [":80", {}],
  ["127.0.0.1:0", {}],
  ["127.0.0.1:65536", {}],
  ["127.0.0.1:-1", {}],
  ["127.0.0.1:1e3", {}],
  ["127.0.0.1: 80", {}],
  ["300.1.1.1:80", {}],
  ["1.2.3:80", {}],
  ["::1", { defaultPort: 1 }],
  ["::1:80", {}],
  ["[::1:80", {}],
  ["[127.0.0.1]:80", {}],
  ["localhost:80", { ipOnly: true }],
  ["-a.example:80", {}],
  ["a..b:80", {}],
  ["a b:80", {}],
  ["a\u001b[2J:80", {}],
  ["http://a:80", {}],
  [`${"a".repeat(64)}:80`, {}],
  [`${"a.".repeat(130)}a:80`, {}],
  ["22", {}],
];

test("parseAddress() reads hosts, IPv6 in brackets, and what the options allow to leave out", () => {
  for (const [text, options, hostname, port] of GOOD) {
    assert.deepEqual(parseAddress(text, options), { hostname, port }, text);
  }
});

test("parseAddress() refuses everything else", () => {
  for (const [text, options] of BAD) assert.equal(parseAddress(text, options), undefined, text);
});

test("formatAddress() writes what parseAddress() reads", () => {
  for (const text of ["127.0.0.1:80", "[::1]:80", "a.example:1"]) {
    const address = parseAddress(text);
    assert.ok(address);
    assert.equal(formatAddress(address), text);
  }
});

test("parsePortRange() reads ports and ranges, and refuses the impossible", () => {
  assert.deepEqual(parsePortRange("8080"), { from: 8080, to: 8080 });
  assert.deepEqual(parsePortRange("2000-3000"), { from: 2000, to: 3000 });
  assert.deepEqual(parsePortRange("1 - 65535"), { from: 1, to: 65535 });
  for (const text of ["", "0", "0-5", "65536", "1-65536", "3-2", "1-2-3", "-5", "5-", "x", "1.5"]) {
    assert.equal(parsePortRange(text), undefined, text);
  }
  assert.equal(formatPortRange({ from: 5, to: 5 }), "5");
  assert.equal(formatPortRange({ from: 5, to: 6 }), "5-6");
});

test("isHost() takes names and addresses, and with ipOnly addresses alone", () => {
  assert.ok(isHost("example.com."));
  assert.ok(isHost("::1", true));
  assert.ok(!isHost("example.com", true));
  assert.ok(!isHost("1.2.3.4.5"));
});
