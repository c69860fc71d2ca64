import assert from "node:assert/strict";
import fc from "fast-check";
import { Admission } from "../../src/tunnel/admission.ts";
import { test } from "../harness.ts";

test("Admission.enter() admits as many as allowed over all addresses, and not one more", () => {
  const admission = new Admission({ maxUnauthenticated: 3, maxUnauthenticatedPerAddress: 2 });
  const leave = ["a", "a", "b"].map((address) => admission.enter(address));
  assert.ok(leave.every((entry) => entry !== undefined));
  assert.equal(admission.enter("c"), undefined);
  leave[2]?.();
  assert.notEqual(admission.enter("c"), undefined);
  assert.equal(admission.total, 3);
});

test("Admission.enter() admits as many as allowed from one address, and not one more", () => {
  const admission = new Admission({ maxUnauthenticated: 100, maxUnauthenticatedPerAddress: 2 });
  const [first] = [admission.enter("a"), admission.enter("a")];
  assert.equal(admission.enter("a"), undefined);
  assert.notEqual(admission.enter("b"), undefined);
  first?.();
  assert.notEqual(admission.enter("a"), undefined);
});

test("A place is given back once, however often it is left", () => {
  const admission = new Admission({ maxUnauthenticated: 100, maxUnauthenticatedPerAddress: 2 });
  const [first] = [admission.enter("a"), admission.enter("a")];
  first?.();
  first?.();
  first?.();
  assert.equal(admission.total, 1);
  assert.notEqual(admission.enter("a"), undefined);
  assert.equal(admission.enter("a"), undefined);
});

test("Admission counts right under any order of comings and goings", () => {
  const step = fc.record({
    address: fc.constantFrom("a", "b", "c"),
    leaves: fc.boolean(),
    index: fc.nat(20),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const admission = new Admission({ maxUnauthenticated: 5, maxUnauthenticatedPerAddress: 3 });
    const inside: { address: string; leave: () => void }[] = [];
    for (const { address, leaves, index } of steps) {
      if (leaves) {
        inside.splice(index, 1)[0]?.leave();
        continue;
      }
      const fits = inside.length < 5 && inside.filter((entry) => entry.address === address).length < 3;
      const leave = admission.enter(address);
      assert.equal(leave !== undefined, fits);
      if (leave !== undefined) inside.push({ address, leave });
    }
    assert.equal(admission.total, inside.length);
  }));
});
