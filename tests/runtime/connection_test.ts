import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { connect as connectTls } from "node:tls";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, Listener } from "../../src/runtime/types.ts";
import { runtimeName, test } from "../harness.ts";
import { makeCertificates } from "./_certificates.ts";
import { connectionContract } from "./connection_contract.ts";
import { type ForeignPeer, transportMethods } from "./_links.ts";

const certificates = makeCertificates();

connectionContract("TCP", {
  ...transportMethods(),
  dialForeign: async (listener) => {
    const socket = connect(listener.address.port, listener.address.hostname);
    await once(socket, "connect");
    return foreignPeer(socket);
  },
  resetSkip: runtimeName === "deno" ? "Deno cannot send a reset on its own TCP" : undefined,
  crowd: 500,
});

connectionContract("TLS", {
  ...transportMethods({ server: certificates.server, client: { ca: certificates.ca } }),
  dialForeign: async (listener) => {
    const { port, hostname: host } = listener.address;
    const socket = connectTls({ port, host, ca: certificates.ca, servername: "localhost" });
    await once(socket, "secureConnect");
    return foreignPeer(socket);
  },
  crowd: 60,
});

test("TCP: connect() to a host that does not answer gives up after its timeout", async () => {
  const busy = await startBusyListener();
  const established: Connection[] = [];
  try {
    let failure: unknown;
    // Every connect succeeds until the queue of the listener, which accepts nothing, is full.
    while (failure === undefined && established.length < 6000) {
      await runtime.connect({ hostname: "127.0.0.1", port: busy.port, timeoutMs: 500 }).then(
        (connection) => established.push(connection),
        (error: unknown) => failure = error,
      );
    }
    assert.ok(failure instanceof TunnelError);
    assert.equal(failure.code, "TIMEOUT");
    assert.match(failure.message, /^Could not connect to 127\.0\.0\.1:\d+: no answer within 500 ms; /);
  } finally {
    for (const connection of established) connection.close();
    await busy.stop();
  }
});

test("TLS: connect() to something that never answers the handshake gives up after its timeout", async () => {
  const accepted: Connection[] = [];
  const listener: Listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    onConnection: (connection) => accepted.push(connection),
  });
  await assert.rejects(
    runtime.connect({ ...listener.address, timeoutMs: 200, tls: { ca: certificates.ca } }),
    (error: unknown) => error instanceof TunnelError && error.code === "TIMEOUT",
  );
  assert.equal(accepted.length, 1);
  for (const connection of accepted) connection.close();
  await listener.close();
});

test("connect() to a name that does not exist says so", async () => {
  await assert.rejects(runtime.connect({ hostname: "no-such-host.invalid", port: 1 }), (error: unknown) => {
    assert.ok(error instanceof TunnelError);
    assert.equal(error.code, "CONNECTION");
    assert.match(error.message, /^Could not connect to no-such-host\.invalid:1: /);
    return true;
  });
});

test("connect() takes a host name", async () => {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0, onConnection: accepted.resolve });
  const client = await runtime.connect({ hostname: "localhost", port: listener.address.port });
  assert.equal(client.remote.hostname, "127.0.0.1");
  client.close();
  (await accepted.promise).close();
  await listener.close();
});

test("listen() on an address of another machine says so", async () => {
  await assert.rejects(
    runtime.listen({ hostname: "192.0.2.1", port: 0, onConnection: () => {} }),
    (error: unknown) => {
      assert.ok(error instanceof TunnelError);
      assert.equal(error.code, "BIND");
      assert.match(
        error.message,
        /^Could not listen on 192\.0\.2\.1:0: this machine does not have that address; /,
      );
      return true;
    },
  );
});

test("onConnection that throws closes the connection and is reported", async () => {
  const thrown = new Error("Thrown by onConnection");
  const reported = Promise.withResolvers<Error>();
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    onConnection: () => {
      throw thrown;
    },
    onError: reported.resolve,
  });
  const socket = connect(listener.address.port, "127.0.0.1");
  socket.resume();
  await once(socket, "close");
  assert.equal(await reported.promise, thrown);
  await listener.close();
});

function foreignPeer(socket: Socket): ForeignPeer {
  socket.on("error", () => {});
  return {
    write: (bytes) => socket.write(bytes),
    reset: () => socket.resetAndDestroy(),
  };
}

/** A process that listens and then does nothing at all. */
async function startBusyListener(): Promise<{ port: number; stop: () => Promise<void> }> {
  const script = `
    const server = require("node:net").createServer();
    server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
      require("node:fs").writeSync(1, String(server.address().port) + "\\n");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const args = runtimeName === "deno" ? ["eval", "--ext=cjs", script] : ["-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = await once(child.stdout, "data");
  return {
    port: Number(String(line)),
    stop: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
