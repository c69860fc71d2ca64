import assert from "node:assert/strict";
import { connect } from "node:net";
import { until } from "../support/deadline.ts";
import { test } from "../harness.ts";
import { Bed, type MixedTunnel, mixedTunnel, PAIRINGS, streamsOf } from "./bed.ts";
import { withoutRust } from "./rust_program.ts";
import { BLOCK_BYTES, blockAt, Digest, lineOfBlocks, say, writeBlocks } from "./service.ts";

const decoder = new TextDecoder();

/** Nothing of a visitor may be left: neither a stream, nor a connection to the service. */
async function assertNothingLeft({ ours, service }: MixedTunnel): Promise<void> {
  await until(
    () => streamsOf(ours) === 0 && service.open() === 0,
    () => `nothing is left: ${streamsOf(ours)} streams, ${service.open()} connections to the service`,
  );
}

for (const pairing of PAIRINGS) {
  test(`${pairing}: an answer that the service ends arrives whole, with a clean end`, async () => {
    await using bed = new Bed();
    const tunnel = await mixedTunnel(bed, pairing);
    for (const blocks of [0, 1, 40]) {
      const visitor = await bed.visitor(tunnel.visitors);
      await say(visitor, `get ${blocks}\n`);
      const bytes = await visitor.readToEnd();
      assert.equal(new Digest().update(bytes).line(), lineOfBlocks(blocks));
      await visitor.end();
    }
    await assertNothingLeft(tunnel);
  }, { skip: withoutRust });

  test(
    `${pairing}: a visitor that ends its request gets the whole answer, and the service sees the end`,
    async () => {
      await using bed = new Bed();
      const tunnel = await mixedTunnel(bed, pairing);
      for (const blocks of [0, 1, 40]) {
        const visitor = await bed.visitor(tunnel.visitors);
        await say(visitor, "put\n");
        await writeBlocks(visitor, blocks);
        await visitor.end();
        assert.equal(decoder.decode(await visitor.readToEnd()), lineOfBlocks(blocks));
      }
      await assertNothingLeft(tunnel);
    },
    { skip: withoutRust },
  );

  test(`${pairing}: a visitor that ends its direction first still gets 4 MiB`, async () => {
    await using bed = new Bed();
    const tunnel = await mixedTunnel(bed, pairing);
    const visitor = await bed.visitor(tunnel.visitors);
    await say(visitor, "get 64\n");
    await visitor.end();
    assert.equal(new Digest().update(await visitor.readToEnd()).line(), lineOfBlocks(64));
    await assertNothingLeft(tunnel);
  }, { skip: withoutRust });

  test(`${pairing}: bytes go back and forth, and fifty visitors at once keep theirs apart`, async () => {
    await using bed = new Bed();
    const tunnel = await mixedTunnel(bed, pairing);
    await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const visitor = await bed.visitor(tunnel.visitors);
      await say(visitor, "echo\n");
      for (let round = 0; round < 5; round++) {
        const sent = blockAt(index * 5 + round).subarray(0, 1 + (index * 997) % BLOCK_BYTES);
        await visitor.write(sent);
        assert.deepEqual(await visitor.read(sent.length), sent);
      }
      await visitor.end();
      assert.equal((await visitor.readToEnd()).length, 0);
    }));
    await assertNothingLeft(tunnel);
  }, { skip: withoutRust });

  test(`${pairing}: the service learns of a visitor that closes in the middle of it`, async () => {
    await using bed = new Bed();
    const tunnel = await mixedTunnel(bed, pairing);
    const visitor = await bed.visitor(tunnel.visitors);
    await say(visitor, "hold\n");
    assert.equal(decoder.decode(await visitor.read(5)), "held\n");
    assert.equal(tunnel.service.open(), 1);
    await visitor.close();
    await assertNothingLeft(tunnel);
  }, { skip: withoutRust });

  test(`${pairing}: a visitor that resets is forgotten, at the latest after the linger`, async () => {
    await using bed = new Bed();
    // The Rust server says nothing of a connection that broke, so that only silence can tell.
    const tunnel = await mixedTunnel(bed, pairing, { halfCloseLingerMs: 400 });
    await resetAfter("hold\n", "held\n", tunnel.visitors.port);
    await assertNothingLeft(tunnel);
  }, { skip: withoutRust });
}

/** A visitor that says something, waits for the answer, and resets its connection. */
async function resetAfter(text: string, answer: string, port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  socket.write(text);
  let got = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (chunk: Uint8Array) => {
      got += decoder.decode(chunk);
      if (got.length >= answer.length) resolve();
    });
  });
  assert.equal(got, answer);
  socket.resetAndDestroy();
  await closed;
}
