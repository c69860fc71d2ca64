import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceiveWindow, SendCredit, type WindowGrowth } from "../../src/mux/credit.ts";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { MAX_CREDIT } from "../../src/wire/limits.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { assertRule, runs } from "./support.ts";

interface Bench {
  readonly clock: FakeClock;
  readonly budget: MemoryBudget;
  readonly window: ReceiveWindow;
}

function makeWindow(
  options: { initialBytes: number; maxBytes: number; budgetBytes?: number; rttMs?: number | undefined },
): Bench {
  const clock = new FakeClock();
  const budget = new MemoryBudget(options.budgetBytes ?? Infinity);
  const growth: WindowGrowth = {
    now: () => clock.now(),
    rttMs: () => options.rttMs,
    reserve: (bytes) => budget.reserve(bytes),
    release: (bytes) => budget.release(bytes),
  };
  return { clock, budget, window: new ReceiveWindow(options, growth) };
}

test("SendCredit spends what it has and not a byte more", () => {
  const credit = new SendCredit(100);
  credit.spend(60);
  credit.spend(40);
  assert.equal(credit.available, 0);
  assert.throws(() => credit.spend(1), RangeError);
  credit.grant(1);
  credit.spend(1);
});

test("SendCredit takes credit up to 2³¹ − 1 and no more", () => {
  const credit = new SendCredit(1);
  credit.grant(MAX_CREDIT - 1);
  assert.equal(credit.available, MAX_CREDIT);
  assertRule(() => credit.grant(1), "credit_overflow");
  credit.spend(1);
  credit.grant(1);
  assertRule(() => new SendCredit(MAX_CREDIT).grant(MAX_CREDIT), "credit_overflow");
});

test("SendCredit without flow control never runs out", () => {
  const credit = new SendCredit(Infinity);
  credit.spend(2 ** 40);
  assert.equal(credit.available, Infinity);
});

test("ReceiveWindow takes as much as the window and not a byte more", () => {
  const { window } = makeWindow({ initialBytes: 1000, maxBytes: 1000 });
  window.receive(999);
  window.receive(1);
  assert.equal(window.creditBytes, 0);
  assertRule(() => window.receive(1), "window_exceeded");
  assertRule(
    () => makeWindow({ initialBytes: 1000, maxBytes: 1000 }).window.receive(1001),
    "window_exceeded",
  );
});

test("ReceiveWindow.consume() gives credit back at half a window, not a byte earlier", () => {
  const { window } = makeWindow({ initialBytes: 1000, maxBytes: 1000 });
  window.receive(1000);
  assert.equal(window.consume(499), 0);
  assert.equal(window.creditBytes, 0);
  assert.equal(window.consume(1), 500);
  assert.equal(window.creditBytes, 500);
  assert.equal(window.consume(500), 500);
  assert.equal(window.creditBytes, 1000);
});

test("ReceiveWindow of an odd size gives back at its half rounded up", () => {
  const { window } = makeWindow({ initialBytes: 1001, maxBytes: 1001 });
  window.receive(1001);
  assert.equal(window.consume(500), 0);
  assert.equal(window.consume(1), 501);
});

test("ReceiveWindow doubles when half of it went through in less than two round trips", () => {
  const { window, clock, budget } = makeWindow({ initialBytes: 1000, maxBytes: 5000, rttMs: 50 });
  const half = (): number => {
    const bytes = window.windowBytes / 2;
    window.receive(bytes);
    return window.consume(bytes);
  };
  clock.advance(100);
  assert.equal(half(), 500, "two round trips exactly: no growth");
  clock.advance(99);
  assert.equal(half(), 500 + 1000);
  assert.equal(window.windowBytes, 2000);
  assert.equal(half(), 1000 + 2000);
  assert.equal(half(), 2000 + 1000, "only up to the maximum");
  assert.equal(window.windowBytes, 5000);
  assert.equal(half(), 2500);
  assert.equal(budget.usedBytes, 4000);
});

test("ReceiveWindow does not grow before the first measurement of the round trip", () => {
  const { window } = makeWindow({ initialBytes: 1000, maxBytes: 4000, rttMs: undefined });
  window.receive(500);
  assert.equal(window.consume(500), 500);
});

test("ReceiveWindow does not grow beyond its budget, and gives its growth back when it closes", () => {
  const options = { initialBytes: 1000, maxBytes: 8000, rttMs: 50, budgetBytes: 2999 };
  const { window, budget } = makeWindow(options);
  window.receive(500);
  assert.equal(window.consume(500), 1500);
  window.receive(1000);
  assert.equal(window.consume(1000), 1000, "2000 more do not fit");
  assert.equal(budget.usedBytes, 1000);
  window.close();
  assert.equal(budget.usedBytes, 0);
  window.close();
  assert.equal(budget.usedBytes, 0);
});

test("ReceiveWindow grows by the last byte that its budget allows", () => {
  const { window, budget } = makeWindow({ initialBytes: 1000, maxBytes: 8000, rttMs: 50, budgetBytes: 1000 });
  window.receive(500);
  assert.equal(window.consume(500), 1500);
  assert.equal(budget.usedBytes, 1000);
});

test("A window is always the credit that is out, what waits, and what is not given back yet", () => {
  const arrival = fc.record({ receive: fc.nat(5000), consume: fc.nat(5000), passMs: fc.nat(200) });
  fc.assert(
    fc.property(
      fc.integer({ min: 1024, max: 4096 }),
      fc.array(arrival, { maxLength: 100, size: "max" }),
      (initialBytes, arrivals) => {
        const { window, clock, budget } = makeWindow({
          initialBytes,
          maxBytes: 50_000,
          rttMs: 40,
          budgetBytes: 30_000,
        });
        const sender = new SendCredit(initialBytes);
        let waiting = 0;
        let kept = 0;
        for (const { receive, consume, passMs } of arrivals) {
          clock.advance(passMs);
          const sent = Math.min(receive, sender.available);
          sender.spend(sent);
          window.receive(sent);
          waiting += sent;
          const consumed = Math.min(consume, waiting);
          waiting -= consumed;
          const before = window.windowBytes;
          const increment = window.consume(consumed);
          kept += consumed;
          if (increment > 0) {
            assert.equal(increment, kept + window.windowBytes - before);
            kept = 0;
            sender.grant(increment);
          }
          assert.equal(sender.available, window.creditBytes);
          assert.equal(window.creditBytes + waiting + kept, window.windowBytes);
          assert(kept * 2 < window.windowBytes, "half a window is never kept back");
          assert.equal(budget.usedBytes, window.windowBytes - initialBytes);
        }
        window.close();
        assert.equal(budget.usedBytes, 0);
      },
    ),
    { numRuns: runs(200) },
  );
});
