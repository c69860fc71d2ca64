import assert from "node:assert/strict";
import { runtimeName, test } from "../harness.ts";
import { Bed, mixedTunnel, PAIRINGS } from "./bed.ts";
import { unlessLong, withoutRust } from "./rust_program.ts";
import { BLOCK_BYTES, Digest, lineOfBlocks, say, writeBlocks } from "./service.ts";

const STREAMS = 50;
const MB = 1_000_000;
/** The Rust server lets 10 MB/s pass from client to server, after 20 MB at once: the large load takes a minute there. */
const LOADS = [
  { blocks: 7, skip: withoutRust, deadlineMs: 30_000 },
  { blocks: 160, skip: unlessLong, deadlineMs: 120_000 },
];

type Way = "to the visitors" | "to the service";

/** One visitor moves its bytes, and both ends compare what came with what was sent. */
async function move(bed: Bed, visitors: { readonly port: number }, load: {
  readonly way: Way;
  readonly blocks: number;
  readonly deadlineMs: number;
}): Promise<void> {
  const { way, blocks, deadlineMs } = load;
  const digest = new Digest();
  if (way === "to the visitors") {
    const visitor = await bed.visitor(visitors, { onData: (chunk) => void digest.update(chunk) });
    await say(visitor, `get ${blocks}\n`);
    await visitor.readToEnd(deadlineMs);
    assert.equal(digest.line(), lineOfBlocks(blocks));
    return visitor.end();
  }
  const visitor = await bed.visitor(visitors);
  await say(visitor, `put\n`);
  assert.ok(await writeBlocks(visitor, blocks));
  await visitor.end();
  assert.equal(new TextDecoder().decode(await visitor.readToEnd(deadlineMs)), lineOfBlocks(blocks));
}

for (const pairing of PAIRINGS) {
  for (const { blocks, skip, deadlineMs } of LOADS) {
    for (const way of ["to the visitors", "to the service"] as const) {
      const megabytes = Math.round(STREAMS * blocks * BLOCK_BYTES / MB);
      test(`${pairing}: ${megabytes} MB ${way} on ${STREAMS} streams`, async () => {
        await using bed = new Bed();
        const { visitors, ours } = await mixedTunnel(bed, pairing);
        const startedAt = performance.now();
        await Promise.all(
          Array.from({ length: STREAMS }, () => move(bed, visitors, { way, blocks, deadlineMs })),
        );
        const seconds = (performance.now() - startedAt) / 1000;
        assert.equal(ours.counters.get("sessions_closed"), 0);
        assert.equal(ours.counters.get("protocol_errors"), 0);
        const rate = (megabytes / seconds).toFixed(0);
        console.log(
          `${pairing} (${runtimeName}), ${megabytes} MB ${way}: ${seconds.toFixed(1)} s, ${rate} MB/s`,
        );
      }, { skip, timeoutMs: deadlineMs + 30_000 });
    }
  }
}
