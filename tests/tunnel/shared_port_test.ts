import assert from "node:assert/strict";
import { SharedPort, type SharedPortHolder } from "../../src/tunnel/shared_port.ts";
import { test } from "../harness.ts";

function holder(target: string | undefined): SharedPortHolder<string> {
  return { target: () => target };
}

test("SharedPort.take() gives the port to one at a time", () => {
  const shared = new SharedPort<string>();
  const [first, second] = [holder("first"), holder("second")];
  assert.equal(shared.target(), undefined);
  assert.equal(shared.take(first), true);
  assert.equal(shared.take(first), true, "its holder may take it again");
  assert.equal(shared.take(second), false);
  assert.equal(shared.target(), "first");
  shared.leave(second);
  assert.equal(shared.target(), "first", "who does not hold it cannot free it");
  shared.leave(first);
  assert.equal(shared.target(), undefined);
  assert.equal(shared.take(second), true);
});

test("SharedPort.target() is nowhere while the holder's client is away, and nobody else gets the port", () => {
  const shared = new SharedPort<string>();
  assert.equal(shared.take(holder(undefined)), true);
  assert.equal(shared.target(), undefined);
  assert.equal(shared.take(holder("other")), false);
});

test("SharedPort.takeOrWait() hands the port on in the order of coming", () => {
  const shared = new SharedPort<string>();
  const holders = ["a", "b", "c", "d"].map(holder);
  const [a, b, c, d] = holders as [SharedPortHolder<string>, ...SharedPortHolder<string>[]];
  for (const one of holders) shared.takeOrWait(one);
  assert.equal(shared.target(), "a");
  shared.leave(c as SharedPortHolder<string>); // Leaves the queue.
  shared.leave(a);
  assert.equal(shared.target(), "b");
  shared.leave(b as SharedPortHolder<string>);
  assert.equal(shared.target(), "d");
  shared.leave(d as SharedPortHolder<string>);
  assert.equal(shared.target(), undefined);
});
