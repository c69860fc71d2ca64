import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DirectTerms,
  formatCapabilities,
  type GroupPlace,
  MAX_DIRECT_POOL,
  MAX_GROUP_SIZE,
  MIN_WINDOW_BYTES,
  parseCapabilities,
} from "../../src/wire/capabilities.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { MAX_CREDIT } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { ruleOf } from "./support.ts";

const INSTANCE = "00112233445566778899aabbccddeeff";
const MODES = { group: { member: 0, of: 2 }, direct: { pool: 8 } };
const NONE = {
  window: undefined,
  services: false,
  instance: undefined,
  group: undefined,
  direct: undefined,
  withdraw: false,
  key: undefined,
};

test("formatCapabilities() names basic and tcp first, then exactly what is asked for", () => {
  assert.deepEqual(formatCapabilities({ window: undefined, services: false }), ["basic", "tcp"]);
  assert.deepEqual(formatCapabilities({ window: 262144, services: true, instance: INSTANCE }), [
    "basic",
    "tcp",
    "ferrotunnel.streams/1;window=262144",
    "ferrotunnel.services/1",
    `ferrotunnel.instance/1;id=${INSTANCE}`,
  ]);
  const group = { member: 1, of: 4 };
  assert.deepEqual(formatCapabilities({ window: undefined, services: false, group, direct: { pool: 8 } }), [
    "basic",
    "tcp",
    "ferrotunnel.group/1;member=1;of=4",
    "ferrotunnel.direct/1;pool=8",
  ]);
  const direct = { session: INSTANCE };
  assert.deepEqual(
    formatCapabilities({ window: undefined, services: false, direct }).slice(2),
    [`ferrotunnel.direct/1;session=${INSTANCE}`],
  );
});

test("parseCapabilities() finds what formatCapabilities() named, among strangers and in any order", () => {
  const window = fc.option(fc.integer({ min: MIN_WINDOW_BYTES, max: MAX_CREDIT }), { nil: undefined });
  const hex = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  });
  const instance = fc.option(hex, { nil: undefined });
  const strangers = fc.array(fc.string(), { maxLength: 4 });
  const group = fc.option(
    fc.integer({ min: 1, max: MAX_GROUP_SIZE }).chain((of) =>
      fc.integer({ min: 0, max: of - 1 }).map((member) => ({ member, of }))
    ),
    { nil: undefined },
  );
  const pool = fc.integer({ min: 1, max: MAX_DIRECT_POOL }).map((pool) => ({ pool }));
  const direct = fc.option(fc.oneof(pool, hex.map((session) => ({ session }))), { nil: undefined });
  const id = hex.map((id) => ({ id }));
  const nonce = hex.map((nonce) => ({ nonce }));
  const tls = fc.oneof(hex, fc.constant("none")).map((tls) => ({ tls }));
  const key = fc.option(fc.oneof(id, nonce, tls), { nil: undefined });
  const withdraw = fc.boolean();
  const all = fc.record({ window, services: fc.boolean(), instance, group, direct, withdraw, key }, {
    noNullPrototype: true,
  });
  fc.assert(fc.property(all, strangers, (expected, others) => {
    const list = formatCapabilities(expected);
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

test("Groups of 1 to 64 and pools of 1 to 999 pass both ways and one more is refused both ways", () => {
  const format = (modes: { group?: GroupPlace; direct?: DirectTerms }): string[] =>
    formatCapabilities({ window: undefined, services: false, ...modes });
  assert.deepEqual(parseCapabilities(format({ group: { member: 63, of: 64 } })).group, {
    member: 63,
    of: 64,
  });
  assert.throws(() => format({ group: { member: 64, of: 65 } }), RangeError);
  assert.throws(() => format({ group: { member: 1, of: 1 } }), RangeError);
  assert.equal(ruleOf(() => parseCapabilities(["ferrotunnel.group/1;member=0;of=65"])), "bad_capability");
  assert.deepEqual(parseCapabilities(format({ direct: { pool: 999 } })).direct, { pool: 999 });
  for (const pool of [0, 1000, 1.5]) assert.throws(() => format({ direct: { pool } }), RangeError);
  assert.throws(() => format({ direct: { session: "00" } }), RangeError);
  assert.equal(ruleOf(() => parseCapabilities(["ferrotunnel.direct/1;pool=1000"])), "bad_capability");
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
    "ferrotunnel.group/1",
    "ferrotunnel.group/1;member=0",
    "ferrotunnel.group/1;of=4",
    "ferrotunnel.group/1;of=4;member=0",
    "ferrotunnel.group/1;member=4;of=4",
    "ferrotunnel.group/1;member=-1;of=4",
    "ferrotunnel.group/1;member=00;of=4",
    "ferrotunnel.group/1;member=0;of=0",
    "ferrotunnel.group/1;member=0;of=4;more=1",
    "ferrotunnel.direct/1",
    "ferrotunnel.direct/1;pool=0",
    "ferrotunnel.direct/1;pool=01",
    "ferrotunnel.direct/1;pool=8;more=1",
    "ferrotunnel.direct/1;session=",
    `ferrotunnel.direct/1;session=${INSTANCE}0`,
    `ferrotunnel.direct/1;session=${INSTANCE.toUpperCase().replace("0", "F")}`,
    `ferrotunnel.direct/1;pool=8;session=${INSTANCE}`,
  ];
  for (const capability of cases) {
    assert.equal(ruleOf(() => parseCapabilities(["basic", capability])), "bad_capability", capability);
  }
});

test("parseCapabilities() refuses a known capability that comes twice", () => {
  for (
    const capability of formatCapabilities({ window: 2048, services: true, instance: INSTANCE, ...MODES })
      .slice(2)
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
  const capabilities = formatCapabilities({
    window: MAX_CREDIT,
    services: true,
    instance: INSTANCE,
    group: { member: MAX_GROUP_SIZE - 1, of: MAX_GROUP_SIZE },
    direct: { session: INSTANCE },
    withdraw: true,
    key: { nonce: INSTANCE },
  });
  encodeControl({
    type: "handshake",
    token: "",
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 1,
    capabilities,
  });
});

test("The parameter of a key is an id, a nonce or a fingerprint of 32 digits, and of no other form", () => {
  for (const parameter of [`id=${INSTANCE}`, `nonce=${INSTANCE}`, `tls=${INSTANCE}`, "tls=none"]) {
    const [name = "", value = ""] = parameter.split("=");
    assert.deepEqual(parseCapabilities([`ferrotunnel.key/1;${parameter}`]).key, { [name]: value });
  }
  const wrong = [
    "",
    "id=",
    "id=none",
    "nonce=none",
    `id=${INSTANCE}0`,
    `ID=${INSTANCE}`,
    `id=${INSTANCE};x=1`,
  ];
  for (const parameter of wrong) {
    assert.equal(
      ruleOf(() => parseCapabilities([`ferrotunnel.key/1;${parameter}`])),
      "bad_capability",
      parameter,
    );
  }
  assert.equal(ruleOf(() => parseCapabilities(["ferrotunnel.withdraw/1;"])), "bad_capability");
  const twice = ["ferrotunnel.withdraw/1", "ferrotunnel.withdraw/1"];
  assert.equal(ruleOf(() => parseCapabilities(twice)), "bad_capability");
  const keys = ["ferrotunnel.key/1;tls=none", "ferrotunnel.key/1;tls=none"];
  assert.equal(ruleOf(() => parseCapabilities(keys)), "bad_capability");
  assert.throws(
    () => formatCapabilities({ window: undefined, services: false, key: { id: "1" } }),
    TypeError,
  );
});
