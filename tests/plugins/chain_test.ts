import assert from "node:assert/strict";
import { HeaderList } from "../../src/http/header_list.ts";
import type { Plugin, PluginRequest } from "../../src/plugins/types.ts";
import { test } from "../harness.ts";
import { Bench, outcomeOf, requestOf, responseOf } from "./support.ts";

/** Notes every call. */
function tracer(name: string, calls: string[], more: Partial<Plugin> = {}): Plugin {
  return {
    name,
    onRequest: () => void calls.push(`${name} request`),
    onResponse: () => void calls.push(`${name} response`),
    onEnd: () => void calls.push(`${name} end`),
    ...more,
  };
}

test("PluginChain calls requests in order, responses and ends the other way round, without a promise", () => {
  const calls: string[] = [];
  const run = new Bench().chain(tracer("a", calls), tracer("b", calls)).begin(requestOf());
  assert.deepEqual(run.request(), { kind: "go_on", bodies: [] });
  assert.deepEqual(run.response(responseOf()), { kind: "go_on", bodies: [] });
  run.end(outcomeOf());
  run.end(outcomeOf());
  assert.deepEqual(calls, ["a request", "b request", "b response", "a response", "b end", "a end"]);
});

test("PluginChain waits for a promise in the middle and keeps the order", async () => {
  const calls: string[] = [];
  const later = tracer("b", calls, {
    onRequest: async () => {
      await Promise.resolve();
      calls.push("b request");
      return undefined;
    },
    onResponse: async () => {
      await Promise.resolve();
      calls.push("b response");
      return undefined;
    },
  });
  const bench = new Bench();
  const run = bench.chain(tracer("a", calls), later, tracer("c", calls)).begin(requestOf());
  assert.deepEqual(await run.request(), { kind: "go_on", bodies: [] });
  assert.deepEqual(await run.response(responseOf()), { kind: "go_on", bodies: [] });
  assert.deepEqual(
    calls,
    ["a request", "b request", "c request", "c response", "b response", "a response"],
  );
  assert.equal(bench.clock.pending, 0);
});

test("PluginChain stops at an answer; only the plugins that were reached see the rest", () => {
  const calls: string[] = [];
  const bench = new Bench();
  const answer = { status: 403, headers: new HeaderList([["x-why", "no"]]), body: "no" };
  const door = tracer("b", calls, { onRequest: () => ({ answer }) });
  const run = bench.chain(tracer("a", calls), door, tracer("c", calls)).begin(requestOf());
  assert.deepEqual(run.request(), { kind: "answer", answer, plugin: "b" });
  void run.response(responseOf(403, "plugin"));
  run.end(outcomeOf({ status: 403, from: "plugin" }));
  assert.deepEqual(calls, ["a request", "b response", "a response", "b end", "a end"]);
  assert.equal(bench.counters.get("plugin_answers", "b"), 1);
});

test("PluginChain takes the headers of an answer as pairs of any kind", () => {
  const made = [
    new HeaderList([["x-a", "1"], ["x-a", "2"]]),
    [["x-a", "1"], ["x-a", "2"]] as const,
    new Map([["x-a", "1"]]),
    new Headers({ "x-a": "1" }),
  ];
  for (const headers of made) {
    const chain = new Bench().chain({ name: "a", onRequest: () => ({ answer: { status: 200, headers } }) });
    const result = chain.begin(requestOf()).request();
    assert.ok("answer" in result && result.answer.headers instanceof HeaderList);
    assert.deepEqual([...result.answer.headers], [...headers]);
  }
});

test("PluginChain collects the changes of both bodies in order", () => {
  const [one, two, three] = [new TransformStream(), new TransformStream(), new CompressionStream("gzip")];
  const a: Plugin = { name: "a", onRequest: () => ({ body: one }), onResponse: () => ({ body: two }) };
  const b: Plugin = { name: "b", onRequest: () => ({ body: two }), onResponse: () => ({ body: three }) };
  const run = new Bench().chain(a, b).begin(requestOf());
  assert.deepEqual(run.request(), { kind: "go_on", bodies: [one, two] });
  assert.deepEqual(run.response(responseOf()), { kind: "go_on", bodies: [three, two] });
});

const FAILURES: [name: string, onRequest: (request: PluginRequest) => unknown][] = [
  ["throws", () => {
    throw new Error("no");
  }],
  ["rejects", () => Promise.reject(new Error("no"))],
  ["rejects with nothing", () => Promise.reject(undefined)],
  ["answers a number", () => 7],
  ["answers null", () => null],
  ["answers an empty object", () => ({})],
  ["answers status 99", () => ({ answer: { status: 99 } })],
  ["answers status 199", () => ({ answer: { status: 199 } })],
  ["answers status 600", () => ({ answer: { status: 600 } })],
  ["answers a status that is text", () => ({ answer: { status: "200" } })],
  ["answers nothing as answer", () => ({ answer: undefined })],
  ["answers a header with CRLF", () => {
    return { answer: { status: 200, headers: new HeaderList([["x", "a\r\nb: c"]]) } };
  }],
  ["answers a header with a bad name", () => {
    return { answer: { status: 200, headers: new HeaderList([["x y", "a"]]) } };
  }],
  ["answers with text as headers", () => ({ answer: { status: 200, headers: "x: y" } })],
  ["answers with threes as headers", () => ({ answer: { status: 200, headers: [["x", "y", "z"]] } })],
  ["answers with a plain object as headers", () => ({ answer: { status: 200, headers: { x: "y" } } })],
  ["answers with a body that is an object", () => ({ answer: { status: 200, body: {} } })],
  ["sets a header with CRLF", (request) => request.headers.set("x", "a\r\nb: c")],
  ["sets a target without slash", (request) => void (request.target = "http://elsewhere/")],
  ["sets a target with a space", (request) => void (request.target = "/a b")],
  ["sets a target with CRLF", (request) => void (request.target = "/a\r\nb: c")],
  ["replaces the headers", (request) => void Object.assign(request, { headers: new HeaderList() })],
  ["changes the body by a string", () => ({ body: "text" })],
  ["answers nonsense later", () => Promise.resolve({ answer: { status: 99 } })],
];

for (const [name, onRequest] of FAILURES) {
  // The types forbid it; JavaScript does not.
  const broken = onRequest as NonNullable<Plugin["onRequest"]>;

  test(`PluginChain: a plugin that ${name} has failed: closed unless failOpen, always where it guards`, async () => {
    for (
      const [traits, kind] of [
        [{}, "failed"],
        [{ failOpen: true, guards: true }, "failed"],
        [{ failOpen: true }, "go_on"],
      ] as const
    ) {
      const calls: string[] = [];
      const bench = new Bench();
      const chain = bench.chain(tracer("a", calls, { ...traits, onRequest: broken }), tracer("b", calls));
      const run = chain.begin(requestOf());
      const result = await run.request();
      run.end(outcomeOf({ status: 500, from: "server" }));
      assert.equal(result.kind, kind);
      assert.deepEqual(calls, kind === "failed" ? ["a end"] : ["b request", "b end", "a end"]);
      assert.equal(bench.counters.get("plugin_failures", "a"), 1);
      assert.equal(bench.records.at(-1)?.properties?.plugin, "a");
    }
  });
}

test("PluginChain undoes what a plugin has changed that failed open", () => {
  const request = requestOf({ fields: [["Cookie", "a"], ["X", "1"], ["X", "2"]] });
  const before = [...request.headers];
  const run = new Bench().chain({
    name: "a",
    failOpen: true,
    onRequest: ({ headers }) => {
      headers.delete("cookie");
      headers.set("X", "3");
      request.target = "/other";
      throw new Error("too late");
    },
  }).begin(request);
  assert.equal(run.request().constructor, Object);
  assert.deepEqual([...request.headers], before);
  assert.equal(request.target, "/");
});

test("W31: PluginChain gives a hook 5000 ms and not one more", async () => {
  const bench = new Bench();
  const calls: string[] = [];
  let answer: (verdict: undefined) => void = () => {};
  const slow = tracer("a", calls, { onRequest: () => new Promise((resolve) => answer = resolve) });
  const inTime = bench.chain(slow).begin(requestOf());
  const first = inTime.request();
  bench.clock.advance(4_999);
  answer(undefined);
  assert.equal((await first).kind, "go_on");
  assert.equal(bench.clock.pending, 0);

  const late = bench.chain(slow).begin(requestOf());
  const second = late.request();
  bench.clock.advance(5_000);
  assert.deepEqual(await second, { kind: "failed", plugin: "a" });
  answer(undefined);
  late.end(outcomeOf());
  assert.deepEqual(calls, ["a end"]);
  assert.equal(bench.counters.get("plugin_failures", "a"), 1);
});

test("W31: PluginChain: a hook that hangs holds nobody after the request's end", async () => {
  const bench = new Bench();
  const calls: string[] = [];
  const hangs = tracer("a", calls, { onRequest: () => new Promise(() => {}) });
  const run = bench.chain(hangs, tracer("b", calls)).begin(requestOf());
  const result = run.request();
  run.end(outcomeOf({ status: undefined, from: undefined, complete: false }));
  assert.deepEqual(await result, { kind: "over" });
  assert.deepEqual(calls, ["a end"]);
  assert.equal(bench.clock.pending, 0);
  assert.equal(bench.counters.get("plugin_failures"), 0);
});

test("PluginChain: after a failed response the other plugins see the server's page instead", async () => {
  for (const later of [false, true]) {
    const calls: string[] = [];
    const fail = (): never => {
      throw new Error("no");
    };
    const broken = tracer("b", calls, { onResponse: later ? () => Promise.reject(new Error("no")) : fail });
    const run = new Bench().chain(tracer("a", calls), broken, tracer("c", calls)).begin(requestOf());
    void run.request();
    assert.deepEqual(await run.response(responseOf()), { kind: "failed", plugin: "b" });
    assert.deepEqual(await run.response(responseOf(500, "server")), { kind: "go_on", bodies: [] });
    assert.deepEqual(calls.slice(3), ["c response", "a response"]);
  }
});

test("W31: PluginChain: a response's nonsense is the plugin's failure", () => {
  const changes: Plugin["onResponse"][] = [
    (response) => void (response.status = 99),
    (response) => void (response.status = 600),
    (response) => void Object.assign(response, { headers: new HeaderList() }),
    (response) => void response.headers.set("x", "a\nb"),
  ];
  for (const onResponse of changes) {
    const run = new Bench().chain({ name: "a", onResponse: onResponse! }).begin(requestOf());
    void run.request();
    assert.deepEqual(run.response(responseOf()), { kind: "failed", plugin: "a" });
  }
  for (const status of [200, 599]) {
    const run = new Bench().chain({ name: "a", onResponse: (response) => void (response.status = status) })
      .begin(requestOf());
    void run.request();
    assert.equal((run.response(responseOf(404)) as { kind: string }).kind, "go_on");
  }
});

test("PluginChain: an onEnd that throws keeps nobody else from its own", () => {
  const calls: string[] = [];
  const bench = new Bench();
  const broken = tracer("b", calls, {
    onEnd: () => {
      throw new Error("no");
    },
  });
  const run = bench.chain(tracer("a", calls), broken).begin(requestOf());
  void run.request();
  run.end(outcomeOf());
  assert.deepEqual(calls, ["a request", "b request", "a end"]);
  assert.equal(bench.counters.get("plugin_failures", "b"), 1);
});

test("PluginChain.ignoresResponses tells whether responses must come by", () => {
  const bench = new Bench();
  assert.equal(bench.chain({ name: "a", onRequest: () => undefined }).ignoresResponses, true);
  assert.equal(
    bench.chain({ name: "a" }, { name: "b", onResponse: () => undefined }).ignoresResponses,
    false,
  );
});
