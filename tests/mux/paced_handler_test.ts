import assert from "node:assert/strict";
import { BufferPool } from "../../src/mux/buffer_pool.ts";
import { PacedHandler } from "../../src/mux/paced_handler.ts";
import { Pacer } from "../../src/mux/pacer.ts";
import { SlabReader } from "../../src/mux/slabs.ts";
import type { StreamHandler } from "../../src/mux/stream.ts";
import { test } from "../harness.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeStream } from "./lone_stream.ts";

class Log implements StreamHandler {
  readonly all: string[] = [];
  bytes: number[] = [];
  onData: () => void = () => {};
  data(piece: Uint8Array): void {
    this.bytes.push(...piece);
    this.all.push("data");
    this.onData();
  }
  end(): void {
    this.all.push("end");
  }
  sendable(): void {
    this.all.push("sendable");
  }
  accepted(): void {
    this.all.push("accepted");
  }
  close(): void {
    this.all.push("close");
  }
}

function paced(
  bytesPerSecond: number,
): { clock: FakeClock; log: Log; handler: PacedHandler; pool: BufferPool } {
  const clock = new FakeClock();
  const log = new Log();
  const pool = new BufferPool({ keepBytes: 1024 * 1024 });
  const pacers = {
    sent: new Pacer({ clock, bytesPerSecond }),
    received: new Pacer({ clock, bytesPerSecond }),
  };
  const handler = new PacedHandler({ stream: makeStream().stream, handler: log, pacers, pool });
  return { clock, log, handler, pool };
}

const BYTES = Uint8Array.from({ length: 40_000 }, (_, index) => index & 0xff);

test("PacedHandler hands on every byte in order, the end after the last, whatever happens to the memory meanwhile", () => {
  const { clock, log, handler, pool } = paced(10_000);
  const slabs = new SlabReader(pool);
  for (const [from, to] of [[0, 5], [5, 20_000], [20_000, 40_000]] as const) {
    const piece = BYTES.slice(from, to);
    handler.data(piece, slabs.arrived(piece));
    if (piece.length < 16_384) piece.fill(0); // Too small to pin a slab: it was copied.
  }
  handler.end();
  assert.ok(!log.all.includes("end"));
  clock.advance(2_000);
  assert.ok(log.bytes.length >= 20_000 && log.bytes.length <= 22_000, `${log.bytes.length}`);
  clock.advance(3_000);
  assert.deepEqual(log.bytes, [...BYTES]);
  assert.equal(log.all.at(-1), "end");
  assert.equal(slabs.pinned, 0);
  assert.equal(clock.pending, 0);
});

test("PacedHandler tells the end before the close, also when the last bytes close the stream", () => {
  const { clock, log, handler, pool } = paced(1_000);
  const slabs = new SlabReader(pool);
  const piece = BYTES.slice(0, 500);
  handler.data(piece, slabs.arrived(piece));
  handler.end();
  log.onData = () => {
    if (log.bytes.length === 500) handler.close(undefined);
  };
  clock.advance(1_000);
  assert.deepEqual(log.all.slice(-3), ["data", "end", "close"]);
});

test("PacedHandler drops what waits when the stream is reset, and says no end", () => {
  const { clock, log, handler, pool } = paced(1_000);
  const slabs = new SlabReader(pool);
  const piece = BYTES.slice();
  handler.data(piece, slabs.arrived(piece));
  handler.end();
  handler.close({ kind: "error", message: "gone" });
  clock.advance(60_000);
  assert.ok(!log.all.includes("end"));
  assert.equal(log.all.at(-1), "close");
  assert.equal(slabs.pinned, 0);
  assert.equal(clock.pending, 0);
});
