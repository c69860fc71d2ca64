import assert from "node:assert/strict";
import { SendCredit } from "../../src/mux/credit.ts";
import type { MuxStream, StreamHandler } from "../../src/mux/stream.ts";
import { test } from "../harness.ts";
import { makeStream } from "./lone_stream.ts";

/** Counts how often it could send. */
function handler(): StreamHandler & { sendables: number } {
  return {
    sendables: 0,
    data: () => {},
    end: () => {},
    sendable(): void {
      this.sendables++;
    },
    accepted: () => {},
    close: () => {},
  };
}

/** Sends `bytes` as one frame. */
function sendFrame(stream: MuxStream, bytes: number): void {
  stream.send(new Uint8Array(bytes), 0, false);
  stream.framed(bytes, false);
  stream.released();
}

for (
  const [what, firstBytes, leastBytes] of [
    ["4096 bytes of credit", 262_144, 4096],
    ["an eighth of a small window", 4000, 500],
    ["an eighth of the smallest window", 1024, 128],
  ] as const
) {
  test(`MuxStream asks for another chunk with ${what}, and not with a byte less`, () => {
    for (const leftBytes of [leastBytes, leastBytes - 1]) {
      const { stream } = makeStream({ sendCredit: new SendCredit(firstBytes) });
      const events = handler();
      stream.attach(events);
      sendFrame(stream, firstBytes - leftBytes);
      assert.equal(events.sendables, leftBytes === leastBytes ? 1 : 0);
    }
  });
}

test("MuxStream asks for another chunk once enough credit has come, not with the first byte of it", () => {
  const { stream } = makeStream({ sendCredit: new SendCredit(262_144) });
  const events = handler();
  stream.attach(events);
  sendFrame(stream, 262_144 - 16);
  stream.creditReceived(4096 - 16 - 1);
  assert.equal(events.sendables, 0);
  stream.creditReceived(1);
  assert.equal(events.sendables, 1);
  stream.creditReceived(1);
  assert.equal(events.sendables, 1, "it asks once");
});

test("MuxStream sends a chunk that it has with whatever credit there is", () => {
  const wants: boolean[] = [];
  const { stream } = makeStream({ sendCredit: new SendCredit(262_144) }, {
    wantsToSend: (_, atOnce) => void wants.push(atOnce),
  });
  stream.attach(handler());
  stream.send(new Uint8Array(262_144 + 10), 0, false);
  stream.framed(262_144, false);
  stream.released();
  assert.deepEqual(wants, [false], "no credit, nothing to send");
  stream.creditReceived(1);
  assert.deepEqual(wants, [false, false]);
});

test("MuxStream.sendNow() says that nothing is to be waited for, and send() does not", () => {
  const wants: boolean[] = [];
  for (const atOnce of [true, false]) {
    const { stream } = makeStream({}, { wantsToSend: (_, now) => void wants.push(now) });
    if (atOnce) stream.sendNow(new Uint8Array(1), 0, false);
    else stream.send(new Uint8Array(1), 0, false);
    assert.throws(() => stream.sendNow(new Uint8Array(1), 0, false), TypeError);
  }
  assert.deepEqual(wants, [true, false]);
});
