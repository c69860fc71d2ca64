import assert from "node:assert/strict";
import process from "node:process";
import { RecentMap } from "../../src/plugins/_recent_map.ts";
import { circuitBreaker, MAX_CIRCUITS } from "../../src/plugins/breaker.ts";
import { ipFilter } from "../../src/plugins/ip.ts";
import { rateLimit } from "../../src/plugins/rate_limit.ts";
import type { Plugin, PluginRequest, PluginResponse } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { LONG } from "../support/long.ts";
import { answerField, Bench, outcomeOf, requestOf, responseOf, statusOf } from "./support.ts";

test("ipFilter() lets in by address and range, in any spelling; deny wins", async () => {
  const plugin = await new Bench().make(ipFilter({
    allow: ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"],
    deny: ["10.6.0.0/16", "2001:db8:bad::/48"],
  }));
  const cases: [visitor: string, status: number | undefined][] = [
    ["10.0.0.0", undefined],
    ["10.255.255.255", undefined],
    ["9.255.255.255", 403],
    ["11.0.0.0", 403],
    ["10.6.0.1", 403],
    ["10.7.0.1", undefined],
    ["192.0.2.7", undefined],
    ["192.0.2.8", 403],
    ["::ffff:10.1.1.1", undefined],
    ["::ffff:a06:1", 403],
    ["198.51.100.255", undefined],
    ["198.51.101.0", 403],
    ["2001:db8::1", undefined],
    ["2001:DB8:0:0::1", undefined],
    ["2001:db9::1", 403],
    ["2001:db8:bad::1", 403],
    ["fe80::1%eth0", 403],
    ["", 403],
    ["unknown", 403],
  ];
  for (const [visitor, status] of cases) {
    assert.equal(statusOf(plugin, requestOf({ visitor })), status, visitor);
  }
});

test("ipFilter() with deny alone lets in all others; 0.0.0.0/0 is every IPv4 address", async () => {
  const plugin = await new Bench().make(ipFilter({ deny: ["0.0.0.0/0"] }));
  assert.equal(statusOf(plugin, requestOf({ visitor: "192.0.2.1" })), 403);
  assert.equal(statusOf(plugin, requestOf({ visitor: "::ffff:192.0.2.1" })), 403);
  assert.equal(statusOf(plugin, requestOf({ visitor: "2001:db8::1" })), undefined);
});

test("ipFilter() refuses what is no address or range", () => {
  for (
    const range of ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "a", "10.0.0.0/8/8", "10.0.0.0/08"]
  ) {
    assert.throws(() => ipFilter({ allow: [range] }), TypeError, range);
  }
  assert.throws(() => ipFilter({}), TypeError);
  assert.throws(() => ipFilter({ allow: [] }), TypeError);
});

test("rateLimit() lets a burst through and not one request more, then as the time goes on", async () => {
  const bench = new Bench();
  const plugin = await bench.make(rateLimit({ perSecond: 10, burst: 3 }));
  const come = (): number | undefined => statusOf(plugin, requestOf());
  assert.deepEqual([come(), come(), come(), come()], [undefined, undefined, undefined, 429]);
  bench.clock.advance(99);
  assert.equal(come(), 429);
  bench.clock.advance(1);
  assert.deepEqual([come(), come()], [undefined, 429]);
  bench.clock.advance(100_000);
  assert.deepEqual([come(), come(), come(), come()], [undefined, undefined, undefined, 429]);
});

test("rateLimit() says in whole seconds when to come again", async () => {
  const bench = new Bench();
  const plugin = await bench.make(rateLimit({ perSecond: 0.1 }));
  assert.equal(statusOf(plugin, requestOf()), undefined);
  assert.equal(answerField(plugin, requestOf(), "retry-after"), "10");
  bench.clock.advance(9_500);
  assert.equal(answerField(plugin, requestOf(), "retry-after"), "1");
  bench.clock.advance(500);
  assert.equal(statusOf(plugin, requestOf()), undefined);
});

const APART: [name: string, by: Parameters<typeof rateLimit>[0]["by"], one: object, other: object][] = [
  ["address", "address", { visitor: "192.0.2.1" }, { visitor: "192.0.2.2" }],
  ["IPv6 network", "address", { visitor: "2001:db8:0:1::1" }, { visitor: "2001:db8:0:2::1" }],
  ["host", "host", { host: "a.example" }, { host: "b.example" }],
  ["header", { header: "X-Key" }, { fields: [["x-key", "a"]] }, { fields: [["x-key", "b"]] }],
  ["long header", { header: "X-Key" }, { fields: [["x-key", "a".repeat(99)]] }, {
    fields: [["x-key", "a".repeat(100)]],
  }],
  ["service", "host", { service: "a" }, { service: "b" }],
  ["tunnel", "host", { tunnelId: "a" }, { tunnelId: "b" }],
];
for (const [name, by, one, other] of APART) {
  test(`rateLimit() counts by itself: ${name}`, async () => {
    const plugin = await new Bench().make(rateLimit({ perSecond: 1, ...(by === undefined ? {} : { by }) }));
    assert.equal(statusOf(plugin, requestOf(one)), undefined);
    assert.equal(statusOf(plugin, requestOf(one)), 429);
    assert.equal(statusOf(plugin, requestOf(other)), undefined);
  });
}

test("rateLimit() takes an IPv6 /64, and both spellings of an IPv4 address, for one visitor", async () => {
  const plugin = await new Bench().make(rateLimit({ perSecond: 1 }));
  assert.equal(statusOf(plugin, requestOf({ visitor: "2001:db8::1" })), undefined);
  assert.equal(statusOf(plugin, requestOf({ visitor: "2001:db8:0:0:ffff::2" })), 429);
  assert.equal(statusOf(plugin, requestOf({ visitor: "192.0.2.9" })), undefined);
  assert.equal(statusOf(plugin, requestOf({ visitor: "::ffff:192.0.2.9" })), 429);
});

test("rateLimit() tells maxKeys visitors apart and forgets who came longest ago", async () => {
  const plugin = await new Bench().make(rateLimit({ perSecond: 0.001, by: "host", maxKeys: 2 }));
  const come = (host: string): number | undefined => statusOf(plugin, requestOf({ host }));
  assert.deepEqual([come("a"), come("b"), come("a")], [undefined, undefined, 429]);
  assert.equal(come("c"), undefined); // b is forgotten.
  assert.deepEqual([come("a"), come("c"), come("b")], [429, 429, undefined]);
});

const KEYS = LONG ? 1_000_000 : 100_000;

test(`RecentMap keeps its bound with ${KEYS} distinct keys`, () => {
  const map = new RecentMap<string, number>(1_000);
  for (let key = 0; key < 1_000; key++) map.set(`k${key}`, key);
  assert.equal(map.size, 1_000);
  assert.equal(map.get("k0"), 0);
  map.set("k1000", 1_000);
  assert.deepEqual([map.size, map.get("k1"), map.get("k0")], [1_000, undefined, 0]);
  for (let key = 0; key < KEYS; key++) {
    map.set(`m${key}`, key);
    assert.ok(map.size <= 1_000);
  }
  map.delete(`m${KEYS - 1}`);
  assert.equal(map.size, 999);
});

test("W32: rateLimit() and circuitBreaker() take bounded memory for 1000000 distinct keys", async () => {
  const bench = new Bench();
  const limit = await bench.make(rateLimit({ perSecond: 1, by: { header: "x-key" } }));
  const breaker = await bench.make(circuitBreaker());
  const padding = "k".repeat(1_000);
  const before = process.memoryUsage().heapUsed;
  for (let index = 0; index < KEYS; index++) {
    const request = requestOf({ fields: [["x-key", `${padding}${index}`]], tunnelId: `t${index}` });
    assert.equal(statusOf(limit, request), undefined);
    settle(breaker, request, responseOf(502, "server"));
  }
  const grownBytes = process.memoryUsage().heapUsed - before;
  // Garbage counts too; without a bound it would be more than 300 MiB.
  assert.ok(grownBytes < 128 * 1024 ** 2, `grew by ${grownBytes} bytes`);
}, { skip: LONG ? undefined : "set FERROTUNNEL_LONG", timeoutMs: 300_000 });

/** A request and its response through a plugin. @returns the status of the plugin's own answer, if it gives one */
function settle(plugin: Plugin, request: PluginRequest, response: PluginResponse): number | undefined {
  const status = statusOf(plugin, request);
  void plugin.onResponse?.(status === undefined ? response : responseOf(status, "plugin"), request);
  plugin.onEnd?.(outcomeOf({ status: status ?? response.status }), request);
  return status;
}

test("circuitBreaker() opens with the failure that is one too many, and closes after a success", async () => {
  const bench = new Bench();
  const plugin = await bench.make(circuitBreaker({ failures: 3, windowMs: 1_000, openMs: 5_000 }));
  const come = (status: number): number | undefined => settle(plugin, requestOf(), responseOf(status));
  assert.deepEqual([come(500), come(599), come(200)], [undefined, undefined, undefined]);
  assert.equal(come(200), undefined);
  assert.equal(come(503), undefined);
  assert.equal(come(200), 503);
  assert.equal(answerField(plugin, requestOf(), "retry-after"), "5");
  bench.clock.advance(4_999);
  assert.equal(come(200), 503);
  bench.clock.advance(1);
  assert.equal(come(200), undefined);
  // Closed again, with a clean record.
  assert.deepEqual([come(500), come(500), come(200)], [undefined, undefined, undefined]);
  assert.deepEqual(bench.records.map(({ properties }) => properties?.state), ["open", "closed"]);
});

test("circuitBreaker() forgets failures that are older than its window", async () => {
  for (const [pauseMs, status] of [[1_000, 503], [1_001, undefined]] as const) {
    const bench = new Bench();
    const plugin = await bench.make(circuitBreaker({ failures: 2, windowMs: 1_000 }));
    settle(plugin, requestOf(), responseOf(500));
    bench.clock.advance(pauseMs);
    settle(plugin, requestOf(), responseOf(500));
    assert.equal(statusOf(plugin, requestOf()), status);
  }
});

test("circuitBreaker() counts what the service does, and nothing that others do", async () => {
  const cases: [status: number, from: PluginResponse["from"], opens: boolean][] = [
    [500, "service", true],
    [499, "service", false],
    [502, "server", true],
    [504, "server", true],
    [503, "server", false],
    [500, "server", false],
    [503, "plugin", false],
  ];
  for (const [status, from, opens] of cases) {
    const plugin = await new Bench().make(circuitBreaker({ failures: 1 }));
    settle(plugin, requestOf(), responseOf(status, from));
    assert.equal(statusOf(plugin, requestOf()), opens ? 503 : undefined, `${status} from ${from}`);
  }
});

test("circuitBreaker() lets one request at a time try again", async () => {
  const bench = new Bench();
  const plugin = await bench.make(circuitBreaker({ failures: 1, openMs: 5_000 }));
  settle(plugin, requestOf(), responseOf(500));
  bench.clock.advance(5_000);
  const [probe, other] = [requestOf(), requestOf()];
  assert.equal(statusOf(plugin, probe), undefined);
  assert.equal(statusOf(plugin, other), 503);
  assert.equal(answerField(plugin, other, "retry-after"), "1");
  // A visitor that leaves tells nothing: the next request tries.
  plugin.onEnd?.(outcomeOf({ status: undefined, from: undefined, complete: false }), probe);
  const second = requestOf();
  assert.equal(statusOf(plugin, second), undefined);
  assert.equal(statusOf(plugin, requestOf()), 503);
  void plugin.onResponse?.(responseOf(500), second);
  assert.equal(answerField(plugin, requestOf(), "retry-after"), "5");
});

test("W32: circuitBreaker() has a circuit for each service of each tunnel, and no more than its bound", async () => {
  const plugin = await new Bench().make(circuitBreaker({ failures: 1 }));
  const fail = (tunnelId: string): void => void settle(plugin, requestOf({ tunnelId }), responseOf(500));
  fail("a");
  assert.equal(statusOf(plugin, requestOf({ tunnelId: "b" })), undefined);
  assert.equal(statusOf(plugin, requestOf({ tunnelId: "a", service: "other" })), undefined);
  assert.equal(statusOf(plugin, requestOf({ tunnelId: "a" })), 503);
  for (let index = 3; index < MAX_CIRCUITS; index++) fail(`t${index}`);
  assert.equal(statusOf(plugin, requestOf({ tunnelId: "a" })), 503);
  for (let index = 0; index < MAX_CIRCUITS; index++) fail(`u${index}`);
  assert.equal(statusOf(plugin, requestOf({ tunnelId: "a" })), undefined);
});

test("rateLimit() and circuitBreaker() refuse numbers that cannot be", () => {
  for (const perSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1_000_001]) {
    assert.throws(() => rateLimit({ perSecond }), RangeError);
  }
  for (const burst of [0, 1.5]) assert.throws(() => rateLimit({ perSecond: 1, burst }), RangeError);
  for (const maxKeys of [0, 1.5]) assert.throws(() => rateLimit({ perSecond: 1, maxKeys }), RangeError);
  assert.throws(() => rateLimit({ perSecond: 1, by: { header: "a b" } }), TypeError);
  for (const failures of [0, 1.5, 1_001]) assert.throws(() => circuitBreaker({ failures }), RangeError);
  for (const windowMs of [0, Number.NaN]) assert.throws(() => circuitBreaker({ windowMs }), RangeError);
  for (const openMs of [0, Number.NaN]) assert.throws(() => circuitBreaker({ openMs }), RangeError);
});
