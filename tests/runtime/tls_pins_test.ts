import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TunnelError } from "../../src/errors.ts";
import { runtime } from "../../src/runtime/mod.ts";
import type { Connection, ConnectTlsOptions, Listener, TlsIdentity } from "../../src/runtime/types.ts";
import { makeCertificate, OWN_NAME } from "../../src/trust/certificate.ts";
import { fingerprintOfCertificate } from "../../src/trust/fingerprint.ts";
import { test } from "../harness.ts";
import { ChildProgram } from "../support/child_program.ts";
import { freePort, missing } from "../support/programs.ts";
import { makeCertificates } from "./_certificates.ts";
import { startEcho } from "./_links.ts";
import { pattern, Recorder } from "./_recorder.ts";

const { ca, strangerCa, server, expired, otherName } = makeCertificates();

/** A certificate that nobody else has signed, as the program makes them. */
function ownIdentity(): TlsIdentity {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { cert: makeCertificate({ key: privateKey, now: Date.now() }), key };
}

const own = ownIdentity();
const pin = fingerprintOfCertificate(own.cert);
const otherPin = fingerprintOfCertificate(ownIdentity().cert);

/** Listens, and remembers what came in. */
async function listen(tls: TlsIdentity): Promise<{ listener: Listener; accepted: Recorder[] }> {
  const accepted: Recorder[] = [];
  const onConnection = (connection: Connection): void => void accepted.push(startEcho(connection));
  const listener = await runtime.listen({ hostname: "127.0.0.1", port: 0, tls, onConnection });
  return { listener, accepted };
}

async function talk(listener: Listener, tls: ConnectTlsOptions, hostname = "127.0.0.1"): Promise<string> {
  const connection = await runtime.connect({ ...listener.address, hostname, tls });
  const fingerprint = connection.peerFingerprint;
  const recorder = new Recorder();
  connection.start(recorder);
  await recorder.send(connection, pattern(10));
  await recorder.when(() => recorder.receivedBytes === 10);
  connection.closeWrite();
  assert.equal(await recorder.closed(), undefined);
  return fingerprint ?? "none";
}

const TAKEN: [string, TlsIdentity, ConnectTlsOptions][] = [
  ["the server's key", own, { pins: [pin] }],
  ["the server's key as the second of two", own, { pins: [otherPin, pin] }],
  ["the server's key in hexadecimal", own, {
    pins: [Buffer.from(pin.slice(7), "base64url").toString("hex")],
  }],
  ["the key of an ended certificate", expired, { pins: [fingerprintOfCertificate(expired.cert)] }],
  ["the key of a certificate for another name", otherName, {
    pins: [fingerprintOfCertificate(otherName.cert)],
  }],
  ["the key and the authority that signed it", server, { ca, pins: [fingerprintOfCertificate(server.cert)] }],
];

for (const [name, identity, tls] of TAKEN) {
  test(`TLS pins: a server is taken by a pin of ${name}`, async () => {
    const { listener } = await listen(identity);
    assert.equal(await talk(listener, tls), fingerprintOfCertificate(identity.cert));
    assert.equal(await talk(listener, tls, "localhost"), fingerprintOfCertificate(identity.cert));
    await listener.close();
  });
}

const REFUSED: [string, TlsIdentity, ConnectTlsOptions, RegExp][] = [
  [
    "another key",
    own,
    { pins: [otherPin] },
    new RegExp(`the server's key, ${pin}, is not a pinned one; either`),
  ],
  ["two other keys", own, { pins: [otherPin, fingerprintOfCertificate(server.cert)] }, /is not a pinned one/],
  ["another key, though signed by the authority", server, { ca, pins: [pin] }, /is not a pinned one/],
  ["its key, but not signed by the authority", server, {
    ca: strangerCa,
    pins: [fingerprintOfCertificate(server.cert)],
  }, /./],
  ["its key, but for another name", otherName, { ca, pins: [fingerprintOfCertificate(otherName.cert)] }, /./],
  ["its key, but ended", expired, { ca, pins: [fingerprintOfCertificate(expired.cert)] }, /./],
  ["no key, trusting the system's authorities,", own, {}, /./],
];

for (const [name, identity, tls, reason] of REFUSED) {
  test(`TLS pins: a server is refused by a pin of ${name} before anything is sent`, async () => {
    const { listener, accepted } = await listen(identity);
    await assert.rejects(talk(listener, tls), (error: unknown) => {
      assert.ok(error instanceof TunnelError && error.code === "CONNECTION", String(error));
      assert.match(error.message, /^Could not connect to 127\.0\.0\.1:\d+: ./);
      assert.match(error.message, reason);
      return true;
    });
    for (const recorder of accepted) assert.equal(recorder.receivedBytes, 0);
    await listener.close();
  });
}

test("TLS: a certificate that signs itself can be trusted like an authority, for the name in it", async () => {
  const { listener } = await listen(own);
  const tls = { ca: own.cert, serverName: OWN_NAME };
  assert.equal(await talk(listener, tls), pin);
  await assert.rejects(talk(listener, { ca: own.cert }), { code: "CONNECTION" });
  await assert.rejects(talk(listener, { ...tls, ca: ownIdentity().cert }), { code: "CONNECTION" });
  await listener.close();
});

test("TLS skipVerify: any server is taken, and shows its key", async () => {
  for (const identity of [own, expired, otherName]) {
    const { listener } = await listen(identity);
    const fingerprint = await talk(listener, { skipVerify: true });
    assert.equal(fingerprint, fingerprintOfCertificate(identity.cert));
    await listener.close();
  }
});

test("TLS: a connection that speaks no TLS has no fingerprint, and neither has a client without a certificate", async () => {
  const seen: (string | undefined)[] = [];
  for (const tls of [undefined, own]) {
    const closed = Promise.withResolvers<void>();
    const listener = await runtime.listen({
      hostname: "127.0.0.1",
      port: 0,
      ...(tls === undefined ? {} : { tls }),
      onConnection: (connection) => {
        seen.push(connection.peerFingerprint);
        connection.close();
        closed.resolve();
      },
    });
    const connection = await runtime.connect({
      ...listener.address,
      ...(tls === undefined ? {} : { tls: { pins: [pin] } }),
    });
    await closed.promise;
    connection.close();
    await listener.close();
  }
  assert.deepEqual(seen, [undefined, undefined]);
});

test("TLS: trust that makes no sense is refused at once", async () => {
  const senseless: ConnectTlsOptions[] = [
    { pins: [] },
    { pins: ["sha256:short"] },
    { pins: [pin, ""] },
    { skipVerify: true, pins: [pin] },
    { skipVerify: true, ca },
    { skipVerify: true, serverName: "localhost" },
  ];
  for (const tls of senseless) {
    await assert.rejects(
      runtime.connect({ hostname: "127.0.0.1", port: 1, tls }),
      TypeError,
      JSON.stringify(tls),
    );
  }
});

/** The victim's public key with somebody else's private one: what openssl takes for a key of the victim's certificate. */
function forgedKey(victim: string): string {
  const real = createPrivateKey(victim).export({ type: "sec1", format: "der" });
  const other = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    .export({ type: "sec1", format: "der" });
  // Sequence, version 1, and the 32 octets of the private key (RFC 5915); the public one comes behind.
  const forged = Buffer.from(real);
  other.copy(forged, 7, 7, 39);
  const lines = forged.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN EC PRIVATE KEY-----\n${lines.join("\n")}\n-----END EC PRIVATE KEY-----\n`;
}

for (const [how, tls] of [["pinned", { pins: [pin] }], ["taken unseen", { skipVerify: true }]] as const) {
  test(`TLS: a server with the ${how} certificate and without its private key is refused`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "ferrotunnel-test-"));
    const serve = async (name: string, key: string): Promise<{ program: ChildProgram; port: number }> => {
      const port = await freePort();
      writeFileSync(join(folder, `${name}.crt`), own.cert);
      writeFileSync(join(folder, `${name}.key`), key);
      const files = ["-cert", join(folder, `${name}.crt`), "-key", join(folder, `${name}.key`)];
      const program = new ChildProgram([
        "openssl",
        "s_server",
        "-accept",
        String(port),
        "-tls1_3",
        "-www",
        ...files,
      ]);
      await program.line(/^ACCEPT/);
      return { program, port };
    };
    const real = await serve("real", own.key);
    const forged = await serve("forged", forgedKey(own.key));
    const connection = await runtime.connect({ hostname: "127.0.0.1", port: real.port, tls });
    assert.equal(connection.peerFingerprint, pin);
    const recorder = new Recorder();
    connection.start(recorder);
    connection.close();
    await recorder.closed();
    await assert.rejects(
      runtime.connect({ hostname: "127.0.0.1", port: forged.port, tls }),
      (error: unknown) => error instanceof TunnelError && error.code === "CONNECTION",
    );
    for (const { program } of [real, forged]) await program[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  }, { skip: missing("openssl") });
}
