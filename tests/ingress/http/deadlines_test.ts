import assert from "node:assert/strict";
import { LINGER_MS, overdue, type VisitorState } from "../../../src/ingress/http/deadlines.ts";
import { Waiting } from "../../../src/ingress/http/waiting.ts";
import { DEFAULT_SERVER_LIMITS } from "../../../src/tunnel/options.ts";
import { test } from "../../harness.ts";

const REST: VisitorState = {
  phase: "head",
  ms: 0,
  wantsHead: false,
  waitsFor: "nothing",
  visitorsTurn: false,
  mayBeGone: false,
};

test("overdue() is due at each limit and not a millisecond earlier", () => {
  const limits = {
    ...DEFAULT_SERVER_LIMITS,
    httpHeadTimeoutMs: 1,
    httpKeepAliveMs: 2,
    httpBodyIdleTimeoutMs: 3,
    httpResponseTimeoutMs: 4,
  };
  const cases: [Partial<VisitorState>, number, string][] = [
    [{ wantsHead: true }, 1, "head"],
    [{}, 2, "head"],
    [{ phase: "exchange", waitsFor: "request", visitorsTurn: true }, 3, "visitor"],
    [{ phase: "exchange", waitsFor: "request" }, 4, "service"],
    [{ phase: "exchange", waitsFor: "response" }, 4, "service"],
    [{ phase: "exchange", waitsFor: "body", mayBeGone: true }, 3, "visitor"],
    [{ phase: "exchange", waitsFor: "nothing", mayBeGone: true }, 3, "visitor"],
    [{ phase: "discard" }, LINGER_MS, "linger"],
    [{ phase: "closing" }, LINGER_MS, "linger"],
  ];
  for (const [state, limitMs, expected] of cases) {
    assert.equal(overdue({ ...REST, ...state, ms: limitMs - 1 }, limits), "nobody");
    assert.equal(overdue({ ...REST, ...state, ms: limitMs }, limits), expected);
  }
  for (const state of [{ phase: "switched" }, { phase: "exchange", waitsFor: "body" }] as const) {
    assert.equal(overdue({ ...REST, ...state, ms: 1e9 }, limits), "nobody");
  }
});

test("Waiting is never ahead of the time, and at most two rounds behind", () => {
  const waiting = new Waiting();
  waiting.passed(500); // It began at some time in this round.
  assert.equal(waiting.ms, 0);
  waiting.passed(500);
  waiting.passed(500);
  assert.equal(waiting.ms, 1_000);
  waiting.moved();
  assert.equal(waiting.ms, 0);
  waiting.passed(500);
  assert.equal(waiting.ms, 0);
});
