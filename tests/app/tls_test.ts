import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type ClientOptions,
  type ConnectTlsOptions,
  type RunningServer,
  startClient,
  startServer,
  TunnelError,
} from "../../mod.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { openIdentity } from "../../src/trust/identity_store.ts";
import { test } from "../harness.ts";
import { inFolder } from "../support/temporary_folder.ts";

const TOKEN = "correct horse battery staple";
const OPTIONS = {
  bind: { hostname: "127.0.0.1", port: 0 },
  serviceHost: "127.0.0.1",
  tokens: [{ name: "test", token: TOKEN }],
} as const;

function clientOptions(server: RunningServer, tls: ConnectTlsOptions): ClientOptions {
  return {
    server: server.address,
    token: TOKEN,
    tls,
    services: [{ name: "web", kind: "tcp", local: { hostname: "127.0.0.1", port: 1 }, remotePort: 0 }],
  };
}

/** Connects, and is gone. @throws {Error} with the reason when the server is not trusted */
async function connect(server: RunningServer, tls: ConnectTlsOptions): Promise<void> {
  const refused = Promise.withResolvers<never>();
  refused.promise.catch(() => {});
  const client = startClient(clientOptions(server, tls), {
    onEvent: (event) => event.type === "disconnected" && refused.reject(new Error(event.reason)),
  });
  try {
    await Promise.race([client.ready, refused.promise]);
  } finally {
    await client.stop();
  }
}

test("startServer() with tls and no certificate has a key of its own, the same the next time", async () => {
  await inFolder(async (stateDir) => {
    const server = await startServer({ ...OPTIONS, tls: {}, stateDir });
    const { fingerprint = "" } = server;
    assert.equal(fingerprint, (await openIdentity({ directory: stateDir })).fingerprint);
    await connect(server, { pins: [fingerprint] });
    await assert.rejects(connect(server, { pins: [`sha256:${"A".repeat(43)}`] }), /is not a pinned one/);
    await assert.rejects(connect(server, {}), /^Error: Could not connect to /);
    await server.stop();
    const again = await startServer({ ...OPTIONS, tls: {}, stateDir });
    assert.equal(again.fingerprint, fingerprint);
    await again.stop();
  });
});

test("RunningServer.setTls() holds for the clients that come, and a bad file changes nothing", async () => {
  await inFolder(async (folder) => {
    const [first, second] = [
      await openIdentity({ directory: join(folder, "1") }),
      await openIdentity({ directory: join(folder, "2") }),
    ];
    const server = await startServer({ ...OPTIONS, tls: { cert: first.cert, key: first.key } });
    const stays = startClient(clientOptions(server, { pins: [first.fingerprint] }));
    await stays.ready;
    for (const files of [{ cert: second.cert }, { key: "nonsense" }]) {
      assert.throws(
        () => server.setTls(files),
        (error: unknown) => error instanceof TunnelError && error.code === "CONFIG",
      );
      assert.equal(server.fingerprint, first.fingerprint);
    }
    server.setTls({ cert: second.cert, key: second.key });
    assert.equal(server.fingerprint, fingerprintOfCertificate(second.cert));
    await assert.rejects(connect(server, { pins: [first.fingerprint] }), /is not a pinned one/);
    assert.ok(stays.connected);
    await stays.stop();
    await connect(server, { pins: [second.fingerprint] });
    assert.throws(() => server.setTls({ ca: first.cert }), TypeError);
    await server.stop();
  });
});

test("A server without TLS has no fingerprint, and takes no TLS files", async () => {
  const server = await startServer(OPTIONS);
  assert.equal(server.fingerprint, undefined);
  assert.throws(() => server.setTls({ cert: "x", key: "x" }), TypeError);
  await server.stop();
});

test("startClient() refuses not to verify a server that is not on this machine", async () => {
  await inFolder(async (stateDir) => {
    const server = await startServer({ ...OPTIONS, tls: {}, stateDir });
    await connect(server, { skipVerify: true });
    const elsewhere = {
      ...clientOptions(server, { skipVerify: true }),
      server: { hostname: "a.example", port: 1 },
    };
    assert.throws(() => startClient(elsewhere), /gives its token to anybody: not for a\.example/);
    await server.stop();
  });
});
