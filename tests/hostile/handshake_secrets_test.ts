import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import type { Logger } from "../../src/log.ts";
import { encodeControl } from "../../src/wire/control.ts";
import { test } from "../harness.ts";
import { CLIENT_CAPABILITIES } from "../tunnel/puppet.ts";
import { portOf, roundTrip, service, until, World } from "../tunnel/world.ts";

const CANARY = "c4n4ry-t0ken-of-the-h0me-cl1ent";
/** Bytes of a handshake before its token: length, type, message, length of the token. */
const TOKEN_OFFSET = 4 + 1 + 1 + 1;
const WRONG_CANARY = "wr0ng-c4n4ry-that-nobody-kn0ws";

function recorder(): { logger: Logger; records: unknown[] } {
  const records: unknown[] = [];
  const record = (message: string, properties?: unknown): void => void records.push([message, properties]);
  return { records, logger: { debug: record, info: record, warn: record, error: record } };
}

function occurrences(chunks: readonly Uint8Array[], text: string): number {
  return Buffer.concat(chunks).toString("latin1").split(text).length - 1;
}

test("H13: a token appears in the handshake and nowhere else", async () => {
  await using world = new World();
  const serverLog = recorder();
  const clientLog = recorder();
  const { server, port, events } = await world.server(
    { tokens: [{ name: "home", token: CANARY }] },
    { logger: serverLog.logger },
  );
  const relay = await world.relay(port);
  const echo = await world.echo();
  const good = world.client(relay.port, {
    token: CANARY,
    services: [service("echo", echo.port), service("bad name", echo.port)],
  }, { logger: clientLog.logger });
  const url = (await good.client.ready)[0]?.publicUrl;
  assert.equal(await roundTrip(world, portOf(url), "hello"), "hello");
  await relay.cut();
  await good.events.next("disconnected");
  await until(() => good.client.connected);

  const bad = world.client(relay.port, { token: WRONG_CANARY, services: [service("echo", echo.port)] }, {
    logger: clientLog.logger,
  });
  const refusal = await bad.client.closed.then(() => undefined, (error: unknown) => error);

  // Handshakes that break the protocol, with the token in them.
  const handshake = encodeControl({
    type: "handshake",
    token: CANARY,
    tunnelId: undefined,
    minVersion: 1,
    maxVersion: 1,
    capabilities: [...CLIENT_CAPABILITIES, ...CLIENT_CAPABILITIES],
  });
  const unprintable = handshake.slice();
  unprintable[TOKEN_OFFSET + CANARY.length - 1] = 7;
  for (const bytes of [handshake, unprintable, new Uint8Array([...handshake.subarray(0, -1), 255])]) {
    const puppet = await world.puppet(relay.port);
    puppet.sendRaw(bytes);
    await puppet.closed;
  }

  const seen = inspect([
    serverLog.records,
    clientLog.records,
    events.all,
    good.events.all,
    bad.events.all,
    refusal,
    server.status(),
    good.client.status(),
    bad.client.status(),
    [...server.counters.entries()],
    [...good.client.counters.entries()],
  ], { depth: null, maxArrayLength: null, maxStringLength: null });
  assert.ok(serverLog.records.length > 5 && clientLog.records.length > 5);
  assert.match(seen, /Refused handshake/);
  for (const secret of [CANARY, WRONG_CANARY]) assert.equal(seen.includes(secret), false, secret);
  assert.equal(occurrences(relay.sent.toClient, CANARY), 0);
  assert.equal(occurrences(relay.sent.toClient, WRONG_CANARY), 0);
  // Two handshakes of the good client and the two puppets' in which the token is whole.
  assert.equal(occurrences(relay.sent.toServer, CANARY), 4);
  assert.equal(occurrences(relay.sent.toServer, WRONG_CANARY), 1);
});
