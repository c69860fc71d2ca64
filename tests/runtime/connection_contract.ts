/**
 * What every implementation of Connection and Listener must do, as tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, Listener } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { Canary, type Link, recordBoth, type Transport, withLink } from "./_links.ts";
import { pattern, Recorder, sameBytes } from "./_recorder.ts";

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
  listenerTests(name, transport);
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
      await atClient.send(link.client, bytes);
      await atServer.when(() => atServer.receivedBytes >= bytes.length);
      assert.ok(sameBytes(atServer.bytes(), bytes));
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

function listenerTests(name: string, transport: Transport): void {
  test(`${name}: each end knows both addresses`, async () => {
    await withLink(transport, ({ client, server }) => {
      assert.deepEqual(client.local, server.remote);
      assert.deepEqual(client.remote, server.local);
      assert.equal(client.remote.hostname, "127.0.0.1");
      assert.equal(client.lendsSpace, server.lendsSpace);
      return Promise.resolve();
    });
  });

  test(`${name}: ${transport.crowd} connections at once`, async () => {
    const servers: Connection[] = [];
    const listener = await transport.listen({
      onConnection: (connection) => {
        servers.push(connection);
        const echo = new Recorder();
        echo.onEvent = (event) => {
          if (event === "end") connection.closeWrite();
          if (event === "data") connection.write(Uint8Array.from(echo.bytes()));
        };
        connection.start(echo);
      },
    });
    const talk = async (index: number): Promise<void> => {
      const client = await transport.dial(listener);
      const recorder = new Recorder();
      client.start(recorder);
      const bytes = Uint8Array.of(index, index >>> 8);
      await recorder.send(client, bytes);
      await recorder.when(() => recorder.receivedBytes >= 2);
      client.closeWrite();
      assert.equal(await recorder.closed(), undefined);
      assert.deepEqual([...recorder.bytes()], [...bytes]);
    };
    await Promise.all(Array.from({ length: transport.crowd }, (_, index) => talk(index)));
    assert.equal(servers.length, transport.crowd);
    await listener.close();
  });

  test(`${name}: a port that nobody listens on refuses`, async () => {
    const listener = await transport.listen({ onConnection: (connection) => connection.close() });
    await listener.close();
    await assert.rejects(transport.dial(listener), (error: unknown) => {
      assert.ok(error instanceof TunnelError);
      assert.equal(error.code, "CONNECTION");
      const { port } = listener.address;
      assert.equal(
        error.message,
        `Could not connect to 127.0.0.1:${port}: connection refused; is it running there?`,
      );
      return true;
    });
  });

  test(`${name}: an address in use cannot be bound, and can after close()`, async () => {
    const onConnection = (connection: Connection): void => connection.close();
    const listener = await transport.listen({ onConnection });
    const { port } = listener.address;
    assert.notEqual(port, 0);
    await assert.rejects(transport.listen({ onConnection, port }), (error: unknown) => {
      assert.ok(error instanceof TunnelError);
      assert.equal(error.code, "BIND");
      assert.match(
        error.message,
        new RegExp(`^Could not listen on 127\\.0\\.0\\.1:${port}: address already in use; `),
      );
      return true;
    });
    await listener.close();
    const again = await transport.listen({ onConnection, port });
    await again.close();
    await again.close();
  });

  test(`${name}: accepted connections outlive their listener`, async () => {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await transport.listen({ onConnection: accepted.resolve });
    const client = await transport.dial(listener);
    const link: Link = { client, server: await accepted.promise };
    await listener.close();
    const { atClient, atServer } = recordBoth(link);
    await atClient.send(client, pattern(10));
    await atServer.when(() => atServer.receivedBytes === 10);
    client.close();
    link.server.close();
    await Promise.all([atClient.closed(), atServer.closed()]);
  });

  test(`${name}: IPv6`, async () => {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await transport.listen({ onConnection: accepted.resolve, hostname: "::1" });
    const client = await transport.dial(listener);
    const link: Link = { client, server: await accepted.promise };
    const { atClient, atServer } = recordBoth(link);
    assert.equal(listener.address.hostname, "::1");
    assert.deepEqual(client.remote, listener.address);
    assert.deepEqual(client.local, link.server.remote);
    await atClient.send(client, pattern(10));
    await atServer.when(() => atServer.receivedBytes === 10);
    client.close();
    link.server.close();
    await Promise.all([atClient.closed(), atServer.closed()]);
    await listener.close();
  }, { skip: ipv6Skip });
}

const ipv6Skip = await runtime.listen({ hostname: "::1", port: 0, onConnection: () => {} })
  .then((listener: Listener) => listener.close())
  .then(() => undefined, () => "this machine has no ::1");

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
