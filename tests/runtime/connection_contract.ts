/**
 * What every implementation of Connection and Listener must do, as tests. The part of listeners is in a file of its own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { Canary, recordBoth, type Transport, withLink } from "./_links.ts";
import { pattern, Recorder, sameBytes } from "./_recorder.ts";
import { listenerContract } from "./listener_contract.ts";

const MIB = 1024 * 1024;
/** More than any kernel buffers for one connection. */
const MORE_THAN_BUFFERED_BYTES = 64 * MIB;

/**
 * Registers the suite for one transport.
 *
 * @param name Stands in front of each test's name.
 * @param transport What is tested.
 */
export function connectionContract(name: string, transport: Transport): void {
  dataTests(name, transport);
  endTests(name, transport);
  failureTests(name, transport);
  listenerContract(name, transport);
}

function dataTests(name: string, transport: Transport): void {
  test(`${name}: bytes arrive in order in both directions`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      const up = pattern(300_000, 1);
      const down = pattern(200_000, 2);
      await Promise.all([sendInPieces(link.client, atClient, up), sendInPieces(link.server, atServer, down)]);
      await atServer.when(() => atServer.receivedBytes >= up.length);
      await atClient.when(() => atClient.receivedBytes >= down.length);
      assert.ok(sameBytes(atServer.bytes(), up));
      assert.ok(sameBytes(atClient.bytes(), down));
    }));

  test(`${name}: one write of 8 MiB arrives whole`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      const bytes = pattern(8 * MIB);
      assert.equal(
        link.client.bytesTaken > 0,
        name === "TLS" && runtime.name === "deno",
        "before the first write",
      );
      await atClient.send(link.client, bytes);
      assert.ok(link.client.bytesTaken >= bytes.length);
      await atServer.when(() => atServer.receivedBytes >= bytes.length);
      assert.ok(sameBytes(atServer.bytes(), bytes));
    }));

  test(`${name}: bytesTaken counts what has left of a write that is not done`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      const canary = await Canary.open();
      const bytes = pattern(32 * MIB);
      atServer.wantsMore = false;
      link.client.write(bytes);
      await atServer.when(() => atServer.receivedBytes > 0);
      await canary.roundTrips(20);
      let before = link.client.bytesTaken;
      assert.ok(before > 0);
      assert.ok(before < bytes.length);
      let steps = 0;
      while (atClient.count("drain") === 0) {
        const received = atServer.receivedBytes;
        link.server.resume();
        await atServer.when(() => atServer.receivedBytes > received);
        if (link.client.bytesTaken > before) steps++;
        assert.ok(link.client.bytesTaken >= before, "never less than before");
        before = link.client.bytesTaken;
      }
      assert.ok(steps > 3, `seen to grow ${steps} times`);
      await canary.close();
    }));

  test(`${name}: a handler that wants no more holds the peer's writes back until resume()`, () =>
    withLink(transport, async (link) => {
      const canary = await Canary.open();
      const { atClient, atServer } = recordBoth(link);
      atServer.wantsMore = false;
      const piece = pattern(MIB);
      const pieces = MORE_THAN_BUFFERED_BYTES / MIB;
      let written = 0;
      const writing = (async () => {
        for (; written < pieces; written++) await atClient.send(link.client, piece);
      })();
      await atServer.when(() => atServer.receivedBytes > 0);
      const delivered = atServer.receivedBytes;
      for (let before = -1; before < written;) {
        before = written;
        await canary.roundTrips(100);
      }
      assert.ok(written < pieces, `the peer could write all ${written} MiB`);
      assert.equal(atServer.receivedBytes, delivered);
      assert.equal(atServer.count("data"), 1);

      atServer.wantsMore = true;
      link.server.resume();
      assert.equal(atServer.count("data"), 1, "resume() delivered during the call");
      await writing;
      await atServer.when(() => atServer.receivedBytes >= MORE_THAN_BUFFERED_BYTES);
      const all = atServer.bytes();
      for (let index = 0; index < pieces; index++) {
        assert.ok(sameBytes(all.subarray(index * MIB, (index + 1) * MIB), piece), `piece ${index} differs`);
      }
      await canary.close();
    }));

  test(`${name}: a handler that pauses at every chunk gets everything`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      const bytes = pattern(2 * MIB);
      atServer.wantsMore = false;
      atServer.onEvent = (event) => {
        if (event === "data") setTimeout(() => link.server.resume(), 0);
      };
      await atClient.send(link.client, bytes);
      link.client.closeWrite();
      await atServer.ended();
      assert.ok(sameBytes(atServer.bytes(), bytes));
    }));

  test(`${name}: nothing is delivered before start()`, () =>
    withLink(transport, async ({ client, server }) => {
      const canary = await Canary.open();
      const atClient = new Recorder();
      client.start(atClient);
      await atClient.send(client, pattern(1000));
      client.closeWrite();
      await canary.roundTrips(20);
      const atServer = new Recorder();
      server.start(atServer);
      assert.deepEqual(atServer.events, [], "start() delivered during the call");
      await atServer.ended();
      assert.ok(sameBytes(atServer.bytes(), pattern(1000)));
      assert.equal(atServer.events.at(-1), "end");
      await canary.close();
    }));
}

function endTests(name: string, transport: Transport): void {
  for (const first of ["client", "server"] as const) {
    test(`${name}: after the ${first} ended its direction 4 MiB flow the other way, then both close cleanly`, () =>
      withLink(transport, async (link) => {
        const recorders = recordBoth(link);
        const [early, late] = first === "client" ? [link.client, link.server] : [link.server, link.client];
        const [atEarly, atLate] = first === "client"
          ? [recorders.atClient, recorders.atServer]
          : [recorders.atServer, recorders.atClient];
        early.closeWrite();
        await atLate.ended();
        const bytes = pattern(4 * MIB);
        await atLate.send(late, bytes);
        late.closeWrite();
        assert.equal(await atEarly.closed(), undefined);
        assert.equal(await atLate.closed(), undefined);
        assert.ok(sameBytes(atEarly.bytes(), bytes));
        assertOrderly(atEarly);
        assertOrderly(atLate);
      }));

    test(`${name}: after the ${first} ended its direction, what it has not asked for yet survives the peer's end`, () =>
      withLink(transport, async (link) => {
        const { atClient, atServer } = recordBoth(link);
        const [early, late] = first === "client" ? [link.client, link.server] : [link.server, link.client];
        const [atEarly, atLate] = first === "client" ? [atClient, atServer] : [atServer, atClient];
        early.closeWrite();
        await atLate.ended();
        const canary = await Canary.open();
        atEarly.wantsMore = false;
        const bytes = pattern(30_000);
        await atLate.send(late, bytes.subarray(0, 1));
        await atEarly.when(() => atEarly.receivedBytes > 0);
        // All of this then arrives at once.
        await atLate.send(late, bytes.subarray(1));
        late.closeWrite();
        assert.equal(await atLate.closed(), undefined);
        const resumeLater = async (): Promise<void> => {
          await canary.roundTrips(20);
          early.resume();
        };
        let whole: Promise<void> = resumeLater();
        atEarly.onEvent = (event) => {
          if (event === "data") whole = whole.then(resumeLater);
        };
        assert.equal(await atEarly.closed(), undefined);
        await whole;
        assert.ok(sameBytes(atEarly.bytes(), bytes));
        assertOrderly(atEarly);
        await canary.close();
      }));
  }

  for (const how of ["close", "reset"] as const) {
    test(`${name}: ${how}() ends a connection whose end is not asked for any more`, () =>
      withLink(transport, async (link) => {
        const { atClient, atServer } = recordBoth(link);
        const canary = await Canary.open();
        atServer.wantsMore = false;
        link.server.closeWrite();
        await atClient.ended();
        await atClient.send(link.client, pattern(1));
        await atServer.when(() => atServer.receivedBytes > 0);
        link.client.closeWrite();
        await atClient.closed();
        await canary.roundTrips(20);
        link.server[how]();
        assert.equal(await atServer.closed(), undefined);
        assert.equal(atServer.count("close"), 1);
        await canary.close();
      }));
  }

  test(`${name}: closeWrite() lets a pending write go out first`, () =>
    withLink(transport, async (link) => {
      const { atServer } = recordBoth(link);
      const bytes = pattern(8 * MIB);
      link.client.write(bytes);
      link.client.closeWrite();
      await atServer.ended();
      assert.ok(sameBytes(atServer.bytes(), bytes));
    }));

  test(`${name}: both ends may end at the same moment`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      link.client.closeWrite();
      link.server.closeWrite();
      assert.equal(await atClient.closed(), undefined);
      assert.equal(await atServer.closed(), undefined);
      assertOrderly(atClient);
      assertOrderly(atServer);
    }));

  test(`${name}: an end answered from within end() closes after end() has returned`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      let inEnd = false;
      let closedInEnd = false;
      atServer.onEvent = (event) => {
        if (event === "close" && inEnd) closedInEnd = true;
        if (event !== "end") return;
        inEnd = true;
        link.server.closeWrite();
        inEnd = false;
      };
      link.client.closeWrite();
      await atServer.closed();
      await atClient.closed();
      assert.equal(closedInEnd, false);
    }));

  for (const bytes of [pattern(1), pattern(20_000)]) {
    test(`${name}: close() right after write() still delivers what was written, ${bytes.length} bytes`, () =>
      withLink(transport, async (link) => {
        const { atClient, atServer } = recordBoth(link);
        link.client.write(bytes);
        link.client.close();
        await atServer.ended();
        assert.ok(sameBytes(atServer.bytes(), bytes));
        assert.equal(await atClient.closed(), undefined);
      }));
  }

  test(`${name}: close() during a pending read and write calls close() once, without error`, () =>
    withLink(transport, async (link) => {
      const canary = await Canary.open();
      const { atClient, atServer } = recordBoth(link);
      atServer.wantsMore = false;
      link.client.write(pattern(32 * MIB));
      await atServer.when(() => atServer.receivedBytes > 0);
      link.client.close();
      assert.equal(atClient.count("close"), 0, "close() called the handler");
      assert.equal(await atClient.closed(), undefined);
      await canary.roundTrips(10);
      assert.deepEqual(atClient.events, ["close"]);
      assert.equal(link.client.write(Uint8Array.of(1)), false);
      await canary.close();
    }));
}

function failureTests(name: string, transport: Transport): void {
  test(`${name}: a reset by the peer is an error`, () =>
    withForeign(transport, async (foreign, server) => {
      const recorder = new Recorder();
      server.start(recorder);
      foreign.write(pattern(10));
      await recorder.when(() => recorder.receivedBytes === 10);
      foreign.reset();
      assertLost(await recorder.closed());
      assert.equal(recorder.count("end"), 0);
    }));

  test(`${name}: a reset before start() is told after it`, () =>
    withForeign(transport, async (foreign, server) => {
      const canary = await Canary.open();
      foreign.reset();
      await canary.roundTrips(20);
      const recorder = new Recorder();
      server.start(recorder);
      assertLost(await recorder.closed());
      assert.deepEqual(recorder.events, ["close"]);
      await canary.close();
    }));

  test(`${name}: reset() is seen by the peer as an error`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      link.client.reset();
      assert.equal(await atClient.closed(), undefined);
      assertLost(await atServer.closed());
    }), { skip: transport.resetSkip });

  test(`${name}: a peer that goes away in the middle of a write is an error`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      atServer.wantsMore = false;
      link.client.write(pattern(32 * MIB));
      await atServer.when(() => atServer.receivedBytes > 0);
      link.server.reset();
      assertLost(await atClient.closed());
      assert.equal(atClient.count("close"), 1);
    }));

  test(`${name}: what the handler throws closes the connection`, () =>
    withLink(transport, async (link) => {
      const { atClient, atServer } = recordBoth(link);
      const thrown = new Error("Thrown by the handler");
      atServer.onEvent = (event) => {
        if (event === "data") throw thrown;
      };
      await atClient.send(link.client, pattern(10));
      assert.equal(await atServer.closed(), thrown);
      assert.deepEqual(atServer.events, ["data", "close"]);
      await atClient.when(() => atClient.count("end") + atClient.count("close") > 0);
    }));
}

async function sendInPieces(connection: Connection, recorder: Recorder, bytes: Uint8Array): Promise<void> {
  for (let offset = 0, size = 1; offset < bytes.length; offset += size, size = size * 2 % 60_001) {
    size = Math.max(size, 1);
    await recorder.send(connection, bytes.subarray(offset, offset + size));
  }
}

async function withForeign(
  transport: Transport,
  use: (foreign: Awaited<ReturnType<Transport["dialForeign"]>>, server: Connection) => Promise<void>,
): Promise<void> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await transport.listen({ onConnection: accepted.resolve });
  const foreign = await transport.dialForeign(listener);
  try {
    await use(foreign, await accepted.promise);
  } finally {
    await listener.close();
  }
}

function assertOrderly(recorder: Recorder): void {
  assert.equal(recorder.count("end"), 1);
  assert.equal(recorder.count("close"), 1);
  assert.equal(recorder.events.at(-1), "close");
  assert.ok(recorder.events.lastIndexOf("data") < recorder.events.indexOf("end"));
}

function assertLost(error: Error | undefined): void {
  assert.ok(error instanceof TunnelError, `expected an error, got ${error}`);
  assert.equal(error.code, "CONNECTION");
  assert.match(error.message, /^Lost the connection with 127\.0\.0\.1:\d+: /);
}
