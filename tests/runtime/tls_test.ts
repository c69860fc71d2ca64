import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { TunnelError } from "../../src/errors.ts";
import { MAX_TLS_HANDSHAKES } from "../../src/runtime/_limits.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectOptions, Listener, TlsOptions } from "../../src/runtime/types.ts";
import { runtimeName, test } from "../harness.ts";
import { makeCertificates } from "./_certificates.ts";
import { dialSilently, eventually, startEcho } from "./_links.ts";
import { pattern, Recorder } from "./_recorder.ts";

const certificates = makeCertificates();
const { ca, client, expired, otherName, server, strangerCa, strangerClient } = certificates;

/** A TLS listener that echoes, and what it was told. */
interface Echo {
  readonly listener: Listener;
  readonly accepted: Recorder[];
  readonly errors: Error[];
  /** Resolves when an error is reported. */
  readonly failed: Promise<Error>;
}

async function listenEcho(tls: TlsOptions): Promise<Echo> {
  const accepted: Recorder[] = [];
  const errors: Error[] = [];
  const failed = Promise.withResolvers<Error>();
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    onConnection: (connection) => void accepted.push(startEcho(connection)),
    onError: (error) => {
      errors.push(error);
      failed.resolve(error);
    },
  });
  return { listener, accepted, errors, failed: failed.promise };
}

async function talk(listener: Listener, options: Partial<ConnectOptions>): Promise<void> {
  const connection = await runtime.connect({ ...listener.address, ...options });
  const recorder = new Recorder();
  connection.start(recorder);
  await recorder.send(connection, pattern(10));
  await recorder.when(() => recorder.receivedBytes === 10);
  connection.closeWrite();
  assert.equal(await recorder.closed(), undefined);
}

test("TLS: a server whose certificate is for the dialled name is taken", async () => {
  const { listener } = await listenEcho(server);
  await talk(listener, { hostname: "localhost", tls: { ca } });
  await talk(listener, { hostname: "127.0.0.1", tls: { ca } });
  await talk(listener, { tls: { ca, serverName: "localhost" } });
  await listener.close();
});

for (
  const refused of [
    { name: "of an unknown authority", identity: server, tls: { ca: strangerCa } },
    { name: "of an unknown authority, trusting the system's,", identity: server, tls: {} },
    { name: "for another name than the address dialled", identity: otherName, tls: { ca } },
    { name: "for another name than serverName", identity: server, tls: { ca, serverName: "other.example" } },
    { name: "that is no longer valid", identity: expired, tls: { ca } },
  ]
) {
  test(`TLS: a server's certificate ${refused.name} is refused`, async () => {
    const { listener, accepted } = await listenEcho(refused.identity);
    await assert.rejects(talk(listener, { tls: refused.tls }), (error: unknown) => {
      assert.ok(error instanceof TunnelError, String(error));
      assert.equal(error.code, "CONNECTION");
      assert.match(error.message, /^Could not connect to 127\.0\.0\.1:\d+: ./);
      return true;
    });
    for (const recorder of accepted) assert.equal(recorder.receivedBytes, 0);
    await listener.close();
  });
}

test("TLS: mutual TLS lets the right client in", async () => {
  const { listener, accepted, errors } = await listenEcho({ ...server, ca });
  await talk(listener, { tls: { ca, ...client } });
  assert.equal(accepted.length, 1);
  assert.deepEqual(errors, []);
  await listener.close();
});

for (
  const refused of [
    { name: "without a certificate", tls: { ca } },
    { name: "with a certificate of another authority", tls: { ca, ...strangerClient } },
  ]
) {
  test(`TLS: mutual TLS refuses a client ${refused.name}, which learns of it after it connected`, async () => {
    const { listener, accepted, failed } = await listenEcho({ ...server, ca });
    const recorder = new Recorder();
    try {
      const connection = await runtime.connect({ ...listener.address, tls: refused.tls });
      connection.start(recorder);
      await recorder.when(() => recorder.events.length > 0);
      // Bun passes on the server's alert in one of the two cases, and shows the other one as an end.
      if (runtimeName === "deno" || recorder.count("close") > 0) {
        const error = await recorder.closed();
        assert.ok(error instanceof TunnelError, String(error));
        assert.match(error.message, /^Lost the connection with 127\.0\.0\.1:\d+: ./);
      }
      connection.close();
      await recorder.closed();
    } catch (error) {
      // The server was quicker.
      assert.ok(error instanceof TunnelError && error.code === "CONNECTION", String(error));
    }
    assert.match((await failed).message, /^Refused a TLS handshake from 127\.0\.0\.1:\d+: ./);
    assert.equal(accepted.length, 0);
    assert.equal(recorder.receivedBytes, 0);
    await listener.close();
  });
}

test("TLS: a client that speaks TLS 1.2 at most is refused", async () => {
  const { listener, accepted, failed } = await listenEcho(server);
  assert.match(await openssl(listener, "-tls1_2"), /Cipher is \(NONE\)/);
  assert.ok((await failed) instanceof TunnelError);
  assert.equal(accepted.length, 0);
  // The same command is let in when it may speak TLS 1.3.
  assert.match(await openssl(listener, "-tls1_3"), /TLSv1\.3, Cipher is TLS_/);
  await listener.close();
});

test("TLS: a client that speaks something else is refused", async () => {
  const { listener, accepted, failed } = await listenEcho(server);
  const socket = connect(listener.address.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  socket.end("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "close");
  assert.match((await failed).message, /^Refused a TLS handshake from /);
  assert.equal(accepted.length, 0);
  await listener.close();
});

test(`TLS: at most ${MAX_TLS_HANDSHAKES} handshakes go on at once without admit()`, async () => {
  const { listener } = await listenEcho(server);
  const silent = await Promise.all(
    Array.from({ length: MAX_TLS_HANDSHAKES - 1 }, () => dialSilently(listener)),
  );
  await talk(listener, { tls: { ca } });
  silent.push(await dialSilently(listener));
  await assert.rejects(
    runtime.connect({ ...listener.address, tls: { ca } }),
    (error: unknown) => error instanceof TunnelError && error.code === "CONNECTION",
  );
  // A place that is left is free again.
  const [leaving, ...others] = silent;
  leaving?.destroy();
  await eventually(() => talk(listener, { tls: { ca } }));
  for (const socket of others) socket.destroy();
  await listener.close();
});

test("TLS: close() of the listener ends handshakes that go on", async () => {
  const { listener } = await listenEcho(server);
  const socket = await dialSilently(listener);
  const closed = once(socket, "close");
  await listener.close();
  await closed;
});

test("TLS: an end without close_notify is an error", async () => {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: server,
    onConnection: accepted.resolve,
  });
  const relay = await startRelay(listener);
  const connection = await runtime.connect({ hostname: "127.0.0.1", port: relay.port, tls: { ca } });
  const recorder = new Recorder();
  const atServer = new Recorder();
  connection.start(recorder);
  (await accepted.promise).start(atServer);
  await recorder.send(connection, pattern(10));
  await atServer.when(() => atServer.receivedBytes === 10);
  relay.cut();
  assert.ok((await atServer.closed()) instanceof TunnelError);
  assert.equal(atServer.count("end"), 0);
  connection.close();
  await recorder.closed();
  await relay.stop();
  await listener.close();
}, { skip: runtimeName === "bun" ? "Bun reports a FIN without close_notify as an end" : undefined });

test("TLS: files that are not valid are refused at once", async () => {
  const onConnection = (): void => {};
  const address = { hostname: "127.0.0.1", port: 0 };
  const isConfigError = (error: unknown): boolean => error instanceof TunnelError && error.code === "CONFIG";
  for (
    const tls of [
      { cert: server.cert, key: client.key },
      { cert: "nonsense", key: server.key },
      { ...server, ca: "nonsense" },
    ]
  ) {
    await assert.rejects(runtime.listen({ ...address, onConnection, tls }), isConfigError);
    await assert.rejects(runtime.connect({ ...address, port: 1, tls }), isConfigError);
  }
  await assert.rejects(runtime.listen({ ...address, onConnection, tls: { ca } }), TypeError);
  await assert.rejects(runtime.connect({ ...address, port: 1, tls: { cert: client.cert } }), TypeError);
});

function openssl(listener: Listener, ...options: string[]): Promise<string> {
  const target = `127.0.0.1:${listener.address.port}`;
  return new Promise((resolve) => {
    const child = execFile("openssl", ["s_client", "-connect", target, ...options], (_, out) => resolve(out));
    child.stdin?.end();
  });
}

/** Passes bytes on, until it ends the server's side with a FIN of its own making. */
async function startRelay(
  listener: Listener,
): Promise<{ port: number; cut: () => void; stop: () => Promise<void> }> {
  let inner: Socket | undefined;
  let outer: Socket | undefined;
  const relay = createServer((socket) => {
    outer = socket;
    inner = connect(listener.address.port, "127.0.0.1");
    for (const end of [inner, outer]) end.on("error", () => {});
    socket.pipe(inner, { end: false });
    inner.pipe(socket);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  const address = relay.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    cut: () => {
      inner?.end();
    },
    stop: async () => {
      inner?.destroy();
      outer?.destroy();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}
