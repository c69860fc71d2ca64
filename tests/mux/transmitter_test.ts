import assert from "node:assert/strict";
import { MIN_FLIGHT_BYTES } from "../../src/mux/flight.ts";
import { Transmitter } from "../../src/mux/transmitter.ts";
import type { Connection } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { FakeSender } from "./fake_sender.ts";
import { tick } from "./support.ts";

/** Remembers what was written. `takes`: whether the kernel takes all at once. */
function makeTransmitter(
  takes: boolean,
  afterTurn?: (task: () => void) => void,
  beat = (): bigint => 0n,
): { transmitter: Transmitter; writes: string[] } {
  const writes: string[] = [];
  const address = { hostname: "127.0.0.1", port: 1 };
  const connection: Connection = {
    remote: address,
    local: address,
    lendsSpace: true,
    afterTurn,
    bytesTaken: 0,
    start: () => {},
    resume: () => {},
    write(bytes): boolean {
      writes.push(bytes.length > 100 ? `${bytes.length} bytes` : new TextDecoder().decode(bytes));
      return takes;
    },
    closeWrite: () => {},
    close: () => {},
    reset: () => {},
  };
  return {
    transmitter: new Transmitter(connection, { now: () => 0, onWritten: () => {}, onRead: () => {}, beat }),
    writes,
  };
}

function queue(transmitter: Transmitter, text: string): void {
  transmitter.outbox.own(new TextEncoder().encode(text));
}

test("Transmitter.schedule() writes together what is queued in one turn", async () => {
  const { transmitter, writes } = makeTransmitter(true);
  for (const text of ["a", "b"]) {
    queue(transmitter, text);
    transmitter.schedule();
  }
  assert.deepEqual(writes, []);
  await tick();
  assert.deepEqual(writes, ["ab"]);
});

test("Transmitter.hurry() writes before it returns", () => {
  const { transmitter, writes } = makeTransmitter(true);
  for (const text of ["a", "b"]) {
    queue(transmitter, text);
    transmitter.hurry();
  }
  assert.deepEqual(writes, ["a", "b"]);
});

test("Transmitter.hurry() goes along with what was scheduled before it", async () => {
  const { transmitter, writes } = makeTransmitter(true);
  queue(transmitter, "a");
  transmitter.schedule();
  queue(transmitter, "b");
  transmitter.hurry();
  assert.deepEqual(writes, []);
  await tick();
  assert.deepEqual(writes, ["ab"]);
});

test("Transmitter has one write in flight, and what is hurried meanwhile follows it together", () => {
  const { transmitter, writes } = makeTransmitter(false);
  for (const text of ["a", "b", "c"]) {
    queue(transmitter, text);
    transmitter.hurry();
  }
  assert.deepEqual(writes, ["a"]);
  transmitter.written();
  assert.deepEqual(writes, ["a", "bc"]);
});

test("Transmitter.hurry() gathers what comes in one turn as long as there is any, and looks again later", () => {
  let endOfTurn: (() => void) | undefined;
  const { transmitter, writes } = makeTransmitter(true, (task) => {
    assert.equal(endOfTurn, undefined);
    endOfTurn = task;
  });
  /** Hurries `count` messages in one turn. @returns in how many writes they left */
  const turn = (count: number): number => {
    const before = writes.length;
    for (let i = 0; i < count; i++) {
      queue(transmitter, "a");
      transmitter.hurry();
    }
    const end = endOfTurn;
    endOfTurn = undefined;
    end?.();
    return writes.length - before;
  };
  assert.equal(turn(15), 15);
  assert.equal(turn(5), 2, "the sixteenth looks, and the rest share a write");
  assert.equal(turn(5), 2);
  assert.equal(turn(1), 1, "nothing was gathered");
  assert.equal(turn(15), 15);
  assert.equal(turn(2), 2, "the sixteenth looks, and one is gathered");
  assert.equal(turn(3), 2);
});

test("Transmitter writes nothing once it was stopped", async () => {
  const { transmitter, writes } = makeTransmitter(true);
  queue(transmitter, "a");
  transmitter.schedule();
  transmitter.stop();
  transmitter.hurry();
  await tick();
  assert.deepEqual(writes, []);
});

test("Transmitter holds bulk back while enough is on its way, and small frames pass it", async () => {
  let beats = 0n;
  const { transmitter, writes } = makeTransmitter(true, undefined, () => ++beats);
  transmitter.limitFlight();
  const bulk = new FakeSender(transmitter.outbox, { id: 2 });
  bulk.whenDone = () => bulk.send(MIN_FLIGHT_BYTES / 8);
  bulk.whenDone();
  transmitter.flush();
  assert.ok(beats > 0n);
  assert.equal(transmitter.waiting, true);
  const sent = writes.length;
  assert.ok(sent >= 8 && sent <= 10, `${sent} writes`);
  queue(transmitter, "small");
  transmitter.hurry();
  assert.equal(writes.at(-1), "small");
  assert.equal(writes.length, sent + 1);

  assert.equal(transmitter.answered(beats + 1n), false, "nobody asked");
  assert.equal(transmitter.answered(beats), true);
  await tick();
  assert.ok(writes.length > sent + 1, "bulk goes on");
});

test("Transmitter knows no bounds towards a peer that answers no heartbeats", () => {
  const { transmitter, writes } = makeTransmitter(true, undefined, () => assert.fail("a heartbeat"));
  const bulk = new FakeSender(transmitter.outbox, { id: 2 });
  let chunks = 0;
  bulk.whenDone = () => chunks++ < 100 && bulk.send(MIN_FLIGHT_BYTES / 8);
  bulk.whenDone();
  transmitter.flush();
  assert.ok(writes.length >= 100);
  assert.equal(transmitter.answered(0n), false);
});
