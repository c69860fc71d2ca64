import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { until } from "../support/deadline.ts";
import { connectPuppet, listenPuppet, openStream } from "../support/puppet.ts";
import { Bed, connected } from "./bed.ts";
import { TOKEN } from "./rust_program.ts";
import { say } from "./service.ts";

/** What a later release might name: new words, new versions and parameters of known ones, ours misspelt. */
const UNKNOWN_CAPABILITIES = [
  "basic",
  "tcp",
  "quic",
  "",
  ";;",
  "ferrotunnel.streams/2;window=1;more=2",
  "ferrotunnel.services/10",
  "ferrotunnel.instance/0;id=x",
  "Ferrotunnel.Streams/1;window=65536",
];
/** Thirteen messages are known, one of them an extension; 250 is the last index of one byte. */
const UNKNOWN_MESSAGES = [13, 14, 100, 250];

/** A control frame with a message of that index and a body of four bytes. */
function unknownMessage(index: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 6, 0, index, 1, 2, 3, 4);
}

test("Our server takes a client with capabilities and versions of the future as one of version 1", async () => {
  await using bed = new Bed();
  const ours = await bed.ourServer();
  const puppet = await connectPuppet(ours.server.address);
  bed.later(() => puppet.close());
  const versions = { minVersion: 1, maxVersion: 200 };
  await puppet.send({
    type: "handshake",
    token: TOKEN,
    tunnelId: "later",
    ...versions,
    capabilities: UNKNOWN_CAPABILITIES,
  });
  const { status, version, capabilities } = await puppet.message("handshake_ack");
  assert.deepEqual({ status, version, capabilities }, {
    status: "success",
    version: 1,
    capabilities: ["basic", "tcp"],
  });
  const visitor = await bed.visitor(ours.visitors);
  assert.deepEqual((await puppet.message("open_stream")).headers, []);
  await say(visitor, "hi");
  assert.equal((await puppet.data(2)).bytes.length, 2);
  await puppet.roundTrip();
  assert.deepEqual(puppet.frames, []);
});

test("Our client takes a server with capabilities of the future as one of version 1", async () => {
  await using bed = new Bed();
  const service = await bed.service();
  const listener = await listenPuppet();
  bed.later(() => listener.close());
  const ours = bed.ourClient(listener.address.port, service.address);
  const puppet = await listener.next();
  await puppet.message("handshake");
  await puppet.send({
    type: "handshake_ack",
    sessionId: new Uint8Array(16).fill(1),
    status: "success",
    version: 1,
    capabilities: UNKNOWN_CAPABILITIES,
  });
  await connected(ours);
  await puppet.message("heartbeat");
  await puppet.send(openStream(2));
  await puppet.sendData(2, new TextEncoder().encode("hold\n"));
  assert.equal((await puppet.data(2)).bytes.length, 5);
  assert.deepEqual(puppet.frames, [], "a registration, an acceptance or credit");
});

for (const index of UNKNOWN_MESSAGES) {
  test(`Control message ${index} ends the session, with our server before and after the handshake, and with our client`, async () => {
    await using bed = new Bed();
    const ours = await bed.ourServer();
    const stranger = await connectPuppet(ours.server.address);
    bed.later(() => stranger.close());
    await stranger.sendBytes(unknownMessage(index));
    await stranger.over();

    const known = await connectPuppet(ours.server.address);
    bed.later(() => known.close());
    assert.equal((await known.introduce({ token: TOKEN })).status, "success");
    await known.sendBytes(unknownMessage(index));
    assert.equal((await known.message("error")).code, "protocol_error");
    await known.over();
    assert.equal(ours.server.counters.get("protocol_errors", "bad_enum"), 2);

    const service = await bed.service();
    const listener = await listenPuppet();
    bed.later(() => listener.close());
    const { client } = bed.ourClient(listener.address.port, service.address);
    const server = await listener.next();
    await server.admit();
    await server.sendBytes(unknownMessage(index));
    await server.over();
    assert.equal(client.counters.get("protocol_errors", "bad_enum"), 1);
  });
}

test("What the Rust program does not send but version 1 has is taken without harm", async () => {
  await using bed = new Bed();
  const ours = await bed.ourServer();
  const puppet = await connectPuppet(ours.server.address);
  bed.later(() => puppet.close());
  assert.equal((await puppet.introduce({ token: TOKEN })).status, "success");
  const visitor = await bed.visitor(ours.visitors);
  await puppet.message("open_stream");
  await puppet.sendBytes(encodeControl({ type: "stream_ack", streamId: 2, status: "accepted" }));
  await puppet.send({ type: "error", streamId: 2, code: "service_unavailable", message: "a word" });
  await puppet.send({ type: "plugin_data", pluginId: "logger", data: new Uint8Array(10) });
  await puppet.sendData(2, new TextEncoder().encode("still"));
  assert.equal((await visitor.read(5)).length, 5);
  await puppet.send({ type: "stream_ack", streamId: 2, status: "rejected" });
  await visitor.ended;
  await puppet.roundTrip();
  await until(() => ours.server.status().clients[0]?.streams === 0, "the rejected stream is over");
});
