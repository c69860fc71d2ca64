import assert from "node:assert/strict";
import { MemoryBudget } from "../../src/mux/memory_budget.ts";
import {
  INNOCENT_BYTES,
  OVERLOAD_SHARE,
  PRESSURE_SHARE,
  ReadGate,
  SHED_AFTER_MS,
  UNCONTROLLED_QUEUE_BYTES,
} from "../../src/mux/read_gate.ts";
import type { MuxStream } from "../../src/mux/stream.ts";
import { Counters } from "../../src/observe/counters.ts";
import { test } from "../harness.ts";
import { makeStream } from "./lone_stream.ts";
import { dispose, makeWorld } from "./support.ts";

const MIB = 1024 * 1024;

interface Bench {
  readonly gate: ReadGate;
  readonly counters: Counters;
  readonly process: MemoryBudget;
  readonly state: { resumes: number };
  /** A stream for which `bytes` wait, and whose reader has stalled for so long. */
  hold(bytes: number, stalledMs?: number): MuxStream;
}

function makeGate(options: { limitBytes: number; processBytes?: number; controlled?: boolean }): Bench {
  const controlled = options.controlled ?? true;
  const process = new MemoryBudget(options.processBytes ?? Infinity);
  const budget = new MemoryBudget(options.limitBytes, process);
  const counters = new Counters();
  const streams = new Set<MuxStream>();
  const state = { resumes: 0 };
  const gate = new ReadGate(budget, counters, { streams: () => streams, resume: () => void state.resumes++ });
  const hold = (bytes: number, stalledMs = 0): MuxStream => {
    const { stream } = makeStream({}, {
      bufferedChanged: (changed, by) => gate.changed(changed, by, controlled),
      stalledSendChanged: (by) => gate.stalledSendChanged(by),
      paced: () => undefined,
      forget: (gone) => void streams.delete(gone),
    });
    streams.add(stream);
    stream.dataReceived(new Uint8Array(bytes), undefined as never);
    stream.waits.reader = stalledMs;
    return stream;
  };
  return { gate, counters, process, state, hold };
}

test("ReadGate lets the session read up to the budget and not a byte beyond, and again when bytes have left", () => {
  const { gate, counters, state, hold } = makeGate({ limitBytes: 100 });
  const stream = hold(100);
  gate.check();
  assert.equal(gate.paused, false);
  hold(1);
  gate.check();
  assert.equal(gate.paused, true);
  assert.equal(gate.bufferedBytes, 101);
  gate.check();
  assert.equal(counters.get("reads_paused"), 1);
  assert.equal(state.resumes, 0);
  stream.consumed(1);
  assert.equal(gate.paused, false);
  assert.equal(state.resumes, 1);
});

test("ReadGate resets the fullest of the stalled streams first, and as few as it must", () => {
  const { gate, counters, hold } = makeGate({ limitBytes: 100 });
  const streams = [
    hold(20, SHED_AFTER_MS),
    hold(60, SHED_AFTER_MS - 1),
    hold(40, SHED_AFTER_MS),
    hold(30, SHED_AFTER_MS),
  ];
  gate.check();
  assert.deepEqual(streams.map((stream) => stream.closed), [false, false, true, true]);
  assert.equal(gate.bufferedBytes, 80);
  assert.equal(counters.get("streams_shed"), 2);
  assert.equal(gate.paused, false);
});

test("ReadGate pauses when shedding is not enough, and resets no reader that moves", () => {
  const { gate, hold } = makeGate({ limitBytes: 100 });
  const streams = [hold(90, SHED_AFTER_MS - 1), hold(90, SHED_AFTER_MS - 1)];
  gate.check();
  assert(streams.every((stream) => !stream.closed));
  assert.equal(gate.paused, true);
  streams[0]!.waits.reader = SHED_AFTER_MS;
  gate.sweep();
  assert.deepEqual(streams.map((stream) => stream.closed), [true, false]);
  assert.equal(gate.paused, false);
});

test("ReadGate makes a session wait for the memory of the process only if it holds some of it itself", () => {
  const { gate, process, state, hold } = makeGate({ limitBytes: 64 * MIB, processBytes: MIB });
  hold(INNOCENT_BYTES);
  process.add(MIB);
  gate.sweep();
  assert.equal(gate.paused, false);
  hold(1);
  gate.sweep();
  assert.equal(gate.paused, true);
  process.release(MIB);
  gate.sweep();
  assert.equal(gate.paused, false);
  assert.equal(state.resumes, 1);
});

test("ReadGate counts what waits for the peer's credit, and resets such streams too", () => {
  const { gate, hold } = makeGate({ limitBytes: 1500 });
  const [waiting, moving] = [hold(0), hold(100)];
  waiting.send(new Uint8Array(3000), 0, false);
  waiting.framed(1000, false); // All the credit there was.
  gate.sweep();
  assert.equal(gate.bufferedBytes, 100);
  waiting.recountStalledSend();
  assert.equal(gate.bufferedBytes, 2100);
  gate.sweep();
  assert.deepEqual([waiting.closed, moving.closed], [true, false]);
  assert.equal(gate.bufferedBytes, 100);
});

test("ReadGate bounds each queue when the peer knows no flow control", () => {
  const { gate, state, hold } = makeGate({ limitBytes: 64 * MIB, controlled: false });
  hold(UNCONTROLLED_QUEUE_BYTES);
  gate.check();
  assert.equal(gate.paused, false);
  const streams = [hold(UNCONTROLLED_QUEUE_BYTES + 1), hold(UNCONTROLLED_QUEUE_BYTES + 1)];
  gate.check();
  assert.equal(gate.paused, true);
  streams[0]!.consumed(1);
  assert.equal(gate.paused, true, "the other queue is still full");
  streams[1]!.reset({ kind: "normal" });
  assert.equal(gate.paused, false);
  assert.equal(state.resumes, 1);
});

test("ReadGate does not bound queues that a window bounds", () => {
  const { gate, hold } = makeGate({ limitBytes: 64 * MIB });
  hold(4 * UNCONTROLLED_QUEUE_BYTES);
  gate.check();
  assert.equal(gate.paused, false);
});

test("With a peer of version 1 a stalled stream stops the session at its bound, and loses nothing", async () => {
  const world = makeWorld({ extended: false });
  world.client.owner.eager = false;
  const a = world.server.open();
  a.send(4 * MIB);
  await world.settle();
  const [b] = world.client.owner.drivers;
  assert(b !== undefined);
  assert(b.receivedBytes > UNCONTROLLED_QUEUE_BYTES && b.receivedBytes < UNCONTROLLED_QUEUE_BYTES + MIB / 2);
  assert.equal(world.client.environment.counters.get("reads_paused"), 1);
  b.relax();
  await world.settle();
  assert.equal(b.consumedBytes, 4 * MIB);
  await dispose(world);
});

test("A session that does not read, because a reader is slow, does not take its peer for dead", async () => {
  const world = makeWorld({
    extended: false,
    beats: true,
    limits: { writeStallTimeoutMs: 3_600_000 },
  });
  world.client.owner.eager = false;
  const a = world.server.open();
  a.send(4 * MIB);
  await world.settle();
  const [b] = world.client.owner.drivers;
  assert(b !== undefined && world.link.ends[1].paused);
  for (let i = 0; i < 15; i++) {
    await world.pass(20_000, 1_000); // Less than what a reader is given that holds up all others.
    b.consume(1);
  }
  assert.deepEqual(world.client.owner.ends, []);
  b.relax();
  await world.settle();
  assert.equal(b.consumedBytes, 4 * MIB);
  await dispose(world);
});

test("A budget of the process is shared: what one session keeps, another may not", async () => {
  const world = makeWorld({ processBufferBytes: 300_000 });
  world.client.owner.eager = false;
  for (let i = 0; i < 4; i++) world.server.open().send(MIB);
  await world.settle();
  assert(world.client.environment.memory.usedBytes > 300_000);
  assert(world.client.environment.memory.usedBytes < 300_000 + 65_536);
  assert.equal(world.client.session.streamCount, 4);
  // After a second the stalled readers are known, and the fullest is given up.
  await world.pass(3_000);
  assert(world.client.environment.memory.usedBytes <= 300_000);
  assert(world.client.environment.counters.get("streams_shed") > 0);
  for (const driver of world.client.owner.drivers) driver.relax();
  await world.settle();
  for (const driver of world.client.owner.drivers) assert(driver.closed || driver.consumedBytes === MIB);
  await dispose(world);
});

test("ReadGate refuses further streams of sessions that hold much at 80% of the process' memory, of all at 125% (P14)", () => {
  const limitBytes = 100 * INNOCENT_BYTES;
  const { gate, counters, process, hold } = makeGate({ limitBytes: Infinity, processBytes: limitBytes });
  const host = { streams: () => [], resume: () => {} };
  const innocent = new ReadGate(new MemoryBudget(Infinity, process), counters, host);
  hold(limitBytes * PRESSURE_SHARE);
  assert.equal(gate.lackOfRoom(0, 1), undefined);
  hold(1);
  assert.match(gate.lackOfRoom(0, 1) ?? "", /80% of the memory/);
  assert.equal(innocent.lackOfRoom(0, 1), undefined);
  hold(limitBytes * OVERLOAD_SHARE - limitBytes * PRESSURE_SHARE - 1);
  assert.equal(innocent.lackOfRoom(0, 1), undefined);
  const beyond = hold(1);
  assert.match(innocent.lackOfRoom(0, 1) ?? "", /125% of the memory/);
  assert.equal(counters.get("limits_hit", "process_buffer"), 2);
  beyond.consumed(1);
  assert.equal(innocent.lackOfRoom(0, 1), undefined);
});

test("ReadGate has room for as many streams as the session may have, and not for one more", () => {
  const { gate, counters } = makeGate({ limitBytes: 100 });
  assert.equal(gate.lackOfRoom(4, 5), undefined);
  assert.match(gate.lackOfRoom(5, 5) ?? "", /5/);
  assert.equal(counters.get("limits_hit", "max_streams"), 1);
});
