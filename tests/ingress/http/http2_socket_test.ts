import assert from "node:assert/strict";
import { Http2Socket, type Http2Transport } from "../../../src/ingress/http/http2_socket.ts";
import { test } from "../../harness.ts";

/** A transport that keeps what it is told. */
class Recorder implements Http2Transport {
  readonly written: number[][] = [];
  readonly events: string[] = [];
  sent: (() => void) | undefined;

  resume(): void {
    this.events.push("resume");
  }

  write(bytes: Uint8Array, sent: () => void): void {
    this.written.push([...bytes]);
    this.sent = sent;
  }

  closeWrite(): void {
    this.events.push("end");
  }

  close(error: Error | undefined): void {
    this.events.push(error === undefined ? "close" : `close: ${error.message}`);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

test("Http2Socket.deliver() hands on what comes, in order, and never during the call", async () => {
  const socket = new Http2Socket(new Recorder());
  const seen: number[] = [];
  socket.on("data", (bytes: Uint8Array) => seen.push(...bytes));
  assert.equal(socket.deliver(Uint8Array.of(1, 2)), true);
  assert.equal(socket.deliver(Uint8Array.of(3)), true);
  assert.deepEqual(seen, []);
  await turn();
  assert.deepEqual(seen, [1, 2, 3]);
  socket.destroy();
});

test("Http2Socket.deliver() wants no more while nobody reads, and asks again when somebody does", async () => {
  const recorder = new Recorder();
  const socket = new Http2Socket(recorder);
  const piece = new Uint8Array(64 * 1024);
  assert.deepEqual([1, 2, 3, 4].map(() => socket.deliver(piece.slice())), [true, true, true, false]);
  await turn();
  assert.deepEqual(recorder.events, []);
  let bytes = 0;
  socket.on("data", (chunk: Uint8Array) => bytes += chunk.length);
  await turn();
  assert.equal(bytes, 256 * 1024);
  assert.deepEqual(recorder.events, ["resume"]);
  assert.equal(socket.deliver(piece), true);
  socket.destroy();
});

test("Http2Socket writes one piece at a time, gathers the others, and ends after them", async () => {
  const recorder = new Recorder();
  const socket = new Http2Socket(recorder);
  const done: string[] = [];
  socket.write(Uint8Array.of(1), () => done.push("first"));
  socket.write(Uint8Array.of(2), () => done.push("second"));
  socket.write(Uint8Array.of(3), () => done.push("third"));
  socket.end();
  await turn();
  assert.deepEqual([recorder.written, done, socket.writing], [[[1]], [], true]);
  recorder.sent?.();
  await turn();
  assert.deepEqual([recorder.written, done], [[[1], [2, 3]], ["first"]]);
  assert.deepEqual(recorder.events, []);
  recorder.sent?.();
  await turn();
  assert.deepEqual([done, recorder.events, socket.writing], [["first", "second", "third"], ["end"], false]);
  socket.destroy();
});

test("Http2Socket.deliverEnd() ends the reading side alone", async () => {
  const recorder = new Recorder();
  const socket = new Http2Socket(recorder);
  let ended = false;
  socket.on("end", () => ended = true).resume();
  socket.deliverEnd();
  await turn();
  assert.deepEqual([ended, socket.destroyed, recorder.events], [true, false, []]);
  socket.destroy();
});

test("Http2Socket.destroy() closes the transport once, with its reason", async () => {
  for (const error of [undefined, new Error("reason")]) {
    const recorder = new Recorder();
    const socket = new Http2Socket(recorder);
    socket.destroy(error);
    socket.destroy();
    await turn();
    assert.deepEqual(recorder.events, [error === undefined ? "close" : "close: reason"]);
    socket.deliver(Uint8Array.of(1));
    socket.deliverEnd();
    await turn();
  }
});

test("Http2Socket.deliverClose() is the transport's own end: it is told of nothing more", async () => {
  const recorder = new Recorder();
  const socket = new Http2Socket(recorder);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.write(Uint8Array.of(1));
  socket.deliverClose();
  await closed;
  assert.deepEqual(recorder.events, []);
});
