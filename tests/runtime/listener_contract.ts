/**
 * What every implementation of Listener must do, as tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, Listener, SocketAddress } from "../../src/runtime/types.ts";
import { test } from "../harness.ts";
import { type Link, recordBoth, type Transport, withLink } from "./_links.ts";
import { pattern, Recorder } from "./_recorder.ts";

/**
 * Registers the suite for one transport.
 *
 * @param name Stands in front of each test's name.
 * @param transport What is tested.
 */
export function listenerContract(name: string, transport: Transport): void {
  listenerTests(name, transport);
  admissionTests(name, transport);
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

function admissionTests(name: string, transport: Transport): void {
  test(`${name}: what admit() returns goes to onConnection, and what it refuses is closed`, async () => {
    const asked: SocketAddress[] = [];
    const accepted: Connection[] = [];
    let places = 2;
    const admit = (remote: SocketAddress): (() => void) | undefined => {
      asked.push(remote);
      if (places === 0) return undefined;
      places--;
      return () => void places++;
    };
    const leaves: (() => void)[] = [];
    const listener = await transport.listen({
      admit,
      onConnection: (connection, leave) => {
        accepted.push(connection);
        if (leave !== undefined) leaves.push(leave);
        connection.start(new Recorder());
      },
    });
    const clients = [await transport.dial(listener), await transport.dial(listener)];
    await assertRefused(transport, listener);
    assert.equal(asked.length, 3);
    assert.equal(accepted.length, 2);
    assert.equal(leaves.length, 2);
    leaves[0]?.();
    clients.push(await transport.dial(listener));
    assert.deepEqual(
      clients.map((client) => client.local.port),
      [0, 1, 3].map((index) => asked[index]?.port),
    );
    for (const client of clients) {
      const recorder = new Recorder();
      client.start(recorder);
      client.close();
      await recorder.closed();
    }
    assert.equal(places, 0, "the listener gave back a place that it had handed on");
    for (const connection of accepted) connection.close();
    await listener.close();
  });

  test(`${name}: the place of a connection that onConnection throws at is given back`, async () => {
    let places = 1;
    const thrown = new Error("Thrown by onConnection");
    const reported = Promise.withResolvers<Error>();
    const listener = await transport.listen({
      admit: () => {
        places--;
        return () => void places++;
      },
      onConnection: () => {
        throw thrown;
      },
      onError: reported.resolve,
    });
    await assertRefused(transport, listener);
    assert.equal(await reported.promise, thrown);
    assert.equal(places, 1);
    await listener.close();
  });
}

/** Dials and waits until the other side has closed, whether during or after the handshake. */
async function assertRefused(transport: Transport, listener: Listener): Promise<void> {
  let client: Connection;
  try {
    client = await transport.dial(listener);
  } catch (error) {
    assert.ok(error instanceof TunnelError && error.code === "CONNECTION", String(error));
    return;
  }
  const recorder = new Recorder();
  client.start(recorder);
  await recorder.when(() => recorder.count("end") + recorder.count("close") > 0);
  client.close();
  await recorder.closed();
}

const ipv6Skip = await runtime.listen({ hostname: "::1", port: 0, onConnection: () => {} })
  .then((listener: Listener) => listener.close())
  .then(() => undefined, () => "this machine has no ::1");
