import assert from "node:assert/strict";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import { test } from "../harness.ts";

test("MemoryBudget.reserve() takes the limit and not a byte more", () => {
  const budget = new MemoryBudget(100);
  assert.equal(budget.reserve(100), true);
  assert.equal(budget.reserve(1), false);
  assert.equal(budget.usedBytes, 100);
  assert.equal(budget.exceeded, false);
  budget.release(1);
  assert.equal(budget.reserve(1), true);
});

test("MemoryBudget.reserve() asks the wider budget too, and takes nothing anywhere when one refuses", () => {
  const whole = new MemoryBudget(100);
  const a = new MemoryBudget(80, whole);
  const b = new MemoryBudget(80, whole);
  assert.equal(a.reserve(60), true);
  assert.equal(b.reserve(41), false);
  assert.deepEqual([a.usedBytes, b.usedBytes, whole.usedBytes], [60, 0, 60]);
  assert.equal(a.reserve(21), false);
  assert.deepEqual([a.usedBytes, whole.usedBytes], [60, 60]);
  assert.equal(b.reserve(40), true);
});

test("MemoryBudget.add() counts beyond the limit, and `exceeded` says so; `parentExceeded` for a wider budget", () => {
  const whole = new MemoryBudget(100);
  const a = new MemoryBudget(80, whole);
  const b = new MemoryBudget(80, whole);
  a.add(80);
  assert.equal(a.exceeded, false);
  a.add(1);
  assert.equal(a.exceeded, true);
  assert.equal(b.parentExceeded, false);
  b.add(20);
  assert.equal(whole.usedBytes, 101);
  assert.deepEqual([b.exceeded, b.parentExceeded], [false, true]);
  a.release(81);
  assert.deepEqual([a.exceeded, b.parentExceeded, whole.usedBytes], [false, false, 20]);
});

test("MemoryBudget.widestShare tells how much of the widest budget is in use", () => {
  const whole = new MemoryBudget(200);
  const part = new MemoryBudget(10, whole);
  whole.add(150);
  part.add(30);
  assert.deepEqual([whole.widestShare, part.widestShare], [0.9, 0.9]);
});
