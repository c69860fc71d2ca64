import assert from "node:assert/strict";
import { MAX_OVERTAKEN_IDS } from "../../src/mux/inbox.ts";
import { MAX_BUFFER_BYTES } from "../../src/mux/buffer_pool.ts";
import { UNCONTROLLED_QUEUE_BYTES } from "../../src/mux/read_gate.ts";
import { test } from "../harness.ts";
import { until, untilStill } from "../support/deadline.ts";
import { connectPuppet, listenPuppet, openStream, type Puppet } from "../support/puppet.ts";
import { Bed, connected, type OurClient, type OurServer, streamsOf } from "./bed.ts";
import { TOKEN } from "./rust_program.ts";
import { BLOCK_BYTES, blockAt, type CommandService, Digest, lineOfBlocks, say } from "./service.ts";

const encoder = new TextEncoder();
const MOST_BUFFERED_BYTES = UNCONTROLLED_QUEUE_BYTES + MAX_BUFFER_BYTES;
/** More than the kernel's buffers hold. */
const BLOCKS = 512;

/** A client of plain version 1 at a server of ours. */
async function asClient(bed: Bed, ours: OurServer, tunnelId = "scripted"): Promise<Puppet> {
  const puppet = await connectPuppet(ours.server.address);
  bed.later(() => puppet.close());
  assert.equal((await puppet.introduce({ token: TOKEN, tunnelId })).status, "success");
  return puppet;
}

/** A server of plain version 1 with a client of ours that has a service. */
async function asServer(bed: Bed): Promise<{ puppet: Puppet; ours: OurClient; service: CommandService }> {
  const service = await bed.service();
  const listener = await listenPuppet();
  bed.later(() => listener.close());
  const ours = bed.ourClient(listener.address.port, service.address);
  const puppet = await listener.next();
  await puppet.admit();
  await connected(ours);
  return { puppet, ours, service };
}

test("A visitor that stalls stops the reading of its version 1 session, within bounds, and loses nothing", async () => {
  await using bed = new Bed();
  const ours = await bed.ourServer();
  const puppet = await asClient(bed, ours);
  const buffered = (): number => ours.server.status().clients[0]?.bufferedBytes ?? NaN;
  const digest = new Digest();
  const visitor = await bed.visitor(ours.visitors, { onData: (chunk) => void digest.update(chunk) });
  await puppet.message("open_stream");
  visitor.pause();
  let sentBlocks = 0;
  const sent = (async () => {
    for (; sentBlocks < BLOCKS; sentBlocks++) await puppet.sendData(2, blockAt(sentBlocks));
  })();
  await until(() => ours.server.counters.get("reads_paused") > 0, "the server reads no more");
  await untilStill(() => sentBlocks, "the kernel takes no more");
  assert.ok(sentBlocks < BLOCKS, "the peer could send everything");
  assert.ok(buffered() > 0 && buffered() <= MOST_BUFFERED_BYTES, `${buffered()} bytes wait`);
  visitor.resume();
  await sent;
  await puppet.send({ type: "close_stream", streamId: 2, reason: { kind: "normal" } });
  await visitor.readToEnd();
  assert.equal(digest.line(), lineOfBlocks(BLOCKS));
  await visitor.end();
  await puppet.closeOf(2);
  await until(() => streamsOf(ours.server) === 0 && buffered() === 0, "nothing is left");
});

test("CloseStream is the end of one direction in version 1, and each side sends one", async () => {
  await using bed = new Bed();
  const ours = await bed.ourServer();
  const puppet = await asClient(bed, ours);
  const visitor = await bed.visitor(ours.visitors);
  await puppet.message("open_stream");
  await say(visitor, "question");
  await visitor.end();
  assert.deepEqual((await puppet.data(2)).end, false);
  assert.deepEqual((await puppet.closeOf(2)).reason, { kind: "normal" });
  await puppet.sendData(2, encoder.encode("answer"));
  assert.equal(new TextDecoder().decode(await visitor.read(6)), "answer");
  assert.equal(streamsOf(ours.server), 1, "the answer is not over");
  const close = { type: "close_stream", streamId: 2, reason: { kind: "normal" } } as const;
  await puppet.send(close, close); // The Rust program sends it twice when it is under load.
  await visitor.readToEnd();
  await until(() => streamsOf(ours.server) === 0, "the stream is over");
  await puppet.roundTrip();
  assert.deepEqual(puppet.frames, [], "nothing was said twice");
});

test("A version 1 peer that closes a stream with an error is told that it is closed, and the visitor is cut off", async () => {
  await using bed = new Bed();
  const ours = await bed.ourServer();
  const puppet = await asClient(bed, ours);
  const visitor = await bed.visitor(ours.visitors);
  await puppet.message("open_stream");
  await puppet.send({ type: "close_stream", streamId: 2, reason: { kind: "timeout" } });
  await puppet.closeOf(2);
  await visitor.ended;
  assert.equal(ours.server.counters.get("streams_reset", "timeout"), 1);
  await puppet.roundTrip();
  assert.deepEqual(puppet.frames, []);
});

test("What a version 1 peer still sends on a stream that was reset is dropped and not counted", async () => {
  await using bed = new Bed();
  const { puppet, ours, service } = await asServer(bed);
  await puppet.send(openStream(2));
  await puppet.sendData(2, encoder.encode("reset\n"));
  await puppet.closeOf(2);
  for (let index = 0; index < 20; index++) await puppet.sendData(2, blockAt(index));
  await puppet.send({ type: "close_stream", streamId: 2, reason: { kind: "normal" } });
  await puppet.send(openStream(4));
  await puppet.sendData(4, encoder.encode("hold\n"));
  assert.equal(new TextDecoder().decode((await puppet.data(4)).bytes), "held\n", "the session lives");
  assert.equal(ours.client.counters.get("orphan_frames"), 0);
  assert.equal(service.open(), 1);
});

test("Streams of a version 1 server may overtake each other, but none may be opened twice", async () => {
  await using bed = new Bed();
  const { puppet, ours } = await asServer(bed);
  for (const streamId of [4, 10, 2, 8, 6]) {
    await puppet.send(openStream(streamId));
    await puppet.sendData(streamId, encoder.encode("hold\n"));
    assert.equal(new TextDecoder().decode((await puppet.data(streamId)).bytes), "held\n");
  }
  await puppet.send(openStream(6));
  await puppet.over();
  assert.equal(ours.client.counters.get("protocol_errors", "stream_id_reused"), 1);
});

for (const [behind, killed] of [[MAX_OVERTAKEN_IDS, false], [MAX_OVERTAKEN_IDS + 1, true]] as const) {
  test(`A stream id that ${behind} others of a version 1 server have overtaken is ${killed ? "refused" : "taken"}`, async () => {
    await using bed = new Bed();
    const { puppet, ours } = await asServer(bed);
    await puppet.send(openStream(2 + 2 * behind));
    await puppet.send(openStream(2));
    if (!killed) {
      await puppet.sendData(2, encoder.encode("hold\n"));
      await puppet.data(2);
    } else await puppet.over();
    assert.equal(ours.client.counters.get("protocol_errors", "stream_id_reused"), killed ? 1 : 0);
  });
}

test("Data for a stream that was overtaken and is not open yet breaks the protocol", async () => {
  await using bed = new Bed();
  const { puppet, ours } = await asServer(bed);
  await puppet.send(openStream(4));
  await puppet.sendData(2, encoder.encode("early"));
  await puppet.over();
  assert.equal(ours.client.counters.get("protocol_errors", "unknown_stream"), 1);
});

for (const claimant of ["another of version 1", "one of ours"] as const) {
  test(`A living client of version 1 keeps its tunnel id from ${claimant}, and is not even asked`, async () => {
    await using bed = new Bed();
    const ours = await bed.ourServer();
    const first = await asClient(bed, ours, "same");
    const second = await connectPuppet(ours.server.address);
    bed.later(() => second.close());
    const window = claimant === "one of ours" ? 65_536 : undefined;
    const answer = await second.introduce({ token: TOKEN, tunnelId: "same", window });
    assert.equal(answer.status, "tunnel_id_taken");
    await first.roundTrip();
    assert.deepEqual(first.frames, [], "the first one was sent something that it does not answer");
    await bed.visitor(ours.visitors);
    await first.message("open_stream");
    await first.close();
    await until(() => ours.server.status().clients.length === 0, "the first one has left");
    await asClient(bed, ours, "same");
  });
}

test("The answers of a version 1 server carry its own time, and tell the round trip nevertheless", async () => {
  await using bed = new Bed();
  const { puppet, ours } = await asServer(bed);
  const roundTripMs = (): number | undefined => {
    const status = ours.client.status();
    return status.role === "client" ? status.rttMs : undefined;
  };
  const { timestamp } = await puppet.message("heartbeat");
  assert.equal(roundTripMs(), undefined);
  await puppet.send({ type: "heartbeat_ack", timestamp: timestamp + 12_345n });
  await until(() => roundTripMs() !== undefined, "the round trip is known");
  assert.ok((roundTripMs() ?? NaN) < 12_000, "it is measured, not computed from the peer's clock");
});

test("A block fills more than one read, so that the tests above see queues", () => {
  assert.ok(BLOCKS * BLOCK_BYTES > 8 * MOST_BUFFERED_BYTES);
});
