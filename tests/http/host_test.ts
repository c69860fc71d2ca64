import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalHost, hostKeys, parseHostAndPort, parseHostPattern } from "../../src/http/host.ts";
import { test } from "../harness.ts";

/** What the URL parser of the platform makes of a host; undefined when it refuses. */
function urlHost(text: string): string | undefined {
  // Bun's refuses an IPv4 address at the end of some IPv6 addresses.
  const hexadecimal = text.replace(
    /:([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)\]$/,
    (_, a, b, c, d) => `:${(a * 256 + Number(b)).toString(16)}:${(c * 256 + Number(d)).toString(16)}]`,
  );
  try {
    return new URL(`http://${hexadecimal}/`).hostname;
  } catch {
    return undefined;
  }
}

test("W14: canonicalHost() gives each spelling of a host the same form", () => {
  const rows = [
    ["app.example.com", "app.example.com"],
    ["APP.Example.com.", "app.example.com"],
    ["localhost", "localhost"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["_dmarc.a-b.example", "_dmarc.a-b.example"],
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1.", "127.0.0.1"],
    ["1.example", "1.example"],
    ["0x.example", "0x.example"],
    ["[::1]", "[::1]"],
    ["[0:0:0:0:0:0:0:1]", "[::1]"],
    ["[2001:DB8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]"],
    ["[2001:db8:0:1:1:1:1:1]", "[2001:db8:0:1:1:1:1:1]"],
    ["[::ffff:192.0.2.1]", "[::ffff:c000:201]"],
    ["[::]", "[::]"],
    ["[1::]", "[1::]"],
  ] as const;
  for (const [text, host] of rows) assert.equal(canonicalHost(text), host, text);
});

test("canonicalHost() refuses what is no host, or one that others would read as another", () => {
  const label = "a".repeat(64);
  const texts = [
    "",
    ".",
    "..",
    ".a",
    "a..b",
    "a b",
    "a,b",
    "a@b",
    "a/b",
    "a\\b",
    "a%2eb",
    "a:80",
    "\xe4.test",
    "bücher.example",
    "\u212a.test",
    `${label}.test`,
  ]
    .concat([
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "0x7f.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "a.0x1",
      "a.1",
      "a.0x",
    ])
    .concat([
      "[",
      "[]",
      "[::1",
      "::1",
      "[::1]]",
      "[:::]",
      "[1::2::3]",
      "[1:2:3:4:5:6:7]",
      "[1:2:3:4:5:6:7:8:9]",
      "[12345::]",
      "[fe80::1%25eth0]",
      "[fe80::1%eth0]",
      "[v1.a]",
      "[::1].",
      "[1.2.3.4]",
      "[::1.2.3]",
      "[1.2.3.4::]",
      "[g::]",
      "[ ::1]",
      "[1:2:3:4:5:6:7:8::]",
    ])
    .concat([`${"a.".repeat(126)}ab`, "*.a"]);
  for (const text of texts) assert.equal(canonicalHost(text), undefined, text);
});

test("canonicalHost() accepts labels of 63 and names of 253 bytes, and no more", () => {
  assert.ok(canonicalHost(`${"a".repeat(63)}.test`));
  assert.equal(canonicalHost(`${"a".repeat(64)}.test`), undefined);
  assert.equal(canonicalHost(`test.${"a".repeat(64)}`), undefined);
  const name = `${"a.".repeat(126)}a`;
  assert.equal(name.length, 253);
  assert.equal(canonicalHost(name), name);
  assert.equal(canonicalHost(`${name}.`), name);
  assert.equal(canonicalHost(`a${name}`), undefined);
});

test("W14: canonicalHost() agrees with the URL parser wherever it accepts, and is idempotent", () => {
  const names = fc.stringMatching(/^[a-zA-Z0-9._-]{1,20}$/);
  const words = fc.array(fc.constantFrom("0", "1", "00", "a", "FFFF", "", "0db8", "1.2.3.4"), {
    minLength: 1,
    maxLength: 9,
  });
  const addresses = words.map((parts) => `[${parts.join(":")}]`);
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.oneof(names, addresses, fc.domain(), fc.ipV6().map((text) => `[${text}]`), fc.ipV4()),
      (text) => {
        const host = canonicalHost(text);
        if (host === undefined) return;
        accepted++;
        assert.equal(canonicalHost(host), host);
        assert.equal(urlHost(text)?.replace(/\.$/, ""), host, text);
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(accepted > 500, `Only ${accepted} hosts were accepted`);
});

test("canonicalHost() accepts every IPv6 address that the URL parser accepts", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => assert.equal(canonicalHost(`[${text}]`), urlHost(`[${text}]`))),
    { numRuns: 1_000 },
  );
});

test("parseHostAndPort() takes the port off", () => {
  const rows = [
    ["a.test", "a.test", undefined],
    ["A.test.:80", "a.test", 80],
    ["a.test:", "a.test", undefined],
    ["[::1]:65535", "[::1]", 65_535],
    ["[0::1]", "[::1]", undefined],
    ["a.test:00080", "a.test", 80],
  ] as const;
  for (const [text, host, port] of rows) assert.deepEqual(parseHostAndPort(text), { host, port }, text);
  for (
    const text of [
      "",
      ":80",
      "a:b",
      "a:65536",
      "a:0",
      "a:000080",
      "a:8 0",
      "::1",
      "[::1]80",
      "[::1]x:80",
      "[::1",
      "a:80:80",
      "[::1]]:80",
    ]
  ) {
    assert.equal(parseHostAndPort(text), undefined, text);
  }
});

test("parseHostPattern() reads hosts and patterns", () => {
  assert.equal(parseHostPattern("App.Example.com."), "app.example.com");
  assert.equal(parseHostPattern("*.Preview.Example.com."), "*.preview.example.com");
  for (
    const text of ["*", "*.", "*a.test", "a.*.test", "**.test", "*.*.test", "*.127.0.0.1", "*.[::1]", ""]
  ) {
    assert.equal(parseHostPattern(text), undefined, text);
  }
});

test("hostKeys() lists a host and the patterns above it, the longest first", () => {
  assert.deepEqual([...hostKeys("a.b.example.com")], [
    "a.b.example.com",
    "*.b.example.com",
    "*.example.com",
    "*.com",
  ]);
  assert.deepEqual([...hostKeys("localhost")], ["localhost"]);
  assert.deepEqual([...hostKeys("127.0.0.1")], ["127.0.0.1"]);
  assert.deepEqual([...hostKeys("[::1]")], ["[::1]"]);
  const pattern = parseHostPattern("*.preview.example.com") ?? "";
  assert.ok([...hostKeys("a.preview.example.com")].includes(pattern));
  assert.ok([...hostKeys("b.a.preview.example.com")].includes(pattern));
  assert.ok(![...hostKeys("preview.example.com")].includes(pattern));
  assert.ok(![...hostKeys("xpreview.example.com")].includes(pattern));
});
