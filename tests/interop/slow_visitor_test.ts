import assert from "node:assert/strict";
import { UNCONTROLLED_QUEUE_BYTES } from "../../src/mux/read_gate.ts";
import { MAX_BUFFER_BYTES } from "../../src/mux/buffer_pool.ts";
import { test } from "../harness.ts";
import { until, untilStill } from "../support/deadline.ts";
import type { RawSocket } from "../support/raw_socket.ts";
import { Bed, mixedTunnel } from "./bed.ts";
import { withoutRust } from "./rust_program.ts";
import { BLOCK_BYTES, Digest, lineOfBlocks, say, writeBlocks } from "./service.ts";

/** What may wait for one visitor: a full queue, and what was read before it was found to be full. */
const MOST_BUFFERED_BYTES = UNCONTROLLED_QUEUE_BYTES + MAX_BUFFER_BYTES;
/** More than all buffers between the two ends hold. */
const BLOCKS = 48 * 1024 * 1024 / BLOCK_BYTES;

test(
  "Rust client, our server: a visitor that stalls holds little memory, and has every byte when it reads on",
  async () => {
    await using bed = new Bed();
    const { visitors, ours: server } = await mixedTunnel(bed, "Rust client, our server");
    assert.ok("address" in server);
    const buffered = (): number => server.status().clients[0]?.bufferedBytes ?? NaN;
    const digest = new Digest();
    const visitor = await bed.visitor(visitors, { onData: (chunk) => void digest.update(chunk) });
    await say(visitor, `get ${BLOCKS}\n`);
    await until(() => digest.bytes > 0, "the answer has begun");
    visitor.pause();
    await until(() => server.counters.get("reads_paused") > 0, "the server reads no more");
    await untilStill(buffered, "nothing moves");
    assert.ok(buffered() > 0 && buffered() <= MOST_BUFFERED_BYTES, `${buffered()} bytes wait`);
    visitor.resume();
    await visitor.readToEnd(30_000);
    assert.equal(digest.line(), lineOfBlocks(BLOCKS));
    await until(() => buffered() === 0, "nothing waits any more");
    assert.equal(server.counters.get("sessions_closed"), 0);
  },
  { skip: withoutRust },
);

test(
  "our client, Rust server: a local service that stalls holds little memory, and has every byte when it reads on",
  async () => {
    await using bed = new Bed();
    const { visitors, ours: client, service } = await mixedTunnel(bed, "our client, Rust server");
    const buffered = (): number => {
      const status = client.status();
      return status.role === "client" ? status.bufferedBytes : NaN;
    };
    const visitor = await bed.visitor(visitors);
    await say(visitor, "put\n");
    await until(() => service.accepted() === 1, "the service is there");
    service.pauseAll();
    const written = writeAll(visitor);
    await until(() => client.counters.get("reads_paused") > 0, "the client reads no more");
    await untilStill(buffered, "nothing moves");
    assert.ok(buffered() > 0 && buffered() <= MOST_BUFFERED_BYTES, `${buffered()} bytes wait`);
    service.resumeAll();
    await written;
    assert.equal(new TextDecoder().decode(await visitor.readToEnd(30_000)), lineOfBlocks(BLOCKS));
    assert.equal(client.counters.get("sessions_closed"), 0);
  },
  { skip: withoutRust },
);

async function writeAll(visitor: RawSocket): Promise<void> {
  assert.ok(await writeBlocks(visitor, BLOCKS));
  await visitor.end();
}
