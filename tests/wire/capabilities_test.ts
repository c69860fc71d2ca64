import assert from "node:assert/strict";
import fc from "fast-check";
import { formatCapabilities, MIN_WINDOW_BYTES, parseCapabilities } from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { MAX_CREDIT } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { ruleOf } from "./support.ts";

const INSTANCE = "00112233445566778899aabbccddeeff";
const NONE = { window: undefined, services: false, instance: undefined };

test("formatCapabilities() names basic and tcp first, then exactly what is asked for", () => {
  assert.deepEqual(formatCapabilities({ window: undefined, services: false }), ["basic", "tcp"]);
  assert.deepEqual(formatCapabilities({ window: 262144, services: true, instance: INSTANCE }), [
    "basic",
    "tcp",
    "ferrotunnel.streams/1;window=262144",
    "ferrotunnel.services/1",
    `ferrotunnel.instance/1;id=${INSTANCE}`,
  ]);
});

test("parseCapabilities() finds what formatCapabilities() named, among strangers and in any order", () => {
  const window = fc.option(fc.integer({ min: MIN_WINDOW_BYTES, max: MAX_CREDIT }), { nil: undefined });
  const hex = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  const instance = fc.option(hex, { nil: undefined });
  const strangers = fc.array(fc.string(), { maxLength: 4 });
  fc.assert(fc.property(window, fc.boolean(), instance, strangers, (window, services, instance, others) => {
    const list = formatCapabilities({ window, services, instance });
    const expected = { window, services, instance };
    assert.deepEqual(parseCapabilities([...others, ...list]), expected);
    assert.deepEqual(parseCapabilities([...list.reverse(), ...others]), expected);
  }));
});

test("parseCapabilities() ignores unknown capabilities and other versions of known ones", () => {
  const lists = [
    [],
    ["basic", "tcp"],
    ["ferrotunnel.streams/2;window=x", "ferrotunnel.streams/10;window=1024", "ferrotunnel.streams"],
    [
      "ferrotunnel.services/2",
      "Ferrotunnel.services/1",
      " ferrotunnel.services/1",
      "ferrotunnel.services/1x",
    ],
    ["", ";", "window=1024", "ferrotunnel.instance/0;id=1"],
  ];
  for (const list of lists) assert.deepEqual(parseCapabilities(list), NONE, list.join());
});

test("A window of 1024 to 2³¹ − 1 passes both ways and one byte beyond is refused both ways", () => {
  for (const window of [MIN_WINDOW_BYTES, MAX_CREDIT]) {
    assert.equal(parseCapabilities(formatCapabilities({ window, services: false })).window, window);
  }
  for (const window of [MIN_WINDOW_BYTES - 1, MAX_CREDIT + 1]) {
    assert.throws(() => formatCapabilities({ window, services: false }), RangeError);
    assert.equal(
      ruleOf(() => parseCapabilities([`ferrotunnel.streams/1;window=${window}`])),
      "bad_capability",
    );
  }
});

test("parseCapabilities() refuses known capabilities that are malformed", () => {
  const cases = [
    "ferrotunnel.streams/1",
    "ferrotunnel.streams/1;",
    "ferrotunnel.streams/1;window",
    "ferrotunnel.streams/1;window=",
    "ferrotunnel.streams/1;window=0",
    "ferrotunnel.streams/1;window=01024",
    "ferrotunnel.streams/1;window=+1024",
    "ferrotunnel.streams/1;window=-2048",
    "ferrotunnel.streams/1;window=2048.0",
    "ferrotunnel.streams/1;window=2e9",
    "ferrotunnel.streams/1;window=0x1000",
    "ferrotunnel.streams/1;window= 2048",
    "ferrotunnel.streams/1;window=2048\n",
    "ferrotunnel.streams/1;window=2048;",
    "ferrotunnel.streams/1;window=2048;more=1",
    "ferrotunnel.streams/1;window=99999999999",
    "ferrotunnel.streams/1;Window=2048",
    "ferrotunnel.services/1;",
    "ferrotunnel.services/1;a=b",
    "ferrotunnel.instance/1",
    "ferrotunnel.instance/1;id=",
    `ferrotunnel.instance/1;id=${INSTANCE.slice(1)}`,
    `ferrotunnel.instance/1;id=${INSTANCE}0`,
    `ferrotunnel.instance/1;id=${INSTANCE.toUpperCase()}`,
    `ferrotunnel.instance/1;id=${INSTANCE.replace("0", "g")}`,
  ];
  for (const capability of cases) {
    assert.equal(ruleOf(() => parseCapabilities(["basic", capability])), "bad_capability", capability);
  }
});

test("parseCapabilities() refuses a known capability that comes twice", () => {
  for (
    const capability of formatCapabilities({ window: 2048, services: true, instance: INSTANCE }).slice(2)
  ) {
    assert.equal(ruleOf(() => parseCapabilities([capability, capability])), "bad_capability", capability);
  }
});

test("formatCapabilities() refuses what it could not read back", () => {
  for (const window of [NaN, 2048.5, Infinity]) {
    assert.throws(() => formatCapabilities({ window, services: false }), RangeError);
  }
  for (const instance of ["", INSTANCE.toUpperCase(), `${INSTANCE}00`]) {
    assert.throws(() => formatCapabilities({ window: undefined, services: false, instance }), TypeError);
  }
});

test("The longest capabilities fit into a handshake", () => {
  const capabilities = formatCapabilities({ window: MAX_CREDIT, services: true, instance: INSTANCE });
  encodeControl({
    type: "handshake",
    token: "",
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 1,
    capabilities,
  });
});
