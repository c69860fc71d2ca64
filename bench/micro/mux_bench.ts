/**
 * The hot path of the multiplexer, against its oracle where there is one: `deno bench bench/micro/`.
 *
 * @module
 */
import { Outbox } from "../../src/mux/outbox.ts";
import { writeDataHeader } from "../../src/wire/frame.ts";
import { DATA_HEADER_BYTES } from "../../src/wire/limits.ts";
import { FrameParser } from "../../src/wire/parser.ts";
import { type AnyOutbox, FakeSender } from "../../tests/mux/fake_sender.ts";
import { SlowOutbox } from "../../tests/mux/slow_outbox.ts";

const FRAME_BYTES = 64 * 1024;
const SENDERS = 32;

/** One chunk of `bytes` from each of the senders, written out. */
function writeAll(outbox: AnyOutbox, bytes: number): void {
  for (let id = 1; id <= SENDERS; id++) new FakeSender(outbox, { id }).send(bytes);
  while (outbox.next() !== undefined) outbox.written();
}

for (const bytes of [100, 16 * 1024]) {
  const outbox = new Outbox(() => FRAME_BYTES);
  const group = `outbox, ${SENDERS} chunks of ${bytes} bytes`;
  Deno.bench({ name: `fast, ${bytes} bytes`, group, baseline: true, fn: () => writeAll(outbox, bytes) });
  const oracle = new SlowOutbox(() => FRAME_BYTES);
  Deno.bench({ name: `oracle, ${bytes} bytes`, group, fn: () => writeAll(oracle, bytes) });
}

const parser = new FrameParser({
  control: () => {},
  dataHeader: () => {},
  data: () => {},
  windowUpdate: () => {},
  goAway: () => {},
});
parser.authenticated = true;

/** Data frames side by side in one chunk. */
function frames(count: number, payloadBytes: number): Uint8Array {
  const size = DATA_HEADER_BYTES + payloadBytes;
  const chunk = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) writeDataHeader(chunk, i * size, { streamId: 2, payloadBytes, end: false });
  return chunk;
}

for (const [count, payloadBytes] of [[1000, 100], [8, 64 * 1024]] as const) {
  const chunk = frames(count, payloadBytes);
  Deno.bench(`parser, ${count} data frames of ${payloadBytes} bytes`, () => parser.push(chunk));
}
