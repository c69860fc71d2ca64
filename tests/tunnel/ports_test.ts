import assert from "node:assert/strict";
import fc from "fast-check";
import type { PortRange } from "../../src/tunnel/options.ts";
import { isAllowed, MAX_PORTS_TRIED, portCandidates } from "../../src/tunnel/ports.ts";
import { test } from "../harness.ts";

test("isAllowed() includes both ends of every range", () => {
  const ranges = [{ from: 1000, to: 1002 }, { from: 2000, to: 2000 }];
  const allowed = [999, 1000, 1001, 1002, 1003, 1999, 2000, 2001].filter((port) => isAllowed(port, ranges));
  assert.deepEqual(allowed, [1000, 1001, 1002, 2000]);
  assert.equal(isAllowed(1000, []), false);
});

test("portCandidates() tries every port of small ranges once, from any beginning", () => {
  const ranges = [{ from: 1000, to: 1002 }, { from: 2000, to: 2000 }];
  for (const random of [0, 0.3, 0.5, 0.99, 1 - Number.EPSILON]) {
    const ports = [...portCandidates(ranges, () => random)];
    assert.deepEqual(ports.toSorted((a, b) => a - b), [1000, 1001, 1002, 2000]);
  }
  assert.deepEqual([...portCandidates(ranges, () => 0.5)], [1002, 2000, 1000, 1001]);
});

test("portCandidates() is bounded, and empty when nothing is allowed", () => {
  const ports = [...portCandidates([{ from: 1024, to: 65535 }], () => 0.999)];
  assert.equal(ports.length, MAX_PORTS_TRIED);
  assert.equal(new Set(ports).size, MAX_PORTS_TRIED);
  assert.deepEqual([...portCandidates([])], []);
  assert.equal([...portCandidates([{ from: 5000, to: 5000 + MAX_PORTS_TRIED - 1 }])].length, MAX_PORTS_TRIED);
});

test("portCandidates() yields allowed ports only, whatever the ranges", () => {
  const range: fc.Arbitrary<PortRange> = fc.tuple(fc.integer({ min: 1, max: 65535 }), fc.nat(2000))
    .map(([from, more]) => ({ from, to: Math.min(65535, from + more) }));
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(fc.array(range, { minLength: 1, maxLength: 5 }), random, (ranges, chance) => {
    const ports = [...portCandidates(ranges, () => chance)];
    assert.ok(ports.length > 0 && ports.every((port) => isAllowed(port, ranges)));
  }));
});
