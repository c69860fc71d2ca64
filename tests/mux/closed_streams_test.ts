import assert from "node:assert/strict";
import { ClosedStreams, MAX_CLOSED_STREAMS, PEER_HAS_ENDED } from "../../src/mux/closed_streams.ts";
import { test } from "../harness.ts";
import { assertRule } from "./support.ts";

test("ClosedStreams expects as much data as the peer had credit for and not a byte more", () => {
  const closed = new ClosedStreams();
  closed.add(2, 100);
  assert.equal(closed.receive(2, 60), true);
  assert.equal(closed.receive(2, 40), true);
  assert.equal(closed.receive(2, 0), true);
  assertRule(() => closed.receive(2, 1), "window_exceeded");
});

test("ClosedStreams expects nothing more after the peer has ended its direction", () => {
  const closed = new ClosedStreams();
  closed.add(2, PEER_HAS_ENDED);
  assertRule(() => closed.receive(2, 0), "data_after_end");
});

test("ClosedStreams forgets a stream when the peer has closed it too", () => {
  const closed = new ClosedStreams();
  closed.add(2, Infinity);
  assert.equal(closed.has(2), true);
  assert.equal(closed.receive(2, 2 ** 40), true);
  assert.equal(closed.confirm(2), true);
  assert.equal(closed.confirm(2), false);
  assert.equal(closed.has(2), false);
  assert.equal(closed.receive(2, 1), false);
  assert.equal(closed.size, 0);
});

test("ClosedStreams remembers as many as the limit says, and forgets the oldest first", () => {
  const closed = new ClosedStreams();
  for (let id = 1; id <= MAX_CLOSED_STREAMS; id++) closed.add(id, 10);
  assert.equal(closed.has(1), true);
  closed.add(MAX_CLOSED_STREAMS + 1, 10);
  assert.equal(closed.size, MAX_CLOSED_STREAMS);
  assert.equal(closed.has(1), false);
  assert.equal(closed.has(2), true);
});
