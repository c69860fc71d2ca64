import assert from "node:assert/strict";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectTlsOptions, Listener, ListenTlsOptions } from "../../src/runtime/types.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { test } from "../harness.ts";
import { selfSigned } from "../support/identities.ts";
import { missing } from "../support/programs.ts";
import { makeCertificates } from "./_certificates.ts";
import { pattern, Recorder } from "./_recorder.ts";

const skip = missing("openssl");
const first = skip === undefined ? selfSigned("localhost") : { cert: "", key: "" };
const second = skip === undefined ? selfSigned("localhost") : { cert: "", key: "" };

/** A listener that sends back what comes, and every connection that it took. */
async function listen(tls?: ListenTlsOptions): Promise<{ listener: Listener; taken: Recorder[] }> {
  const taken: Recorder[] = [];
  const onConnection = (connection: Connection): void => {
    const recorder = new Recorder();
    taken.push(recorder);
    let echoedBytes = 0;
    let writing = false;
    recorder.onEvent = (event) => {
      if (event === "end") return connection.closeWrite();
      if (event === "close") return;
      if (event === "drain") writing = false;
      const rest = Uint8Array.from(recorder.bytes().subarray(echoedBytes));
      if (writing || rest.length === 0) return;
      echoedBytes += rest.length;
      writing = !connection.write(rest);
    };
    connection.start(recorder);
  };
  const listener = await runtime.listen({
    hostname: "127.0.0.1",
    port: 0,
    onConnection,
    onError: () => {},
    ...(tls === undefined ? {} : { tls }),
  });
  return { listener, taken };
}

interface Talk {
  readonly connection: Connection;
  readonly recorder: Recorder;
}

async function dial(listener: Listener, tls: ConnectTlsOptions = { skipVerify: true }): Promise<Talk> {
  const connection = await runtime.connect({ ...listener.address, tls });
  const recorder = new Recorder();
  connection.start(recorder);
  return { connection, recorder };
}

async function echo({ connection, recorder }: Talk): Promise<void> {
  const before = recorder.receivedBytes;
  await recorder.send(connection, pattern(1000));
  await recorder.when(() => recorder.receivedBytes === before + 1000);
}

async function hangUp({ connection, recorder }: Talk): Promise<void> {
  connection.closeWrite();
  assert.equal(await recorder.closed(), undefined);
}

test("TLS swap: new connections see the new certificate, and open ones go on", async () => {
  const { listener } = await listen(first);
  const before = await dial(listener, { pins: [fingerprintOfCertificate(first.cert)] });
  await echo(before);
  listener.setIdentities?.([second]);
  const after = await dial(listener, { pins: [fingerprintOfCertificate(second.cert)] });
  await echo(after);
  assert.equal(before.connection.peerFingerprint, fingerprintOfCertificate(first.cert));
  for (const talk of [before, after]) await hangUp(talk);
  await listener.close();
}, { skip });

test("TLS swap: a file that cannot be used changes nothing", async () => {
  const { listener } = await listen(first);
  const wrong = [
    { cert: second.cert, key: first.key },
    { cert: "nonsense", key: first.key },
    { cert: first.cert, key: "" },
  ];
  for (const identity of wrong) {
    assert.throws(
      () => listener.setIdentities?.([identity]),
      (error: unknown) => error instanceof TunnelError && error.code === "CONFIG",
    );
  }
  for (const identities of [[], [first, second]]) {
    assert.throws(() => listener.setIdentities?.(identities), TypeError);
  }
  assert.throws(() => listener.setIdentities?.([second], { ca: second.cert }), TypeError);
  const talk = await dial(listener, { pins: [fingerprintOfCertificate(first.cert)] });
  await echo(talk);
  await hangUp(talk);
  await listener.close();
}, { skip });

test("TLS swap: client certificates stay demanded, and other authorities can take over", async () => {
  const { ca, strangerCa, client, strangerClient, server } = makeCertificates();
  const { listener, taken } = await listen({ ...server, ca });
  const refuses = async (tls: ConnectTlsOptions): Promise<void> => {
    const count = taken.length;
    try {
      const { connection, recorder } = await dial(listener, tls);
      await recorder.when(() => recorder.events.length > 0);
      connection.close();
      await recorder.closed();
      assert.equal(recorder.receivedBytes, 0);
    } catch (error) {
      assert.ok(error instanceof TunnelError && error.code === "CONNECTION", String(error));
    }
    assert.equal(taken.length, count, "was let in");
  };
  const takes = async (tls: ConnectTlsOptions): Promise<void> => {
    const talk = await dial(listener, tls);
    await echo(talk);
    await hangUp(talk);
  };
  const pins = [fingerprintOfCertificate(server.cert)];
  await takes({ pins, ...client });
  // The certificate alone changes: the authority stays.
  listener.setIdentities?.([second]);
  const pinned = { pins: [fingerprintOfCertificate(second.cert)] };
  await takes({ ...pinned, ...client });
  await refuses(pinned);
  await refuses({ ...pinned, ...strangerClient });
  // Now the authority too.
  listener.setIdentities?.([second], { ca: strangerCa });
  await takes({ ...pinned, ...strangerClient });
  await refuses({ ...pinned, ...client });
  await refuses(pinned);
  // And it stays when the certificate changes once more.
  listener.setIdentities?.([server]);
  await takes({ pins, ...strangerClient });
  await refuses({ pins, ...client });
  await listener.close();
}, { skip });

test("TLS swap: a listener without TLS has none", async () => {
  const { listener } = await listen();
  assert.equal(listener.setIdentities, undefined);
  await listener.close();
});
