import assert from "node:assert/strict";
import { encodeControl } from "../../src/wire/control.ts";
import type { ControlMessage } from "../../src/wire/messages.ts";
import { test } from "../harness.ts";
import { portOf, roundTrip, service, sharedService, TOKEN, until, World } from "../tunnel/world.ts";

/** One of each control message. */
const MESSAGES: { readonly [Type in ControlMessage["type"]]: Extract<ControlMessage, { type: Type }> } = {
  "handshake": {
    type: "handshake",
    token: TOKEN,
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 1,
    capabilities: [],
  },
  "handshake_ack": {
    type: "handshake_ack",
    sessionId: new Uint8Array(16),
    status: "success",
    version: 1,
    capabilities: [],
  },
  "register": { type: "register", serviceName: "a", protocol: "tcp", metadata: new Map() },
  "register_ack": { type: "register_ack", publicUrl: "", status: "success" },
  "open_stream": {
    type: "open_stream",
    streamId: 1,
    protocol: "tcp",
    headers: [],
    bodyHint: undefined,
    priority: "normal",
  },
  "stream_ack": { type: "stream_ack", streamId: 2, status: "accepted" },
  "close_stream": { type: "close_stream", streamId: 2, reason: { kind: "normal" } },
  "heartbeat": { type: "heartbeat", timestamp: 1n },
  "heartbeat_ack": { type: "heartbeat_ack", timestamp: 1n },
  "error": { type: "error", streamId: undefined, code: "timeout", message: "no" },
  "plugin_data": { type: "plugin_data", pluginId: "a", data: new Uint8Array(1) },
  "direct_wanted": { type: "direct_wanted", count: 1 },
};
const TYPES = Object.keys(MESSAGES) as ControlMessage["type"][];

/** A short frame of any type, well-formed where the type exists. */
function frameOf(type: number): Uint8Array {
  const bodies: Record<number, number[]> = { 1: [0, 0, 0, 2, 0], 2: [0, 0, 0, 2, 0, 0, 4, 0], 3: [0] };
  const body = bodies[type] ?? [0];
  return Uint8Array.of(0, 0, 0, body.length + 1, type, ...body);
}

test("H6: any other control message first ends the session, and no other", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("canary", echo.port)] });
  const publicPort = portOf((await client.ready)[0]?.publicUrl);
  const others = TYPES.filter((type) => type !== "handshake");
  for (const type of others) {
    const puppet = await world.puppet(port);
    puppet.sendRaw(Uint8Array.of(...encodeControl(MESSAGES[type]), ...encodeControl(MESSAGES.handshake)));
    const frames = [];
    for (let frame = await puppet.next(); frame !== undefined; frame = await puppet.next()) {
      frames.push(frame);
    }
    assert.deepEqual(frames.map((frame) => frame.type), ["error"], type);
  }
  assert.equal(server.counters.get("protocol_errors", "not_authenticated"), others.length);
  assert.equal(server.counters.get("sessions_opened"), 1);
  assert.equal(await roundTrip(world, publicPort, "alive"), "alive");
  assert.equal(client.connected, true);
});

test("H6: any other frame type first ends the session, and no other", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const echo = await world.echo();
  const { client } = world.client(port, { services: [service("canary", echo.port)] });
  const publicPort = portOf((await client.ready)[0]?.publicUrl);
  for (let type = 1; type < 256; type++) {
    const puppet = await world.puppet(port);
    puppet.sendRaw(Uint8Array.of(...frameOf(type), ...encodeControl(MESSAGES.handshake)));
    await puppet.closed;
    await puppet.socket.destroy();
  }
  assert.equal(server.counters.get("protocol_errors"), 255);
  assert.equal(server.counters.get("sessions_opened"), 1);
  assert.equal(await roundTrip(world, publicPort, "alive"), "alive");
  await until(() => server.status().unauthenticated === 0);
});

test("H6: a second handshake ends the session", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  const puppet = await world.puppet(port);
  await puppet.handshake({ token: TOKEN });
  puppet.send(MESSAGES.handshake);
  await puppet.closed;
  assert.equal(server.counters.get("protocol_errors", "second_handshake"), 1);
  await until(() => server.status().clients.length === 0);
});

test("H6: a message that a client never sends ends its session", async () => {
  await using world = new World();
  const { server, port } = await world.server();
  for (const type of ["handshake_ack", "register_ack"] as const) {
    const puppet = await world.puppet(port);
    await puppet.handshake({ token: TOKEN });
    puppet.send(MESSAGES[type]);
    await puppet.closed;
  }
  assert.equal(server.counters.get("protocol_errors", "unexpected_message"), 2);
});

test("H6: a server that sends anything else first loses the client's session, and the client dials again", async () => {
  await using world = new World();
  const puppets = await world.puppetServer();
  const { client, events } = world.client(puppets.port, { services: [sharedService("a", 1)] });
  const others = TYPES.filter((type) => type !== "handshake_ack" && type !== "error");
  const firsts = [...others.map((type) => encodeControl(MESSAGES[type])), ...[1, 2, 3, 4, 255].map(frameOf)];
  for (const bytes of firsts) {
    const puppet = await puppets.accepted();
    puppet.sendRaw(bytes);
    await puppet.closed;
    await events.next("disconnected");
  }
  assert.equal(client.counters.get("protocol_errors"), firsts.length);
  const honest = await puppets.accepted();
  await honest.welcome();
  await honest.expect("register");
  honest.send({ type: "register_ack", publicUrl: "tcp://127.0.0.1:1", status: "success" });
  await client.ready;
});
